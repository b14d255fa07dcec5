//===- HipModelsTest.cpp - whole models through the hip device ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The calls go to the fake HIP library of tests/cts, which runs the kernels on the
// emulator and nothing before somebody waits.
//
//===----------------------------------------------------------------------===//
#include "CompiledKernels.h"
#include "FakeLibrary.h"

#include "zorse/emulator/EmulatorDevice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zorse {
namespace {

using cts::countOf;
using cts::FakeLibrary;

class HipModels : public testing::TestWithParam<std::string> {
protected:
  FakeLibrary library{GetParam()};
  CompiledKernels hip{createHipDevice({library.path(), 0})};
};

TEST_P(HipModels, ContinuesEveryPromptAsGolden) {
  checkGreedy("zebra-stories-260k", hip.setup(DType::F32));
}

TEST_P(HipModels, ReplaysDecodeSteps) {
  checkGraphs("zebra-stories-260k", hip.setup(DType::F32));
  checkGraphs("mambainllama-stories-260k", hip.setup(DType::F32));
}

TEST_P(HipModels, AReplayedStepIsOneCopyOneLaunchAndOneWait) {
  Result<std::unique_ptr<Model>> model =
      Model::load(goldenDir("zebra-stories-260k"), *hip.device, {.dtype = DType::F32});
  ASSERT_TRUE(model) << model.error().message;
  Result<std::unique_ptr<Engine>> engine =
      Engine::create(**model, *hip.dispatcher, {.numSlots = 2, .maxLen = 32});
  ASSERT_TRUE(engine) << engine.error().message;
  const std::vector<int32_t> slots = {*(*engine)->open(), *(*engine)->open()};
  const std::vector<int32_t> first = {1, 403, 407}, second = {1, 403}, next = {261, 378};
  const Engine::Run runs[] = {{slots[0], first}, {slots[1], second}};
  ASSERT_TRUE((*engine)->prefill(runs));
  auto step = [&] {
    library.clearCalls();
    Status status = (*engine)->decodeStep(slots, next);
    EXPECT_TRUE(status) << status.error().message;
    return library.calls();
  };
  const size_t kernels = countOf(step(), "hipModuleLaunchKernel");
  EXPECT_GT(kernels, 30u);
  std::vector<std::string> calls = step(); // recorded, then replayed
  EXPECT_EQ(countOf(calls, "hipModuleLaunchKernel"), kernels);
  EXPECT_EQ(countOf(calls, "hipGraphInstantiate"), 1u);
  EXPECT_EQ(countOf(calls, "hipGraphLaunch"), 1u);
  for (int i = 0; i < 2; ++i) {
    calls = step();
    EXPECT_THAT(cts::namesOf(calls),
                testing::ElementsAre("hipMemcpyAsync", "hipGraphLaunch", "hipStreamSynchronize"));
    EXPECT_THAT(calls,
                testing::Contains("hipGraphLaunch(" + std::to_string(kernels) + " kernels) = 0"));
  }
  EXPECT_EQ((*engine)->times().replayedSteps, 3);

  // A caller that wants the time of every kernel gets launches one by one.
  hip.dispatcher->timeLaunches(true);
  const auto before = hip.dispatcher->times();
  calls = step();
  EXPECT_EQ(countOf(calls, "hipModuleLaunchKernel"), kernels);
  EXPECT_EQ(countOf(calls, "hipGraphLaunch"), 0u);
  for (const auto &[kind, time] : hip.dispatcher->times())
    if (time.launches > before.at(kind).launches)
      EXPECT_GT(time.seconds, before.at(kind).seconds) << kind;
}

TEST_P(HipModels, GivesTheLogitsOfTheEmulator) {
  CompiledKernels emulator([&]() -> Result<std::unique_ptr<Device>> {
    auto device = createEmulatorDevice(hip.device->target());
    if (!device)
      return device.takeError();
    return std::unique_ptr<Device>(device.take());
  }());
  auto logitsOn = [](EngineSetup setup) {
    std::vector<std::vector<float>> all;
    auto model = Model::load(goldenDir("zebra-stories-260k"), setup.device, {.dtype = setup.dtype});
    EXPECT_TRUE(model) << (model ? "" : model.error().message);
    auto engine = Engine::create(**model, setup.dispatcher, {.numSlots = 1, .maxLen = 32});
    const int32_t slot = *(*engine)->open();
    const std::vector<int32_t> prompt = {1, 403, 407, 261, 378};
    const Engine::Run run{slot, prompt};
    EXPECT_TRUE((*engine)->prefill({&run, 1}));
    for (int i = 0; i < 8; ++i) {
      const std::vector<int32_t> best = *(*engine)->argmax();
      EXPECT_TRUE((*engine)->decodeStep({&slot, 1}, best));
      all.push_back(*(*engine)->logits());
    }
    return all;
  };
  EXPECT_EQ(logitsOn(hip.setup(DType::BF16)), logitsOn(emulator.setup(DType::BF16)));
}

INSTANTIATE_TEST_SUITE_P(Targets, HipModels, testing::Values("gfx90a", "gfx942"),
                         [](const auto &info) { return info.param; });

} // namespace
} // namespace zorse
