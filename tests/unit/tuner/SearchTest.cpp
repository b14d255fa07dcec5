//===- SearchTest.cpp - the loop in a laboratory whose results are known -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SearchCase.h"

#include "zorse/tuner/Strategy.h"

#include <algorithm>

using namespace zorse;
using namespace zorse::test;

namespace {

using SearchTest = SearchCase;

TEST_F(SearchTest, EveryConfigurationIsARowAndTheFastestWins) {
  TuneOutcome outcome = search();
  EXPECT_EQ(outcome.spaceSize, 40);
  EXPECT_EQ(outcome.ok, 40);
  EXPECT_TRUE(outcome.complete);
  EXPECT_FALSE(outcome.interrupted);
  ASSERT_TRUE(outcome.best);
  EXPECT_EQ(outcome.best->configText, text(best));
  EXPECT_EQ(outcome.baseline->configText, text(0));
  EXPECT_TRUE(outcome.tied.empty());
  EXPECT_EQ(laboratory.trials, 40);
  EXPECT_EQ(ended.size(), 40u);
  EXPECT_EQ(last.done, 40);
  EXPECT_EQ(last.total, 40);
  EXPECT_DOUBLE_EQ(last.gain(), 6);
  EXPECT_EQ(rows().size(), 40u);
  EXPECT_TRUE(must(database->loadCode(*outcome.best)));
}

TEST_F(SearchTest, OnlyThoseThatLedKeepTheirCode) {
  TuneOutcome outcome = search();
  double leader = 1e9;
  int kept = 0;
  for (const KernelRecord &row : rows())
    kept += must(database->loadCode(row)).has_value();
  for (size_t i = 0; i < numConfigs; ++i)
    if (at(i).screenedUs <= leader) {
      leader = at(i).screenedUs;
      EXPECT_TRUE(must(database->loadCode(row(i)))) << text(i);
    }
  EXPECT_LT(kept, 15);
}

TEST_F(SearchTest, TheSearchKnowsWhatIsHopeless) {
  search();
  EXPECT_EQ(laboratory.hopeless[0], 0);
  EXPECT_DOUBLE_EQ(laboratory.hopeless[1], 2.5 * at(0).screenedUs);
  EXPECT_DOUBLE_EQ(laboratory.hopeless.back(), 2.5 * at(best).screenedUs);
}

TEST_F(SearchTest, ALuckyScreeningDoesNotWin) {
  at(5).screenedUs = 20;
  at(5).roundsUs = 400;
  at(7).screenedUs = 45;
  at(7).roundsUs = 52;
  TuneOutcome outcome = search();
  EXPECT_EQ(outcome.best->configText, text(best));
  ASSERT_GE(laboratory.finalists.size(), 1u);
  // The four fastest and the defaults.
  EXPECT_EQ(laboratory.finalists[0].size(), 5u);
  EXPECT_EQ(std::count(laboratory.finalists[0].begin(), laboratory.finalists[0].end(), text(0)), 1);
  EXPECT_EQ(row(5).measurement->medianUs, 400);
  // The strategy of a later search is still told what this one was told.
  EXPECT_NE(row(5).measurement->environment.find("\"screened_us\":20"), std::string::npos);
}

TEST_F(SearchTest, FinalsGoOnUntilTheFastestHasPlayed) {
  // All finalists disappoint; the next ones play until one that played leads.
  std::vector<size_t> order(numConfigs);
  for (size_t i = 0; i < numConfigs; ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return at(a).screenedUs < at(b).screenedUs; });
  for (size_t i = 0; i < 6; ++i)
    at(order[i]).roundsUs = 1000 + double(i);
  TuneOutcome outcome = search();
  EXPECT_GE(laboratory.numRounds, 2);
  EXPECT_EQ(outcome.best->configText, text(order[6]));
}

TEST_F(SearchTest, OneThatFailsInTheFinalsIsOut) {
  at(best).finals = TrialState::Crashed;
  TuneOutcome outcome = search();
  EXPECT_NE(outcome.best->configText, text(best));
  EXPECT_EQ(outcome.ok, 39);
  EXPECT_EQ(outcome.failed, 1);
  // Its earlier time is still there, and no longer counts.
  std::optional<KernelRecord> winner = must(
      database->best(problem.op, problem.target, problem.op.tuningPointJson(), laboratory.device));
  ASSERT_TRUE(winner);
  EXPECT_EQ(winner->configText, outcome.best->configText);
  laboratory.trials = 0;
  EXPECT_EQ(search().best->configText, outcome.best->configText);
  EXPECT_EQ(laboratory.trials, 0);
}

TEST_F(SearchTest, OverlappingIntervalsAreTold) {
  at(best).width = 0.1;
  at(3).screenedUs = 54;
  at(8).screenedUs = 60;
  TuneOutcome outcome = search();
  std::vector<std::string> together = {outcome.best->configText};
  for (const KernelRecord &row : outcome.tied)
    together.push_back(row.configText);
  std::sort(together.begin(), together.end());
  std::vector<std::string> expected = {text(best), text(3)};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(together, expected);
}

