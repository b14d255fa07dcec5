//===- MeterTest.cpp - samples, rounds, caches and states -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SimulatedDevice.h"

#include "measure/Meter.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace zorse;
using namespace zorse::test;
using namespace zorse::tuner;

namespace {

constexpr int64_t mib = 1 << 20;

OpDesc updateOp() {
  return must(OpDesc::create("ssm_update",
                             {{"num_heads", int64_t(2)},
                              {"num_kv_heads", int64_t(1)},
                              {"head_dim", int64_t(8)},
                              {"d_state", int64_t(16)},
                              {"dt_stride", int64_t(2)}},
                             {{"tokens", 2}, {"num_slots", 2}}));
}

Contender prepared(Meter &meter, Device &device, const OpDesc &op, double us) {
  return must(meter.prepare(must(device.load(timedObject(op, us)))));
}

nlohmann::json environment(const Meter &meter, const Contender &contender) {
  std::string text = meter.measurement(contender, "interleaved rounds").environment;
  nlohmann::json json = nlohmann::json::parse(text);
  EXPECT_EQ(json.dump(), text) << "not canonical";
  return json;
}

TEST(Meter, ColdLaunchesRotateThroughTwiceTheCache) {
  for (int64_t tokens : {1, 5}) {
    SimulatedDevice device;
    OpDesc op = swigluOp(tokens);
    Meter meter = must(Meter::create(device, op, {}, 1, mib));
    Contender contender = prepared(meter, device, op, 10);
    device.addresses.clear();
    ASSERT_TRUE(meter.screen(contender, 0));
    nlohmann::json json = environment(meter, contender);
    EXPECT_EQ(json["cache"], "cold");
    ASSERT_GT(json["rotating_bytes"].get<int64_t>(), 2 * mib);
    // Operands of one launch: 3000 floats a token.
    size_t copies = size_t(2 * mib / (tokens * 12000));
    ASSERT_GE(device.addresses.size(), 500u);
    for (size_t i = 0; i + copies / 2 < device.addresses.size(); ++i)
      for (size_t k = 1; k < copies / 2; ++k)
        ASSERT_NE(device.addresses[i], device.addresses[i + k]) << i << " and " << k << " later";
  }
}

TEST(Meter, HotLaunchesStayOnOneCopy) {
  SimulatedDevice device;
  OpDesc op = swigluOp();
  Meter meter = must(Meter::create(device, op, {.cache = CacheState::Hot}, 1, mib));
  Contender contender = prepared(meter, device, op, 10);
  ASSERT_TRUE(meter.screen(contender, 0));
  EXPECT_EQ(environment(meter, contender)["cache"], "hot");
  EXPECT_EQ(std::set<uint64_t>(device.addresses.begin(), device.addresses.end()).size(), 1u);
}

TEST(Meter, WhereTooFewCopiesFitTheCachesAreFlushed) {
  SimulatedDevice device;
  device.keepsBytes = false;
  device.uploadUs = 1000;
  OpDesc op = swigluOp(500);
  int64_t cache = 600 * mib;
  Meter meter = must(Meter::create(device, op, {}, 1, cache));
  Contender contender = prepared(meter, device, op, 2000);
  EXPECT_EQ(contender.launches, 1);
  size_t before = device.uploaded;
  ASSERT_TRUE(meter.screen(contender, 0));
  EXPECT_EQ(device.uploaded - before, 5 * 2 * size_t(cache));
  EXPECT_LE(environment(meter, contender)["rotating_bytes"].get<int64_t>(), 1024 * mib);
  Measurement measurement = meter.measurement(contender, "screening samples");
  EXPECT_DOUBLE_EQ(measurement.medianUs, 2000); // without the flushing
  EXPECT_NE(measurement.method.find("caches flushed before each"), std::string::npos);
}

TEST(Meter, NoStateIsUpdatedTwiceAndRestoringCostsNothing) {
  for (CacheState cache : {CacheState::Cold, CacheState::Hot}) {
    SimulatedDevice device;
    device.state = "state";
    device.uploadUs = 123;
    OpDesc op = updateOp();
    Meter meter = must(Meter::create(device, op, {.cache = cache}, 1, 256 << 10));
    std::vector<Contender> contenders;
    contenders.push_back(prepared(meter, device, op, 7));
    contenders.push_back(prepared(meter, device, op, 8));
    ASSERT_TRUE(meter.screen(contenders[0], 0));
    ASSERT_TRUE(meter.rounds(contenders, nullptr));
    EXPECT_EQ(device.usedTwice, 0);
    EXPECT_NEAR(meter.measurement(contenders[0], "rounds").medianUs, 7, 1e-6);
    EXPECT_NEAR(meter.measurement(contenders[1], "rounds").medianUs, 8, 1e-6);
    EXPECT_NE(meter.measurement(contenders[0], "rounds").method.find("state restored"),
              std::string::npos);
  }
}

TEST(Meter, WarmsUpUntilTimesStopFalling) {
  SimulatedDevice device;
  device.coldLaunches = 1;
  OpDesc op = swigluOp();
  Meter meter = must(Meter::create(device, op, {.sampleSeconds = 1e-3}, 1, mib));
  Contender contender = prepared(meter, device, op, 10);
  EXPECT_EQ(contender.launches * contender.stretches, 100); // not the 50 of the first launch
  ASSERT_TRUE(meter.screen(contender, 0));
  EXPECT_NEAR(contender.samples[0], 10, 1e-6);
}

TEST(Meter, TheCostOfTheClockIsSubtractedWhereItMatters) {
  SimulatedDevice device;
  device.eventUs = 0.5;
  device.state = "state";
  OpDesc op = updateOp(); // hot and in place: each launch is timed alone
  Meter meter = must(Meter::create(device, op, {.cache = CacheState::Hot}, 1, mib));
  Contender contender = prepared(meter, device, op, 2);
  ASSERT_TRUE(meter.screen(contender, 0));
  EXPECT_NEAR(contender.samples[0], 2, 1e-6);
}

TEST(Meter, ScreeningGivesUpOnTheHopeless) {
  SimulatedDevice device;
  OpDesc op = swigluOp();
  Meter meter = must(Meter::create(device, op, {.screenSamples = 5}, 1, mib));
  Contender contender = prepared(meter, device, op, 100);
  for (auto [hopelessUs, samples] : {std::pair<double, size_t>{0, 5}, {120, 5}, {90, 3}, {40, 1}}) {
    ASSERT_TRUE(meter.screen(contender, hopelessUs));
    EXPECT_EQ(contender.samples.size(), samples) << hopelessUs;
  }
}

TEST(Meter, RoundsEndWhenTheIntervalIsNarrowOrTheBudgetIsSpent) {
  OpDesc op = swigluOp();
  auto samples = [&](double jitter, MeasureOptions options) {
    SimulatedDevice device(7);
    device.jitter = jitter;
    options.sampleSeconds = 1e-4;
    Meter meter = must(Meter::create(device, op, options, 1, mib));
    std::vector<Contender> contenders;
    for (int i = 0; i < 2; ++i)
      contenders.push_back(prepared(meter, device, op, 100));
    EXPECT_TRUE(meter.rounds(contenders, nullptr));
    EXPECT_EQ(contenders[0].samples.size(), contenders[1].samples.size());
    return contenders[0].samples.size();
  };
  EXPECT_EQ(samples(0, {}), 9u);
  size_t noisy = samples(0.03, {});
  EXPECT_GT(noisy, 9u);
  EXPECT_LT(noisy, 101u);
  EXPECT_EQ(samples(1, {}), 301u);
  EXPECT_EQ(samples(1, {.budgetSeconds = 1e-6}), 3u);
}

TEST(Meter, TheBeatenLeaveTheRoundsAndThoseWhoMayTieStay) {
  SimulatedDevice device(3);
  device.jitter = 0.05;
  OpDesc op = swigluOp();
  Meter meter = must(Meter::create(
      device, op, {.precision = 0.001, .budgetSeconds = 1e9, .sampleSeconds = 1e-4}, 1, mib));
  std::vector<Contender> contenders;
  for (double us : {100, 101, 200})
    contenders.push_back(prepared(meter, device, op, us));
  ASSERT_TRUE(meter.rounds(contenders, nullptr));
  EXPECT_EQ(contenders[0].samples.size(), 301u);
  EXPECT_EQ(contenders[1].samples.size(), 301u);
  EXPECT_EQ(contenders[2].samples.size(), 9u);
  EXPECT_TRUE(contenders[2].beaten);
}

TEST(Meter, WhoLeavesEarlyOnAMachineThatSlowsDownIsNotFavoured) {
  SimulatedDevice device(3);
  device.jitter = 0.05;
  device.slowdown = 4;
  OpDesc op = swigluOp();
  Meter meter = must(Meter::create(
      device, op, {.precision = 0.001, .budgetSeconds = 1e9, .sampleSeconds = 1e-3}, 1, mib));
  std::vector<Contender> contenders;
  for (double us : {100, 125})
    contenders.push_back(prepared(meter, device, op, us));
  ASSERT_TRUE(meter.rounds(contenders, nullptr));
  ASSERT_LT(contenders[1].samples.size(), 30u);
  // At the beginning it was faster than the other one is in the mean.
  EXPECT_LT(summarise(contenders[1].samples).median, summarise(contenders[0].samples).median);
  double fast = meter.measurement(contenders[0], "rounds").medianUs;
  EXPECT_NEAR(meter.measurement(contenders[1], "rounds").medianUs / fast, 1.25, 0.06);
}

TEST(Meter, IntervalsHoldTheTrueTimes) {
  // Of 200 intervals 10 may miss; 20 are three deviations more.
  for (double slowdown : {0.0, 1.0}) {
    int held = 0, all = 0;
    for (uint64_t run = 0; run < 100; ++run) {
      SimulatedDevice device(100 + run);
      device.jitter = 0.1;
      device.slowdown = slowdown;
      OpDesc op = swigluOp();
      Meter meter = must(Meter::create(device, op, {.sampleSeconds = 1e-4}, 1, mib));
      std::vector<Contender> contenders;
      for (double us : {100, 102})
        contenders.push_back(prepared(meter, device, op, us));
      double from = device.nowUs;
      ASSERT_TRUE(meter.rounds(contenders, nullptr));
      // A sample is one launch, and the median launch of the middle of the time takes this long.
      double state = 1 + slowdown * (from + device.nowUs) / 2 * 1e-6;
      for (size_t i : {0, 1}) {
        Measurement time = meter.measurement(contenders[i], "rounds");
        double wanted = (i ? 102 : 100) * state;
        held += time.lowUs <= wanted && wanted <= time.highUs;
        ++all;
      }
    }
    EXPECT_GE(held, 180) << "of " << all << " with slowdown " << slowdown;
  }
}

TEST(Meter, RefusesADeviceWhoseTimesAreNotReal) {
  SimulatedDevice device;
  device.real = false;
  Result<Meter> meter = Meter::create(device, swigluOp(), {}, 1, mib);
  ASSERT_FALSE(meter);
  EXPECT_EQ(meter.error().code, ErrorCode::Device);
  EXPECT_EQ(meter.error().message,
            "simulated executes code for simulated but not in its time, so nothing can be "
            "measured on it; verify there, and rank by the model");
}

TEST(Meter, StopEndsAfterAWholeRound) {
  SimulatedDevice device;
  OpDesc op = swigluOp();
  Meter meter = must(Meter::create(device, op, {}, 1, mib));
  std::vector<Contender> contenders;
  for (int i = 0; i < 3; ++i)
    contenders.push_back(prepared(meter, device, op, 100));
  std::atomic<bool> stop = true;
  ASSERT_TRUE(meter.rounds(contenders, &stop));
  for (const Contender &contender : contenders)
    EXPECT_EQ(contender.samples.size(), 1u);
}

TEST(Meter, DriftIsNotedOnlyWhereThereIsSome) {
  for (double slowdown : {0.0, 1.0}) {
    SimulatedDevice device(5);
    device.jitter = 0.01;
    device.slowdown = slowdown;
    OpDesc op = swigluOp();
    Meter meter = must(Meter::create(
        device, op, {.minSamples = 101, .budgetSeconds = 1e9, .sampleSeconds = 1e-2}, 1, mib));
    std::vector<Contender> contenders;
    contenders.push_back(prepared(meter, device, op, 1000));
    ASSERT_TRUE(meter.rounds(contenders, nullptr));
    nlohmann::json json = environment(meter, contenders[0]);
    EXPECT_EQ(json.contains("drift"), slowdown > 0) << json;
    if (slowdown > 0) {
      EXPECT_GT(json["drift"].get<double>(), 1.1);
    }
  }
}

} // namespace
