//===- Tuner.h - finds the fastest correct configuration -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ask a strategy -> compile in a laboratory -> verify every candidate against the fp64
// reference -> measure -> record every trial -> finals in interleaved rounds -> the
// fastest verified one wins.
//
// Where nothing can be measured the candidates are ordered by a model of the machine
// and recorded with source `model` and without a verification. Such rows are
// predictions: Database::best() never returns them; ranking() lists them, and a tool
// must show them as what they are.
//
// Every trial is durable when it is reported, so the loop may be stopped or killed at
// any point and started again: finished trials are not repeated, and one that was under
// way when the search was killed is marked crashed and left alone (`retry`).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Laboratory.h"
#include "zorse/tuner/Space.h"

#include <set>

namespace zorse {

struct TuneProgress {
  std::string phase;                               ///< "compile", "measure", "finals", …
  int64_t total = 0, done = 0, ok = 0, failed = 0; ///< trials; done = reused + ok + failed
  int64_t reused = 0;
  double bestUs = 0;    ///< 0 until known
  double defaultUs = 0; ///< of the default configuration, 0 until known
  double trialsPerSecond = 0;
  double etaSeconds = -1; ///< from the median of successes; negative until three have ended
  const KernelRecord *begins = nullptr; ///< the trial that is about to run, or null
  const KernelRecord *trial = nullptr;  ///< the trial that has just ended and is durable, or null

  /// Time of the defaults over the best time, 0 until both are known.
  double gain() const { return bestUs > 0 && defaultUs > 0 ? defaultUs / bestUs : 0; }
};

struct TuneOptions {
  SearchSpace space = SearchSpace::Quick;
  const Space *configs = nullptr; ///< instead of `space`: those of a recorded sweep
  std::string strategy = "auto";
  int64_t maxTrials = 0; ///< trials to run now, 0: until the strategy has enough
  double budgetSeconds =
      0;               ///< no trial starts later than this, 0 for no limit; the finals still run
  bool retune = false; ///< try again what the database already has
  /// With `retune`: only rows older than this moment (ISO 8601, UTC), so that a search that tries
  /// again can be stopped and go on.
  std::string retuneBefore;
  std::set<TrialState> retry; ///< of Failed, TimedOut, Crashed, Wrong: states to try again
  uint64_t seed = 1;          ///< of the strategy
  int64_t batch = 8;          ///< questions asked at a time; part of what makes a search repeatable
  int64_t finalists = 4;      ///< besides the defaults
  /// This search tries only the configurations that fall to shard `shard` of `shards`.
  int64_t shard = 0, shards = 1;
  /// Called on the calling thread, after each trial and at least at every change of phase.
  std::function<void(const TuneProgress &)> onProgress;
  /// Set by a signal handler to stop soon; everything finished is kept.
  const std::atomic<bool> *stop = nullptr;
};

struct TuneOutcome {
  int64_t spaceSize = 0;                             ///< configurations of the space
  int64_t reused = 0, ok = 0, failed = 0, wrong = 0; ///< `failed` includes `wrong`
  bool interrupted = false;                          ///< by the stop flag
  bool complete = false; ///< the strategy had enough: neither time, trials nor a stop ended it
  Source source = Source::Measured;
  std::optional<KernelRecord> best;     ///< fastest of this search; verified unless source is Model
  std::vector<KernelRecord> tied;       ///< others whose interval overlaps that of the fastest
  std::optional<KernelRecord> baseline; ///< the defaults of the spec
  double seconds = 0;
};

/// Tunes one problem. Errors: Usage for options that make no sense; Database and those of the
/// laboratory as they come. Trials that fail are rows, not errors. An interrupted search is an
/// outcome, not an error.
Result<TuneOutcome> tune(const Problem &problem, Laboratory &laboratory, Database &database,
                         const TuneOptions &options = {});

/// The Ok rows of one source for this op, target and tuning point, fastest first. The only way to
/// see predictions ordered.
Result<std::vector<KernelRecord>> ranking(const OpDesc &op, const TargetDesc &target,
                                          Database &database, Source source);

/// Which of `shards` shards a problem of a plan belongs to, by its hash: the same everywhere.
int64_t shardOf(const Problem &problem, int64_t shards);

} // namespace zorse
