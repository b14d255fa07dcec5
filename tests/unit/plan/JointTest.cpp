//===- JointTest.cpp - knobs chosen together or one after another ---------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PlanCase.h"
#include "RecordedSweeps.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace zorse {
namespace {

/// Splits times tiles of mla_decode on the host; the defaults first.
Space splitsAndTiles() {
  OpDesc op =
      OpDesc::create("mla_decode",
                     {{"num_heads", int64_t(32)},
                      {"kv_lora_rank", int64_t(128)},
                      {"qk_rope_head_dim", int64_t(32)},
                      {"qk_nope_head_dim", int64_t(32)}},
                     {{"tokens", 1}, {"num_slots", 1}, {"max_len", 4096}, {"context", 4096}})
          .take();
  TargetDesc target = *findTarget("x86_64-avx2");
  std::vector<KernelConfig> configs = {KernelConfig::defaults(op, target).take()};
  for (KernelConfig &config : enumerateConfigs(op, target))
    if (!(config == configs[0]))
      configs.push_back(std::move(config));
  return Space(std::move(configs));
}

std::vector<double> timesOf(const Space &space,
                            const std::function<double(const KernelConfig &)> &us) {
  std::vector<double> times;
  for (size_t i = 0; i < space.size(); ++i)
    times.push_back(us(space[i]));
  return times;
}

const std::vector<std::vector<std::string>> splitsThenTile = {{"kv_splits"},
                                                              {"block_h", "block_n"}};

TEST(Joint, IndependentKnobsLoseNothing) {
  Space space = splitsAndTiles();
  auto times = timesOf(space, [](const KernelConfig &config) {
    return 100 + std::abs(static_cast<double>(config.get("kv_splits")) - 8) +
           std::abs(static_cast<double>(config.get("block_n")) - 32) +
           static_cast<double>(config.get("block_h"));
  });
  auto report = compareJoint(space, times, splitsThenTile);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_DOUBLE_EQ(report->loss(), 0);
  EXPECT_DOUBLE_EQ(report->worstLoss(), 0);
  EXPECT_EQ(report->jointIndex, report->separateIndex);
  EXPECT_LT(report->trials, static_cast<int64_t>(space.size()));
}

/// Many splits pay only with small tiles and the other way round: no order of choices finds it.
TEST(Joint, KnobsThatNeedOneAnotherLose) {
  Space space = splitsAndTiles();
  auto times = timesOf(space, [](const KernelConfig &config) {
    const bool isSplit = config.get("kv_splits") >= 16, isSmall = config.get("block_n") == 16;
    return isSplit && isSmall ? 50.0 : isSplit || isSmall ? 120.0 : 100.0;
  });
  auto report = compareJoint(space, times, splitsThenTile);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_DOUBLE_EQ(report->bestUs, 50);
  EXPECT_DOUBLE_EQ(report->separateUs, 100);
  EXPECT_DOUBLE_EQ(report->loss(), 1);
}

/// One order falls for a local gain, the other does not.
TEST(Joint, TheOrderCanDecide) {
  Space space = splitsAndTiles();
  auto times = timesOf(space, [](const KernelConfig &config) {
    const bool isSplit = config.get("kv_splits") == 32, isSmall = config.get("block_n") == 16;
    return isSplit ? (isSmall ? 110.0 : 90.0) : isSmall ? 60.0 : 100.0;
  });
  auto report = compareJoint(space, times, splitsThenTile);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_DOUBLE_EQ(report->loss(), 0);
  EXPECT_DOUBLE_EQ(report->worstLoss(), 0.5);
  EXPECT_EQ(report->bestOrder, (std::vector<std::string>{"block_h", "kv_splits"}));
}

TEST(Joint, FailedConfigurationsAreNotChosen) {
  Space space = splitsAndTiles();
  auto times = timesOf(
      space, [&](const KernelConfig &config) { return config == space[0] ? 100.0 : HUGE_VAL; });
  auto report = compareJoint(space, times, splitsThenTile);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->jointIndex, 0U);
  times[0] = HUGE_VAL;
  EXPECT_FALSE(compareJoint(space, times, splitsThenTile));
}

/// What it costs on recorded sweeps of a host to choose one group of knobs first, at the defaults
/// of the others, or each knob alone. Times are of all kernels of the op together: decode and
/// combine; scan, state passing and output.
TEST(Joint, RecordedSweepsTellTheLossOfSeparateChoices) {
  struct Groups {
    const char *kind, *first, *then;
    std::vector<std::vector<std::string>> knobs;
  };
  const std::vector<Groups> layers = {
      {"mla_decode", "splits", "tile", {{"kv_splits"}, {"block_h", "block_n", "bf16_dot"}}},
      {"ssd_scan",
       "chunk",
       "block and splits",
       {{"chunk"}, {"block_p", "seq_splits", "bf16_dot"}}}};
  std::map<std::string, size_t> seen;
  for (const Groups &groups : layers) {
    fmt::print("{}: {} | {}\n{:<28} {:>10} {:>10} {:>14} {:>14} {:>14} {:>7}\n", groups.kind,
               groups.first, groups.then, "sweep", "default", "joint", "left first", "right first",
               "knob by knob", "trials");
    for (const test::RecordedSweep &recorded : test::recordedSweeps()) {
      const Sweep &sweep = recorded.sweep;
      if (sweep.opKind != groups.kind)
        continue;
      ++seen[sweep.opKind];
      auto grouped = compareJoint(sweep.space, sweep.timesUs, groups.knobs);
      auto single = compareJoint(sweep.space, sweep.timesUs, {});
      ASSERT_TRUE(grouped) << recorded.name << ": " << grouped.error().message;
      ASSERT_TRUE(single) << recorded.name << ": " << single.error().message;
      // Of two groups there are two orders.
      ASSERT_EQ(grouped->bestOrder.size(), 2U) << recorded.name;
      const bool leftIsBetter = grouped->bestOrder.front() == groups.knobs.front().front();
      const double left = leftIsBetter ? grouped->loss() : grouped->worstLoss();
      const double right = leftIsBetter ? grouped->worstLoss() : grouped->loss();
      fmt::print("{:<28} {:>7.1f} us {:>7.1f} us {:>12.1f} % {:>12.1f} % {:>12.1f} % {:>3}/{}\n",
                 recorded.name, grouped->defaultUs, grouped->bestUs, 100 * left, 100 * right,
                 100 * single->worstLoss(), grouped->trials, sweep.space.size());
      // The joint best is the best there is; a separate choice is never better, nor worse than
      // where it began.
      for (const JointReport *report : {&*grouped, &*single}) {
        EXPECT_EQ(report->bestUs, *std::min_element(sweep.timesUs.begin(), sweep.timesUs.end()));
        EXPECT_GE(report->loss(), 0) << recorded.name;
        EXPECT_GE(report->worstLoss(), report->loss()) << recorded.name;
        EXPECT_LE(report->worstUs, report->defaultUs) << recorded.name;
      }
    }
  }
  EXPECT_GE(seen["mla_decode"], 3U);
  EXPECT_GE(seen["ssd_scan"], 2U);
}

TEST(Joint, UnknownKnobsAreNamed) {
  Space space = splitsAndTiles();
  std::vector<double> times(space.size(), 1);
  EXPECT_EQ(compareJoint(space, times, {{"chunk"}}).error().message,
            "'chunk' is no knob of this space, or is named twice");
  EXPECT_FALSE(compareJoint(space, times, {{"kv_splits"}, {"kv_splits"}}));
}

} // namespace
} // namespace zorse
