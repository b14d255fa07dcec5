//===- PublishedKernelsTest.cpp - kernels of the published models ---------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The launches that bench/counts lists, with their default configurations, executed
// with all checks on and compared with the oracle; those that the oracle can afford.
//
//===----------------------------------------------------------------------===//
#include "EmulatedKernel.h"

#include "zorse/compiler/Compile.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

namespace zorse {
namespace {

constexpr double affordableFlops = 3e8;

class PublishedKernels : public testing::TestWithParam<std::tuple<std::string, std::string>> {
protected:
  static void TearDownTestSuite() { printTallies(); }
};

TEST_P(PublishedKernels, AgreeWithTheOracle) {
  const auto &[arch, dtype] = GetParam();
  const TargetDesc target = findTarget(arch).take();
  std::ifstream file(ZORSE_SOURCE_DIR "/bench/counts/launches.json");
  const auto launches = nlohmann::json::parse(file);
  int run = 0;
  for (const auto &launch : launches) {
    nlohmann::json request = launch["op"];
    if (request["op"] != "argmax") // its logits are f32
      request["dtype"] = dtype;
    SCOPED_TRACE(fmt::format("{} for {}", request.dump(), arch));
    Result<OpDesc> op = OpDesc::parse(request.dump());
    ASSERT_TRUE(op) << op.error().message;
    const Sizes sizes = consistentSizes(*op, op->tuningPoint());
    Result<int64_t> flops = op->spec().flops.evaluate(op->scope(sizes));
    Result<int64_t> bytes = op->operandBytes(sizes);
    ASSERT_TRUE(flops && bytes);
    if (static_cast<double>(*flops) > affordableFlops || *bytes > (int64_t(1) << 28))
      continue;
    Result<KernelConfig> config = KernelConfig::defaults(*op, target);
    ASSERT_TRUE(config) << config.error().message;
    Result<CompileOutput> compiled = compile(*op, target, *config);
    ASSERT_TRUE(compiled) << compiled.error().message;
    Result<Comparison> comparison =
        runAndCompare(emulatorFor(arch), compiled->object, *op, sizes, /*seed=*/7, Lengths::Full);
    if (!comparison) {
      ADD_FAILURE() << comparison.error().message;
      continue;
    }
    EXPECT_TRUE(comparison->passed) << comparison->wrong << " of " << comparison->elements
                                    << " elements are wrong, worst " << comparison->detail;
    addToTally(arch, op->kind(), *comparison);
    ++run;
  }
  EXPECT_GT(run, 60);
}

INSTANTIATE_TEST_SUITE_P(Models, PublishedKernels,
                         testing::Combine(testing::Values("gfx90a", "gfx942"),
                                          testing::Values("bf16", "f16")),
                         [](const auto &info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param);
                         });

} // namespace
} // namespace zorse
