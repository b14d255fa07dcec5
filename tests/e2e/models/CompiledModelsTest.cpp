//===- CompiledModelsTest.cpp - the engine on compiled host kernels -------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CompiledKernels.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace zorse {
namespace {

// The kernels add in f32 and in another order than the golden run did; logits reach 20, whose unit
// is 1e-6. See the oracle's run for how near fp64 arithmetic comes.
constexpr double f32Tolerance = 2e-4;

class CompiledModels : public testing::TestWithParam<std::string> {
protected:
  static EngineSetup setup(DType dtype) {
    static CompiledKernels host(createHostDevice());
    return host.setup(dtype);
  }
};

TEST_P(CompiledModels, ContinuesEveryPromptAsGolden) { checkGreedy(GetParam(), setup(DType::F32)); }
TEST_P(CompiledModels, GivesTheGoldenLogits) {
  checkPromptLogits(GetParam(), setup(DType::F32), f32Tolerance);
}
TEST_P(CompiledModels, FillsTheCachesAsTraced) {
  checkTrace(GetParam(), setup(DType::F32), f32Tolerance);
}
TEST_P(CompiledModels, TakesAPromptInPieces) {
  checkPieces(GetParam(), setup(DType::F32), f32Tolerance);
}
TEST_P(CompiledModels, ReplaysDecodeSteps) { checkGraphs(GetParam(), setup(DType::F32)); }
TEST_P(CompiledModels, RunsInBf16) { checkSixteenBit(GetParam(), setup(DType::BF16)); }
TEST_P(CompiledModels, RunsInF16) { checkSixteenBit(GetParam(), setup(DType::F16)); }

TEST_P(CompiledModels, MixesPromptsWithDecode) {
  checkMixedSteps(GetParam(), setup(DType::F32), f32Tolerance);
}
TEST_P(CompiledModels, RunsOnPages) { checkPages(GetParam(), setup(DType::F32), f32Tolerance); }
TEST_P(CompiledModels, TakesSixteenBitCachesAndStates) {
  checkSixteenBitCaches(GetParam(), setup(DType::F32));
}

INSTANTIATE_TEST_SUITE_P(Golden, CompiledModels, testing::ValuesIn(goldenModels()),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
} // namespace zorse
