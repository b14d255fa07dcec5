//===- ReferenceModelsTest.cpp - the engine on the oracle -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "GoldenModel.h"
#include "ReferenceDevice.h"

#include <gtest/gtest.h>

namespace zorse {
namespace {

// Golden numbers and engine both store f32 between ops; logits reach 20, whose unit is 1e-6. The
// largest difference seen is 2.8e-5.
constexpr double f32Tolerance = 6e-5;

class ReferenceModels : public testing::TestWithParam<std::string> {
protected:
  std::unique_ptr<Device> device = createReferenceDevice();
  Dispatcher dispatcher{*device, nullptr, [this](const OpDesc &op, const Sizes &) {
                          return describeAsCode(op, device->target());
                        }};
  EngineSetup f32{*device, dispatcher, DType::F32};
};

TEST_P(ReferenceModels, ContinuesEveryPromptAsGolden) { checkGreedy(GetParam(), f32); }
TEST_P(ReferenceModels, GivesTheGoldenLogits) { checkPromptLogits(GetParam(), f32, f32Tolerance); }
TEST_P(ReferenceModels, FillsTheCachesAsTraced) { checkTrace(GetParam(), f32, f32Tolerance); }
TEST_P(ReferenceModels, TakesAPromptInPieces) { checkPieces(GetParam(), f32, f32Tolerance); }

TEST_P(ReferenceModels, ReplaysDecodeSteps) { checkGraphs(GetParam(), f32); }
TEST_P(ReferenceModels, RunsInBf16) {
  checkSixteenBit(GetParam(), {*device, dispatcher, DType::BF16});
}
TEST_P(ReferenceModels, RunsInF16) {
  checkSixteenBit(GetParam(), {*device, dispatcher, DType::F16});
}

TEST_P(ReferenceModels, MixesPromptsWithDecode) { checkMixedSteps(GetParam(), f32, f32Tolerance); }
TEST_P(ReferenceModels, RunsOnPages) { checkPages(GetParam(), f32, f32Tolerance); }
TEST_P(ReferenceModels, TakesSixteenBitCachesAndStates) { checkSixteenBitCaches(GetParam(), f32); }

INSTANTIATE_TEST_SUITE_P(Golden, ReferenceModels, testing::ValuesIn(goldenModels()),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
} // namespace zorse
