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

// The golden numbers were computed in f32; sums of a few hundred products of size one leave errors
// of some 1e-6 in them, and logits reach 20.
constexpr double f32Tolerance = 2e-4;

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

INSTANTIATE_TEST_SUITE_P(Golden, ReferenceModels, testing::ValuesIn(goldenModels()),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
} // namespace zorse
