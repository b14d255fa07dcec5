//===- EmulatedModelsTest.cpp - whole models on AMD machine code ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every layer runs through the code objects that a GPU would load, executed
// instruction by instruction.
//
//===----------------------------------------------------------------------===//
#include "CompiledKernels.h"

#include "zorse/emulator/EmulatorDevice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fmt/format.h>

namespace zorse {
namespace {

/// As on the host: f32 sums in another order than the golden run's.
constexpr double f32Tolerance = 2e-4;

class EmulatedModels : public testing::TestWithParam<std::tuple<std::string, std::string>> {
protected:
  static CompiledKernels &emulator() {
    static std::map<std::string, std::unique_ptr<CompiledKernels>> devices;
    const std::string &arch = std::get<0>(GetParam());
    std::unique_ptr<CompiledKernels> &made = devices[arch];
    if (!made) {
      auto device = createEmulatorDevice(findTarget(arch).take());
      made = std::make_unique<CompiledKernels>(
          device ? Result<std::unique_ptr<Device>>(device.take())
                 : Result<std::unique_ptr<Device>>(device.takeError()));
    }
    return *made;
  }
  static CompiledKernels &host() {
    static CompiledKernels host(createHostDevice());
    return host;
  }
  static const std::string &model() { return std::get<1>(GetParam()); }
};

TEST_P(EmulatedModels, ContinuesEveryPromptAsGolden) {
  checkGreedy(model(), emulator().setup(DType::F32));
  auto &device = static_cast<EmulatorDevice &>(*emulator().device);
  emulator::Counts total;
  for (const auto &[symbol, counts] : device.counts())
    total += counts;
  fmt::print("{} on {}: {} wave instructions, {} of them MFMA (simulated)\n", model(),
             std::get<0>(GetParam()), total.instructions, total.byClass["mfma"]);
  EXPECT_GT(total.byClass["mfma"], 0u);
  device.clearCounts();
}
TEST_P(EmulatedModels, FillsTheCachesAsTraced) {
  checkTrace(model(), emulator().setup(DType::F32), f32Tolerance);
}
TEST_P(EmulatedModels, ChoosesTheTokensOfTheHostInBf16) {
  int differing = 0;
  checkSameTokens(model(), host().setup(DType::BF16), emulator().setup(DType::BF16), differing);
  fmt::print("{} of 192 tokens differ from the host's, all within the measured error\n", differing);
}

INSTANTIATE_TEST_SUITE_P(Golden, EmulatedModels,
                         testing::Combine(testing::Values("gfx90a", "gfx942"),
                                          testing::ValuesIn(goldenModels())),
                         [](const auto &info) {
                           std::string name =
                               std::get<0>(info.param) + "_" + std::get<1>(info.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
} // namespace zorse