TEST_F(SearchTest, FailuresAreABlockListWithReasons) {
  at(3).compile = TrialState::Failed;
  at(4).compile = TrialState::TimedOut;
  at(5).compile = TrialState::Crashed;
  at(6).trial = TrialState::Wrong;
  at(7).trial = TrialState::Crashed;
  at(8).trial = TrialState::TimedOut;
  at(9).trial = TrialState::Failed;
  TuneOutcome outcome = search();
  EXPECT_EQ(outcome.ok, 33);
  EXPECT_EQ(outcome.failed, 7);
  EXPECT_EQ(outcome.wrong, 1);
  EXPECT_EQ(row(3).error, "scripted: does not compile");
  EXPECT_EQ(row(4).state, TrialState::TimedOut);
  EXPECT_EQ(row(5).state, TrialState::Crashed);
  EXPECT_EQ(row(6).state, TrialState::Wrong);
  EXPECT_FALSE(row(6).verification->passed);
  EXPECT_EQ(row(7).error, "scripted: crashed");

  laboratory.compiles = laboratory.trials = 0;
  TuneOutcome again = search();
  EXPECT_EQ(laboratory.compiles, 0);
  EXPECT_EQ(laboratory.trials, 0);
  EXPECT_EQ(again.reused, 40);
  EXPECT_EQ(again.failed, 0);
  EXPECT_TRUE(again.complete);

  // Each state can be tried again by itself.
  struct Case {
    TrialState state;
    int64_t compiles, trials;
  };
  for (const Case &each : {Case{TrialState::Failed, 2, 1}, Case{TrialState::TimedOut, 2, 1},
                           Case{TrialState::Crashed, 2, 1}, Case{TrialState::Wrong, 1, 1}}) {
    laboratory.compiles = laboratory.trials = 0;
    options.retry = {each.state};
    TuneOutcome retried = search();
    EXPECT_EQ(laboratory.compiles, each.compiles) << name(each.state);
    EXPECT_EQ(laboratory.trials, each.trials) << name(each.state);
    EXPECT_EQ(retried.reused, 40 - each.compiles) << name(each.state);
  }
  // One that works now is no longer blocked.
  at(7).trial = TrialState::Ok;
  at(7).screenedUs = 10;
  options.retry = {TrialState::Crashed};
  EXPECT_EQ(search().best->configText, text(7));
  options.retry = {};
  laboratory.trials = 0;
  EXPECT_EQ(search().best->configText, text(7));
  EXPECT_EQ(laboratory.trials, 0);
}

TEST_F(SearchTest, WhatIsWrongWhenTriedAgainLosesItsOldTime) {
  ASSERT_EQ(search().best->configText, text(best));
  at(best).trial = TrialState::Wrong;
  options.retune = true;
  TuneOutcome outcome = search();
  EXPECT_EQ(outcome.reused, 0);
  EXPECT_NE(outcome.best->configText, text(best));
  options.retune = false;
  EXPECT_NE(search().best->configText, text(best));
}

TEST_F(SearchTest, RetuneCanGoOn) {
  search();
  options.retune = true;
  options.retuneBefore = "2000-01-01T00:00:00Z";
  EXPECT_EQ(search().reused, 40);
  options.retuneBefore = "9999-01-01T00:00:00Z";
  EXPECT_EQ(search().ok, 40);
}

TEST_F(SearchTest, AnotherRevisionKeepsTheRowsOfUnchangedCode) {
  at(6).trial = TrialState::Wrong;
  search();
  laboratory.revision = "r2";
  laboratory.trials = 0;
  at(1).code = "other code";
  TuneOutcome outcome = search();
  EXPECT_EQ(outcome.reused, 39);
  EXPECT_EQ(outcome.ok, 1);
  EXPECT_EQ(laboratory.trials, 1);
  EXPECT_EQ(rows(text(1)).size(), 2u);
  laboratory.compiles = 0;
  EXPECT_EQ(search().reused, 40);
  EXPECT_EQ(laboratory.compiles, 0);
}

TEST_F(SearchTest, TimesOfAnotherDeviceDoNotAnswer) {
  search();
  laboratory.device = "another";
  laboratory.trials = 0;
  EXPECT_EQ(search().ok, 40);
  EXPECT_EQ(laboratory.trials, 40);
}

TEST_F(SearchTest, TrialsAreLimitedAndOnlyNewOnesCount) {
  at(2).compile = TrialState::Failed;
  options.maxTrials = 5;
  TuneOutcome five = search();
  EXPECT_EQ(five.ok + five.failed, 5);
  EXPECT_EQ(laboratory.compiles, 5);
  EXPECT_FALSE(five.complete);
  EXPECT_FALSE(five.interrupted);
  EXPECT_EQ(last.total, 5);
  TuneOutcome ten = search();
  EXPECT_EQ(ten.reused, 5);
  EXPECT_EQ(ten.ok, 5);
  for (int i = 0; i < 6; ++i)
    EXPECT_FALSE(search().complete && i < 5);
  EXPECT_TRUE(search().complete);
  EXPECT_EQ(laboratory.trials, 39);
}

