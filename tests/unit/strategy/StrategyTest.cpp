//===- StrategyTest.cpp - what every strategy promises --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Strategy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <set>

using namespace zorse;

namespace {

constexpr double fails = std::numeric_limits<double>::infinity();

/// A product of knobs with holes: every seventh combination is not a configuration.
Space gridSpace(int a = 8, int b = 6, int c = 4) {
  std::vector<KernelConfig> configs;
  for (int i = 0; i < a; ++i)
    for (int j = 0; j < b; ++j)
      for (int k = 0; k < c; ++k)
        if ((i + 3 * j + 5 * k) % 7 != 6)
          configs.push_back(*KernelConfig::read(
              fmt::format("block_m={},block_n={},stage={}", 1 << i, 16 * (j + 1), k)));
  return Space(std::move(configs));
}

/// A smooth bowl with its bottom inside and a ridge that couples two knobs.
std::vector<double> bowl(const Space &space) {
  std::vector<double> times;
  for (size_t i = 0; i < space.size(); ++i) {
    double x = space.place(i, 0) - 5.0, y = space.place(i, 1) - 3.0, z = space.place(i, 2) - 1.0;
    times.push_back(100 * std::exp(0.05 * x * x + 0.07 * y * y + 0.1 * std::abs(z) + 0.04 * x * y));
  }
  return times;
}

class Strategies : public testing::TestWithParam<std::string> {
protected:
  Replay run(const Space &space, const std::vector<double> &times, uint64_t seed, size_t batch) {
    Result<Replay> made = replay(GetParam(), space, times, space.size() + 10, seed, batch);
    EXPECT_TRUE(made) << made.error().message;
    return made ? made.take() : Replay{};
  }
  bool endsEarly() const { return GetParam() == "auto"; }

  void expectEachOnce(const Space &space, const Replay &replay) {
    std::set<size_t> different(replay.asked.begin(), replay.asked.end());
    EXPECT_EQ(different.size(), replay.asked.size());
    EXPECT_LT(*different.rbegin(), space.size());
    if (!endsEarly()) {
      EXPECT_EQ(replay.asked.size(), space.size());
    }
  }
};

TEST_P(Strategies, AskForEachConfigurationOnce) {
  Space space = gridSpace();
  std::vector<double> times = bowl(space);
  for (size_t batch : {1, 8, 1000})
    expectEachOnce(space, run(space, times, 3, batch));
}

TEST_P(Strategies, AskTheSameAgainForTheSameAnswers) {
  Space space = gridSpace();
  std::vector<double> times = bowl(space);
  for (size_t batch : {1, 8}) {
    Replay once = run(space, times, 7, batch);
    EXPECT_EQ(once.asked, run(space, times, 7, batch).asked);
  }
}

TEST_P(Strategies, OutliveFailures) {
  Space space = gridSpace();
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    std::vector<double> times = bowl(space);
    std::mt19937_64 random(seed);
    times[0] = fails;
    for (double &us : times)
      if (random() % 3 == 0)
        us = fails;
    Replay replay = run(space, times, seed, 8);
    expectEachOnce(space, replay);
    double best = *std::min_element(times.begin(), times.end());
    EXPECT_LE(replay.bestUs, 1.05 * best) << "seed " << seed;
    EXPECT_EQ(times[replay.best], replay.bestUs);
  }
}

TEST_P(Strategies, AskOnWhenEverythingFails) {
  Space space = gridSpace(4, 4, 2);
  Replay replay = run(space, std::vector<double>(space.size(), fails), 1, 3);
  std::set<size_t> different(replay.asked.begin(), replay.asked.end());
  EXPECT_EQ(different.size(), space.size()) << "nothing worked, so nothing is good enough";
  EXPECT_EQ(replay.bestUs, fails);
}

TEST_P(Strategies, AreNotConfusedByTies) {
  Space space = gridSpace();
  Replay replay = run(space, std::vector<double>(space.size(), 42.0), 1, 8);
  expectEachOnce(space, replay);
  EXPECT_EQ(replay.bestUs, 42.0);
}

TEST_P(Strategies, SearchASpaceOfOne) {
  Space space({*KernelConfig::read("block_m=4")});
  Replay replay = run(space, {9.0}, 1, 8);
  EXPECT_EQ(replay.asked, std::vector<size_t>{0});
  EXPECT_EQ(replay.bestUs, 9.0);
  Space noKnobs({*KernelConfig::read("")});
  EXPECT_EQ(run(noKnobs, {9.0}, 1, 1).asked.size(), 1u);
}

