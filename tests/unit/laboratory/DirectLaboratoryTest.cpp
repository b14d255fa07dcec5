//===- DirectLaboratoryTest.cpp - states and reasons in this process -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "HostileWorker.h"
#include "Outcomes.h"

#include <algorithm>
#include <set>
#include <thread>

using namespace zorse;
using namespace zorse::test;

namespace {

class DirectLaboratoryTest : public testing::TestWithParam<int> {
protected:
  DirectLaboratoryTest() : device(must(createHostDevice({.threads = 1}))) {
    laboratory = createDirectLaboratory(
        {.compile = [this](const OpDesc &, const TargetDesc &,
                           const KernelConfig &config) { return compile(config.get("block_n")); },
         .compilerRevision = "kernels",
         .device = device.get(),
         .measure = quickMeasure(),
         .threads = GetParam()});
    for (int64_t i = 0; i < 12; ++i)
      configs.push_back(hostileConfig(i));
  }

  /// 4 fails, 5 spills, 6 is wrong, 7 breaks at its load.
  Result<CodeObject> compile(int64_t number) {
    ++compilations;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (number == 4)
      return runtimeError("the fourth never compiles");
    CodeObject object = swigluObject(number == 6 ? "makes_nan" : "right", number);
    if (number == 5)
      object.kernels[0].resources = {.vgprSpills = 12, .scratchBytes = 640};
    if (number == 7)
      object.kernels[0].symbol = "absent";
    return object;
  }

  Problem problem = hostileProblem();
  std::unique_ptr<Device> device;
  std::unique_ptr<Laboratory> laboratory;
  std::vector<KernelConfig> configs;
  std::atomic<int> compilations = 0;
};

TEST_P(DirectLaboratoryTest, EveryConfigurationEndsOnceWithItsState) {
  Outcomes outcomes = compileAll(*laboratory, problem, configs);
  EXPECT_EQ(compilations, 12);
  for (int count : outcomes.ended)
    EXPECT_EQ(count, 1);
  EXPECT_EQ(outcomes.count(TrialState::Ok), 10);
  EXPECT_EQ(outcomes.compiled[4].state, TrialState::Failed);
  EXPECT_EQ(outcomes.compiled[4].error, "the fourth never compiles");
  EXPECT_EQ(outcomes.compiled[5].error,
            "kernel 'right' spills 12 vector registers to 640 bytes of scratch; dropped");
  EXPECT_EQ(outcomes.compiled[5].codeHash, "");
  EXPECT_EQ(outcomes.compiled[3].codeHash, swigluObject("right", 3).codeHash().hex());
  EXPECT_GT(outcomes.compiled[3].seconds, 0.0005);
}

TEST_P(DirectLaboratoryTest, AnErrorOfACallbackEndsIt) {
  for (bool atBegin : {true, false}) {
    int ended = 0;
    Status status = laboratory->compileAll(
        problem, configs,
        [&](size_t i) {
          return atBegin && i == 2 ? Status(runtimeError("enough")) : Status::success();
        },
        [&](size_t, const Compiled &) {
          ++ended;
          return atBegin ? Status::success() : Status(runtimeError("enough"));
        },
        nullptr);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().message, "enough");
    EXPECT_LE(ended, 2);
  }
}

TEST_P(DirectLaboratoryTest, NothingBeginsOnceStopped) {
  std::atomic<bool> stop = false;
  int begun = 0, ended = 0;
  Status status = laboratory->compileAll(
      problem, configs, [&](size_t) { return ++begun, Status::success(); },
      [&](size_t, const Compiled &) {
        stop = true;
        return ++ended, Status::success();
      },
      &stop);
  EXPECT_TRUE(status.ok());
  EXPECT_LE(begun, GetParam() + 1);
  EXPECT_EQ(ended, begun); // finished all the same, so not thrown away
  Specimen specimen{configs[0], swigluObject("right")};
  Result<Tried> tried = laboratory->tryOut(problem, specimen, 0, &stop);
  ASSERT_FALSE(tried);
  EXPECT_EQ(tried.error().code, ErrorCode::Interrupted);
  EXPECT_EQ(laboratory->rounds(problem, std::span(&specimen, 1), &stop).error().code,
            ErrorCode::Interrupted);
}

TEST_P(DirectLaboratoryTest, TrialsTellRightFromWrong) {
  auto tryOut = [&](int64_t number) {
    return must(
        laboratory->tryOut(problem, {configs[size_t(number)], must(compile(number))}, 0, nullptr));
  };
  Tried right = tryOut(1);
  EXPECT_EQ(right.state, TrialState::Ok) << right.error;
  EXPECT_TRUE(right.verification->passed);
  EXPECT_GT(right.measurement->medianUs, 0);
  EXPECT_EQ(right.measurement->device, laboratory->deviceDescription());
  Tried wrong = tryOut(6);
  EXPECT_EQ(wrong.state, TrialState::Wrong);
  EXPECT_TRUE(contains(wrong.error, "nan")) << wrong.error;
  EXPECT_FALSE(wrong.measurement);
  Tried unloadable = tryOut(7);
  EXPECT_EQ(unloadable.state, TrialState::Failed);
  EXPECT_TRUE(contains(unloadable.error, "absent")) << unloadable.error;
  // Another tuning point is another problem, and so is the way back.
  for (int64_t tokens : {9, 5}) {
    problem = hostileProblem(tokens);
    Tried again = tryOut(2);
    EXPECT_EQ(again.state, TrialState::Ok) << again.error;
    EXPECT_EQ(again.measurement->bytes, double(tokens * 3 * 1000 * 4));
  }
}

TEST_P(DirectLaboratoryTest, RoundsGiveEachItsResult) {
  std::vector<Specimen> specimens;
  for (int64_t number : {1, 7, 2})
    specimens.push_back({configs[size_t(number)], must(compile(number))});
  std::vector<Tried> results = must(laboratory->rounds(problem, specimens, nullptr));
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].state, TrialState::Ok);
  EXPECT_EQ(results[1].state, TrialState::Failed);
  EXPECT_EQ(results[2].state, TrialState::Ok);
  EXPECT_TRUE(contains(results[2].measurement->method, "rounds")) << results[2].measurement->method;
}

TEST(DirectLaboratory, WithoutADeviceItOnlyCompiles) {
  std::unique_ptr<Laboratory> laboratory = createDirectLaboratory(
      {.compile = [](const OpDesc &, const TargetDesc &, const KernelConfig &) {
        return Result<CodeObject>(swigluObject("right"));
      }});
  std::vector<KernelConfig> configs = {hostileConfig(1)};
  EXPECT_EQ(compileAll(*laboratory, hostileProblem(), configs).count(TrialState::Ok), 1);
  Result<Tried> tried =
      laboratory->tryOut(hostileProblem(), {configs[0], swigluObject("right")}, 0, nullptr);
  ASSERT_FALSE(tried);
  EXPECT_EQ(tried.error().code, ErrorCode::Device);
}

INSTANTIATE_TEST_SUITE_P(Threads, DirectLaboratoryTest, testing::Values(1, 3));

} // namespace