TEST_F(SearchTest, NoTrialStartsWhenTimeIsUpAndTheFinalsStillRun) {
  options.maxTrials = 6;
  search();
  laboratory.numRounds = 0;
  laboratory.compiles = 0;
  options.maxTrials = 0;
  options.budgetSeconds = 1e-9;
  TuneOutcome none = search();
  EXPECT_EQ(none.ok, 0);
  EXPECT_EQ(none.reused, 8 - 2);
  EXPECT_EQ(laboratory.compiles, 0);
  EXPECT_FALSE(none.complete);
  EXPECT_TRUE(none.best);
}

TEST_F(SearchTest, TheTimeLeftIsTheMedianOfSuccesses) {
  std::vector<double> etas;
  options.onProgress = [&](const TuneProgress &progress) {
    if (progress.trial)
      etas.push_back(progress.etaSeconds);
  };
  at(1).trial = TrialState::Failed;
  options.batch = 1;
  search();
  EXPECT_LT(etas[0], 0);
  EXPECT_LT(etas[1], 0); // a failure
  EXPECT_LT(etas[2], 0);
  EXPECT_GE(etas[3], 0); // the third success
  EXPECT_EQ(etas.back(), 0);
}

TEST_F(SearchTest, ShardsTogetherAreTheWhole) {
  for (int64_t shards : {2, 3, 7}) {
    startAgain();
    std::multiset<std::string> seen;
    for (int64_t shard = 0; shard < shards; ++shard) {
      options.shard = shard;
      options.shards = shards;
      laboratory.tried.clear();
      TuneOutcome outcome = search();
      EXPECT_TRUE(outcome.complete);
      EXPECT_TRUE(outcome.baseline);
      seen.insert(laboratory.tried.begin(), laboratory.tried.end());
    }
    // The defaults belong to all, and are known to all but the first.
    EXPECT_EQ(seen.size(), numConfigs) << shards;
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), numConfigs) << shards;
    EXPECT_EQ(must(database->best(problem.op, problem.target, problem.op.tuningPointJson(),
                                  laboratory.device))
                  ->configText,
              text(best));
  }
}

TEST_F(SearchTest, ProblemsFallToTheSameShardEverywhere) {
  std::vector<int64_t> counts(8);
  for (int64_t tokens = 1; tokens <= 800; ++tokens) {
    Problem each{problem.op.withTuningPoint({{"tokens", tokens}}), problem.target};
    int64_t shard = shardOf(each, 8);
    ASSERT_GE(shard, 0);
    ASSERT_LT(shard, 8);
    ++counts[size_t(shard)];
    EXPECT_EQ(shardOf(each, 1), 0);
    Problem elsewhere = each; // another number of compute units is the same problem
    elsewhere.target.computeUnits = 64;
    EXPECT_EQ(shardOf(elsewhere, 8), shard);
  }
  for (int64_t count : counts)
    EXPECT_NEAR(double(count), 100, 50);
}

TEST_F(SearchTest, EveryStrategyIsAskedWhatItWouldBeAsked) {
  for (const std::string &strategy : strategyNames()) {
    startAgain();
    laboratory.tried.clear();
    options.strategy = strategy;
    TuneOutcome first = search();
    std::vector<std::string> order = laboratory.tried;
    EXPECT_EQ(std::set<std::string>(order.begin(), order.end()).size(), order.size()) << strategy;
    EXPECT_EQ(order[0], text(0)) << strategy;
    startAgain();
    laboratory.tried.clear();
    search();
    EXPECT_EQ(laboratory.tried, order) << strategy;
    // With its rows there it asks the same again, though the finals have changed times.
    laboratory.tried.clear();
    TuneOutcome again = search();
    EXPECT_EQ(again.reused, int64_t(order.size())) << strategy;
    EXPECT_TRUE(laboratory.tried.empty()) << strategy;
    EXPECT_EQ(again.best->configText, first.best->configText) << strategy;
  }
}

TEST_F(SearchTest, OptionsThatMakeNoSense) {
  auto refused = [&](const std::string &message) {
    Result<TuneOutcome> outcome = tune(problem, laboratory, *database, options);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::Usage);
    EXPECT_EQ(outcome.error().message, message);
  };
  TuneOptions good = options;
  options.shards = 3;
  options.shard = 3;
  refused("a shard is one of 0 to shards - 1, found 3 of 3");
  options = good;
  options.maxTrials = -1;
  refused("a budget is 0 (none) or above, found 0 s and -1 trials");
  options = good;
  options.retry = {TrialState::Ok};
  refused("what failed, timed_out, crashed or was wrong can be tried again, found ok");
  options = good;
  options.strategy = "luck";
  Result<TuneOutcome> outcome = tune(problem, laboratory, *database, options);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find("found \"luck\""), std::string::npos);
}

} // namespace
