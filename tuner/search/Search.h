//===- Search.h - one run of the tuning loop -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Questions come in batches. All of a batch are compiled together, then one after the
// other verified and measured, so that nothing compiles while a time is taken; then all
// answers are told in the order of asking. A row that answers already takes the place of
// a trial and changes nothing else, so a search that was stopped asks what it would have
// asked.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "search/KnownRows.h"

#include "zorse/tuner/Strategy.h"
#include "zorse/tuner/Tuner.h"

#include <chrono>

namespace zorse::tuner {

struct Candidate {
  size_t index = 0; ///< in the space
  KernelConfig config;
  KernelRecord record;
  std::optional<CodeObject> code; ///< once compiled or loaded in this run
  bool compiled = false;          ///< in this run, with success
  bool finished = false;          ///< has a row that says how it ended
  bool reused = false;            ///< that row is older than this run
  bool measuredInRounds = false;  ///< its time comes from the interleaved rounds
  double seconds = 0;             ///< its share of the time of this run

  bool timed() const {
    return finished && record.state == TrialState::Ok && record.measurement.has_value();
  }
  double us() const { return record.measurement->medianUs; }
};

/// The state of one call of tune().
class Search {
public:
  Search(const Problem &problem, Laboratory &laboratory, Database &database,
         const TuneOptions &options, Space space, Prior prior);
  Result<TuneOutcome> run();

private:
  /// Answers questions in their order. False if a stop or a limit came before all had an answer.
  Result<bool> answer(const std::vector<size_t> &questions);
  Status compile(const std::vector<Candidate *> &batch);
  Status endCompile(Candidate &candidate, Compiled compiled);
  /// False if it was stopped meanwhile.
  Result<bool> tryOut(Candidate &candidate);

  // Finals.cpp
  Status playFinals();
  Result<std::vector<Candidate *>> finalists();
  Result<bool> makeReady(Candidate &candidate);
  Status endRounds(const std::vector<Candidate *> &players, std::vector<Tried> results);
  Result<Candidate *> winnerOfDatabase();

  Candidate &candidateAt(size_t index);
  Status mark(Candidate &candidate, TrialState state);
  Status finish(Candidate &candidate, TrialState state, std::string error = {});
  /// Marks older Ok rows stale that a failed trial proves wrong.
  Status refute(const KernelRecord &failed);
  Status abandonBegun();
  void noteSpeed(Candidate &candidate) const;
  void report(std::string_view phase, const Candidate *ended, const Candidate *begins = nullptr);
  Result<TuneOutcome> outcome();

  bool stopped() const { return options.stop && *options.stop; }
  bool outOfTime() const;
  bool isOver() const { return stopped() || outOfTime() || trialsLeft() == 0; }
  int64_t trialsLeft() const;
  double secondsSoFar() const;
  double etaSeconds(int64_t left) const;
  /// The fastest so far that worked, or null.
  Candidate *fastest();

  Problem problem;
  Laboratory &laboratory;
  Database &database;
  TuneOptions options;
  Space space; ///< of this shard
  Prior prior;
  Source source;
  std::string device;
  bool isHarmless;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  KnownRows known;
  std::map<size_t, Candidate> candidates; ///< those that were asked for, by index
  std::vector<double> successSeconds;     ///< of new trials that worked
  int64_t reused = 0, ok = 0, failed = 0, wrong = 0;
  bool complete = false;
};

} // namespace zorse::tuner
