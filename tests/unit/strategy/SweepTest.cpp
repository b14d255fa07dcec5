//===- SweepTest.cpp - strategies on recorded sweeps ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quality is best time / found time. The favourites of a space rest on the other sweeps
// of its kind, so nothing that is asked here was learned from the sweep itself. As in a real
// search, strategies know what the cost model expects; its few constants were fitted to six of
// these sweeps, and to none of ssd_scan.
//
//===----------------------------------------------------------------------===//
#include "RecordedSweeps.h"

#include "zorse/tuner/Predict.h"
#include "zorse/tuner/Strategy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <tuple>

using namespace zorse;
using namespace zorse::test;

namespace {

constexpr uint64_t seeds = 30;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

struct Runs {
  const Sweep *sweep = nullptr;
  std::vector<Replay> replays;

  /// Median over seeds of the quality after so many questions.
  double quality(size_t questions) const {
    double best = *std::min_element(sweep->timesUs.begin(), sweep->timesUs.end());
    std::vector<double> qualities;
    for (const Replay &replay : replays) {
      double found = INFINITY;
      for (size_t i = 0; i < std::min(questions, replay.asked.size()); ++i)
        found = std::min(found, sweep->timesUs[replay.asked[i]]);
      qualities.push_back(best / found);
    }
    return median(qualities);
  }
};

/// Replays are prefixes of longer ones, so each is made once, up to 20 % of the space.
const Runs &run(const RecordedSweep &recorded, const std::string &strategy, size_t batch) {
  static std::map<std::tuple<std::string, std::string, size_t>, Runs> known;
  auto [entry, isNew] = known.try_emplace({recorded.name, strategy, batch});
  Runs &runs = entry->second;
  if (!isNew)
    return runs;
  // dlib takes milliseconds a question.
  bool isSlow = strategy == "lipo";
  Space space = leavingOneOut(recorded);
  auto budget = static_cast<size_t>((isSlow ? 0.08 : 0.2) * static_cast<double>(space.size()));
  runs.sweep = &recorded.sweep;
  for (uint64_t seed = 1; seed <= (isSlow ? 3 : seeds); ++seed) {
    Result<Replay> made = replay(strategy, space, recorded.sweep.timesUs, budget, seed, batch,
                                 predictTimes(recorded.problem, space));
    EXPECT_TRUE(made) << made.error().message;
    if (made)
      runs.replays.push_back(made.take());
  }
  return runs;
}

size_t share(const RecordedSweep &recorded, double part) {
  return static_cast<size_t>(part * static_cast<double>(recorded.sweep.space.size()));
}

TEST(RecordedSweeps, AreSixOrMoreWholeSpaces) {
  EXPECT_GE(recordedSweeps().size(), 6u);
  for (const RecordedSweep &recorded : recordedSweeps()) {
    EXPECT_GE(recorded.sweep.space.size(), 100u) << recorded.name;
    for (double us : recorded.sweep.timesUs)
      EXPECT_GT(us, 0) << recorded.name;
  }
}

TEST(RecordedSweeps, AutoComesWithin3PercentOfTheBestIn5PercentOfTheSpace) {
  for (const RecordedSweep &recorded : recordedSweeps())
    for (size_t batch : {1, 8})
      EXPECT_GE(run(recorded, "auto", batch).quality(share(recorded, 0.05)), 0.97)
          << recorded.name << ", batch " << batch << ", seeds 1 to " << seeds;
}

TEST(RecordedSweeps, AutoIsNeverWorseThanRandomAtEqualBudget) {
  for (const RecordedSweep &recorded : recordedSweeps())
    for (size_t batch : {1, 8})
      for (double part : {0.025, 0.05, 0.1, 0.2})
        EXPECT_GE(run(recorded, "auto", batch).quality(share(recorded, part)),
                  run(recorded, "random", batch).quality(share(recorded, part)))
            << recorded.name << ", batch " << batch << ", " << part << " of the space, seeds 1 to "
            << seeds;
}

TEST(RecordedSweeps, AutoEndsByItselfNearTheBest) {
  size_t asked = 0, size = 0;
  for (const RecordedSweep &recorded : recordedSweeps()) {
    const Sweep &sweep = recorded.sweep;
    Space space = leavingOneOut(recorded);
    Result<Replay> made = replay("auto", space, sweep.timesUs, space.size(), 1, 8,
                                 predictTimes(recorded.problem, space));
    ASSERT_TRUE(made) << made.error().message;
    double quality = *std::min_element(sweep.timesUs.begin(), sweep.timesUs.end()) / made->bestUs;
    EXPECT_GE(quality, 0.97) << recorded.name << ", seed 1";
    asked += made->asked.size();
    size += sweep.space.size();
    fmt::print("{:22} auto ends after {:3} of {}, quality {:.3f}\n", recorded.name,
               made->asked.size(), sweep.space.size(), quality);
  }
  EXPECT_LT(asked, size / 4);
}

// What the README of tuner/strategy quotes.
TEST(RecordedSweeps, Table) {
  for (size_t batch : {1, 8}) {
    fmt::print("batch {}: quality at 5 % of the space | regret@1 @4 @8, medians of {} seeds (3 for "
               "lipo)\n",
               batch, seeds);
    for (const RecordedSweep &recorded : recordedSweeps()) {
      fmt::print("{} ({} configurations)\n", recorded.name, recorded.sweep.space.size());
      for (const std::string &name : strategyNames()) {
        const Runs &runs = run(recorded, name, batch);
        auto regret = [&](size_t questions) { return 100 * (1 / runs.quality(questions) - 1); };
        fmt::print("  {:13} {:.3f} | {:5.1f} % {:5.1f} % {:5.1f} %\n", name,
                   runs.quality(share(recorded, 0.05)), regret(1), regret(4), regret(8));
      }
    }
  }
}

} // namespace