TEST_P(Strategies, AnswersMayComeInAnyOrder) {
  Space space = gridSpace(5, 4, 3);
  std::vector<double> times = bowl(space);
  std::unique_ptr<Strategy> strategy = std::move(*makeStrategy(GetParam(), space, 5));
  std::set<size_t> seen;
  std::vector<size_t> pending;
  std::mt19937_64 random(5);
  for (;;) {
    std::optional<size_t> index = strategy->ask();
    if (index) {
      EXPECT_TRUE(seen.insert(*index).second) << *index;
      pending.push_back(*index);
    }
    if (!index && pending.empty())
      break;
    if (!index || random() % 4 == 0) {
      std::swap(pending[random() % pending.size()], pending.back());
      strategy->tell(pending.back(), times[pending.back()]);
      pending.pop_back();
    }
  }
  if (!endsEarly()) {
    EXPECT_EQ(seen.size(), space.size());
  }
}

INSTANTIATE_TEST_SUITE_P(All, Strategies, testing::ValuesIn(strategyNames()),
                         [](const auto &info) { return info.param; });

TEST(Strategy, SeedsMatterWhereThereIsChance) {
  Space space = gridSpace();
  std::vector<double> times = bowl(space);
  for (const char *name : {"evolutionary", "local", "random"})
    EXPECT_NE(replay(name, space, times, 100, 1)->asked, replay(name, space, times, 100, 2)->asked)
        << name;
}

TEST(Strategy, AdaptiveOnesBeatChanceOnASmoothBowl) {
  Space space = gridSpace(10, 10, 10);
  std::vector<double> times = bowl(space);
  double best = *std::min_element(times.begin(), times.end());
  auto typical = [&](const std::string &name) {
    std::vector<double> found;
    for (uint64_t seed = 1; seed <= 9; ++seed)
      found.push_back(replay(name, space, times, 60, seed)->bestUs / best);
    std::nth_element(found.begin(), found.begin() + 4, found.end());
    return found[4];
  };
  double random = typical("random");
  for (const char *name : {"auto", "bayesian", "evolutionary", "lipo", "local"})
    EXPECT_LT(typical(name), random) << name;
  EXPECT_LT(typical("auto"), 1.02);
}

TEST(Strategy, APriorIsFollowedAndItsHopelessComeLast) {
  Space space = gridSpace();
  std::vector<double> times = bowl(space);
  // A model that is off by a factor and by up to 20 %, as models are.
  Prior prior;
  std::mt19937_64 random(11);
  for (double us : times)
    prior.push_back(3 * us * (0.8 + 0.4 * static_cast<double>(random() % 1000) / 1000));
  double best = *std::min_element(times.begin(), times.end());
  for (const char *name : {"auto", "bayesian"}) {
    Result<Replay> informed = replay(name, space, times, 12, 1, 1, prior);
    ASSERT_TRUE(informed);
    EXPECT_LE(informed->bestUs, 1.1 * best) << name;
  }
  for (size_t i = 1; i < 30; ++i)
    prior[i] = fails;
  for (const char *name : {"auto", "bayesian"}) {
    Result<Replay> whole = replay(name, space, times, space.size() - 29, 1, 1, prior);
    ASSERT_TRUE(whole);
    for (size_t index : whole->asked)
      EXPECT_FALSE(std::isinf(prior[index])) << name << " " << index;
  }
}

TEST(Strategy, AutoBeginsWithTheDefaultAndWhatWonElsewhere) {
  Space space = gridSpace();
  space.favourites = {17, 4, 99};
  Result<Replay> made = replay("auto", space, bowl(space), 4, 1, 8);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->asked, (std::vector<size_t>{0, 17, 4, 99}));
}

TEST(Strategy, AutoHasEnoughOnceNothingPromisesAGain) {
  Space space = gridSpace(10, 10, 10);
  Result<Replay> made = replay("auto", space, bowl(space), space.size(), 1, 8);
  ASSERT_TRUE(made);
  EXPECT_LT(made->asked.size(), space.size() / 4);
  EXPECT_GT(made->asked.size(), 16u);
}

TEST(Strategy, ExhaustiveGoesInOrder) {
  Space space = gridSpace(3, 2, 2);
  Result<Replay> made = replay("exhaustive", space, bowl(space), space.size(), 1);
  ASSERT_TRUE(made);
  for (size_t i = 0; i < space.size(); ++i)
    EXPECT_EQ(made->asked[i], i);
}

TEST(Strategy, NamesAndSentences) {
  EXPECT_EQ(strategyNames().front(), "auto");
  for (const std::string &name : strategyNames())
    EXPECT_FALSE(describeStrategy(name).empty()) << name;
  EXPECT_TRUE(describeStrategy("annealing").empty());
  Result<std::unique_ptr<Strategy>> unknown = makeStrategy("annealing", gridSpace(), 1);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::Usage);
  EXPECT_EQ(unknown.error().message,
            "strategy: expected one of auto, bayesian, evolutionary, exhaustive, lipo, local, "
            "random, found \"annealing\"");
}

TEST(Strategy, APriorOfAnotherSizeIsAnError) {
  Space space = gridSpace();
  Result<std::unique_ptr<Strategy>> made = makeStrategy("auto", space, 1, Prior(3, 1.0));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::Usage);
  EXPECT_FALSE(replay("auto", space, {1.0}, 5, 1));
}

} // namespace
