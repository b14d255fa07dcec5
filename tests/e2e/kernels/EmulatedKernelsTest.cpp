//===- EmulatedKernelsTest.cpp - AMD code objects against the oracle ------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every op kind, compiled for AMD targets and executed instruction by instruction
// with all checks on: random ops, ragged lengths, and every second configuration drawn
// from the whole space. ZORSE_KERNEL_CASES sets how many of each kind and dtype.
//
//===----------------------------------------------------------------------===//
#include "EmulatedKernel.h"
#include "RandomOps.h"

#include "zorse/compiler/Compile.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fmt/format.h>

namespace zorse {
namespace {

constexpr uint64_t firstSeed = 20'261'121;
constexpr double maxFlops = 1.5e7;

int casesOfEach() {
  const char *text = std::getenv("ZORSE_KERNEL_CASES");
  return text ? std::atoi(text) : 6;
}

class EmulatedKernels : public testing::TestWithParam<std::tuple<std::string, std::string, DType>> {
protected:
  static void TearDownTestSuite() { printTallies(); }
};

TEST_P(EmulatedKernels, AgreeWithTheOracle) {
  const auto &[arch, kind, dtype] = GetParam();
  const TargetDesc target = findTarget(arch).take();
  EmulatorDevice &device = emulatorFor(arch);
  for (int i = 0; i < casesOfEach(); ++i) {
    uint64_t seed =
        firstSeed + static_cast<uint64_t>(i) * 1000 + static_cast<uint64_t>(dtype) * 100;
    for (char letter : arch + kind)
      seed = seed * 31 + static_cast<uint64_t>(letter);
    std::mt19937_64 random(seed);
    RandomOp drawn = drawOp(kind, dtype, random, maxFlops);
    Result<KernelConfig> config = KernelConfig::defaults(drawn.op, target);
    ASSERT_TRUE(config) << config.error().message;
    if (i % 2 == 1) {
      std::vector<KernelConfig> all = enumerateConfigs(drawn.op, target);
      config = all[random() % all.size()];
    }
    // Some launches have sequences that bring no token.
    Lengths lengths = i % 3 == 2 ? Lengths::Sparse : Lengths::Ragged;
    std::string what = fmt::format("{} for {} at {} with {}, seed {}{}", drawn.op.canonicalJson(),
                                   arch, describe(drawn.sizes), config->text(), seed,
                                   lengths == Lengths::Sparse ? ", empty sequences" : "");
    SCOPED_TRACE(what);
    Result<CompileOutput> compiled = compile(drawn.op, target, *config);
    ASSERT_TRUE(compiled) << compiled.error().message;
    Result<Comparison> comparison =
        runAndCompare(device, compiled->object, drawn.op, drawn.sizes, seed, lengths);
    if (!comparison) {
      ADD_FAILURE() << comparison.error().message;
      continue;
    }
    EXPECT_TRUE(comparison->passed) << comparison->wrong << " of " << comparison->elements
                                    << " elements are wrong, worst " << comparison->detail;
    addToTally(arch, kind, *comparison);
  }
}

std::vector<std::string> kinds() {
  std::vector<std::string> names;
  for (const OpSpec &spec : allOpSpecs())
    names.push_back(spec.kind);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Random, EmulatedKernels,
                         testing::Combine(testing::Values("gfx90a", "gfx942"),
                                          testing::ValuesIn(kinds()),
                                          testing::Values(DType::BF16, DType::F16, DType::F32)),
                         [](const auto &info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param) + "_" +
                                  std::string(name(std::get<2>(info.param)));
                         });

} // namespace
} // namespace zorse
