//===- StopTest.cpp - a search that is stopped anywhere goes on as if it had not been -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SearchCase.h"

#include "zorse/tuner/Strategy.h"

#include <algorithm>
#include <sys/wait.h>

using namespace zorse;
using namespace zorse::test;

namespace {

class StopTest : public SearchCase {
protected:
  /// Of fewer configurations, since each is the end of a search.
  static constexpr size_t best = 22;

  StopTest() {
    std::vector<KernelConfig> few;
    for (size_t i = 0; i < best; ++i)
      few.push_back(space[i]);
    few.push_back(space[SearchCase::best]);
    space = Space(std::move(few));
    at(3).compile = TrialState::Failed;
    at(12).trial = TrialState::Wrong;
    at(21).roundsUs = 500;
    at(21).screenedUs = 40;
    options.batch = 4;
  }

  /// What a search that nobody stops comes to.
  void searchUndisturbed() {
    startAgain();
    laboratory.trials = laboratory.compiles = 0;
    laboratory.stopAfter = laboratory.stopInside = laboratory.stopCompiles = -1;
    TuneOutcome outcome = search();
    winner = outcome.best->configText;
    contents = describeRows();
    trials = laboratory.trials;
    compiles = laboratory.compiles;
  }

  std::vector<std::string> describeRows() {
    std::vector<std::string> lines;
    for (const KernelRecord &row : rows()) {
      std::string time = row.measurement ? std::to_string(row.measurement->medianUs) : "-";
      lines.push_back(row.configText + " " + std::string(name(row.state)) + " " + time);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  void expectSameEnd(const std::string &where) {
    TuneOutcome outcome = search();
    EXPECT_TRUE(outcome.complete) << where;
    EXPECT_EQ(outcome.best->configText, winner) << where;
    EXPECT_EQ(describeRows(), contents) << where;
  }

  std::string winner;
  std::vector<std::string> contents;
  int64_t trials = 0, compiles = 0;
};

TEST_F(StopTest, AfterAnyTrial) {
  for (const std::string &strategy : {"exhaustive", "local"}) {
    options.strategy = strategy;
    searchUndisturbed();
    for (int64_t k = 1; k < trials; ++k) {
      startAgain();
      laboratory.trials = 0;
      laboratory.stopAfter = k;
      TuneOutcome stopped = search();
      ASSERT_TRUE(stopped.interrupted);
      EXPECT_FALSE(stopped.complete);
      reopen();
      laboratory.stopAfter = -1;
      expectSameEnd(strategy + " after " + std::to_string(k));
      EXPECT_EQ(laboratory.trials, trials) << strategy << " after " << k;
    }
  }
}

TEST_F(StopTest, InsideOfAnyTrial) {
  searchUndisturbed();
  for (int64_t k = 0; k < trials; ++k) {
    startAgain();
    laboratory.trials = 0;
    laboratory.stopInside = k;
    ASSERT_TRUE(search().interrupted);
    std::vector<KernelRecord> left = rows();
    EXPECT_EQ(
        std::count_if(left.begin(), left.end(),
                      [](const KernelRecord &row) { return row.state == TrialState::Interrupted; }),
        1)
        << k;
    EXPECT_EQ(
        std::count_if(left.begin(), left.end(),
                      [](const KernelRecord &row) { return row.state == TrialState::Running; }),
        0)
        << k;
    laboratory.stopInside = -1;
    expectSameEnd("inside of " + std::to_string(k));
    EXPECT_EQ(laboratory.trials, trials) << k; // the one given up was not counted
  }
}

TEST_F(StopTest, WhileCompiling) {
  searchUndisturbed();
  for (int64_t k = 1; k < compiles; ++k) {
    startAgain();
    laboratory.trials = laboratory.compiles = 0;
    laboratory.stopCompiles = k;
    ASSERT_TRUE(search().interrupted);
    for (const KernelRecord &row : rows())
      EXPECT_NE(row.state, TrialState::Running) << k;
    laboratory.stopCompiles = -1;
    expectSameEnd("compilation " + std::to_string(k));
    EXPECT_EQ(laboratory.trials, trials) << k;
  }
}

TEST_F(StopTest, AgainAndAgain) {
  searchUndisturbed();
  startAgain();
  laboratory.trials = 0;
  int stops = 0;
  for (TuneOutcome outcome; !outcome.complete; ++stops) {
    laboratory.stopAfter = laboratory.trials + 1;
    laboratory.stop = false;
    outcome = search();
    reopen();
  }
  EXPECT_EQ(stops, trials + 1);
  EXPECT_EQ(laboratory.trials, trials);
  laboratory.stopAfter = -1;
  expectSameEnd("after every trial");
}

TEST_F(StopTest, ATrialThatKilledTheProcessIsLeftAloneUntilAsked) {
  // What a process leaves behind that dies inside a candidate.
  pid_t child = fork();
  if (child == 0) {
    Result<std::unique_ptr<Database>> own = Database::open(path, Database::Mode::ReadWrite);
    KernelRecord record;
    record.opKind = problem.op.kind();
    record.opJson = problem.op.canonicalJson();
    record.arch = problem.target.arch;
    record.computeUnits = problem.target.computeUnits;
    record.tuningPoint = problem.op.tuningPointJson();
    record.configText = text(best);
    record.compilerRevision = laboratory.revision;
    record.state = TrialState::Running;
    _exit(own && (*own)->record(record) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);

  TuneOutcome outcome = search();
  EXPECT_EQ(row(best).state, TrialState::Crashed);
  EXPECT_EQ(outcome.reused, 1);
  EXPECT_NE(outcome.best->configText, text(best));
  EXPECT_EQ(std::count(laboratory.tried.begin(), laboratory.tried.end(), text(best)), 0);
  options.retry = {TrialState::Crashed};
  EXPECT_EQ(search().best->configText, text(best));
  EXPECT_EQ(std::count(laboratory.tried.begin(), laboratory.tried.end(), text(best)), 1);
}

TEST_F(StopTest, RowsAreMarkedBeforeHarmUnlessThereIsNone) {
  std::vector<TrialState> before;
  options.onProgress = [&](const TuneProgress &progress) {
    if (!progress.begins)
      return;
    std::vector<KernelRecord> found = rows(progress.begins->configText);
    before.push_back(found.empty() ? TrialState::Ok : found[0].state);
  };
  options.maxTrials = 5;
  search();
  EXPECT_EQ(before, std::vector<TrialState>(before.size(), TrialState::Running));
  EXPECT_EQ(before.size(), 4u); // one does not compile
  startAgain();
  before.clear();
  laboratory.harmless = true;
  search();
  EXPECT_EQ(before, std::vector<TrialState>(4, TrialState::Ok)); // no row
}

} // namespace
