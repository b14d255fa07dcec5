//===- Tuner.h - finds the fastest correct configuration -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// enumerate -> compile in parallel -> verify every candidate against the fp64
// reference -> measure -> record every trial -> the fastest verified one wins.
//
// On a target without a device the loop ends after compiling: the candidates are
// ordered by a model of the machine and recorded with source `model` and without
// a verification. Such rows are predictions: Database::best() never returns them;
// ranking() lists them, and a tool must show them as what they are.
//
// Every trial is durable when it is reported, so the loop may be stopped or
// killed at any point and started again: finished trials are not repeated, and
// one that took the process down with it is marked crashed and left alone.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/db/Database.h"
#include "zorse/device/Device.h"

#include <atomic>
#include <functional>

namespace zorse {

enum class SearchSpace {
  Quick, ///< the defaults, every configuration one knob away from them, a seeded sample; at most 40
  Full   ///< every legal configuration
};

/// How times are taken; see tuner/measure/Measure.h for the method.
struct MeasureOptions {
  int64_t screenSamples = 9;   ///< samples of each candidate
  int64_t finalSamples = 31;   ///< samples of each finalist, in interleaved rounds
  int64_t finalists = 4;       ///< besides the defaults
  double sampleSeconds = 1e-3; ///< launches are repeated until a sample takes this long
  /// Launches rotate over copies of the operands of this size together, so that no copy is still in
  /// a core's own cache when its turn comes. 0 keeps one copy (hot).
  int64_t rotateBytes = int64_t(64) << 20;
};

struct TuneProgress {
  std::string phase;                               ///< "compile", "verify", "measure", "finals"
  int64_t total = 0, done = 0, ok = 0, failed = 0; ///< trials; done = reused + ok + failed
  double bestUs = 0;                               ///< 0 until known
  double defaultUs = 0;                            ///< of the default configuration, 0 until known
  double etaSeconds = -1; ///< of the trials left, negative until three trials have ended
  const KernelRecord *trial = nullptr; ///< the trial that has just ended, or null

  /// Time of the defaults over the best time, 0 until both are known.
  double gain() const { return bestUs > 0 && defaultUs > 0 ? defaultUs / bestUs : 0; }
};

struct TuneOptions {
  SearchSpace space = SearchSpace::Quick;
  int64_t maxTrials = 0; ///< trials to run now, 0 for all
  double budgetSeconds =
      0;               ///< no trial starts later than this, 0 for no limit; the finals still run
  int threads = 0;     ///< compile threads, 0 for one a hardware thread
  bool retune = false; ///< try again what the database already has
  uint64_t seed = 1;   ///< of the sample and of the operands
  MeasureOptions measure;
  /// Called on the calling thread, after each trial and at least at every change of phase.
  std::function<void(const TuneProgress &)> onProgress;
  /// Set by a signal handler to stop soon; everything finished is kept.
  const std::atomic<bool> *stop = nullptr;

  /// How candidates are compiled, if not by zorse::compile; for tests. Called from several threads.
  std::function<Result<CodeObject>(const OpDesc &, const TargetDesc &, const KernelConfig &)>
      compile;
  std::string compilerRevision; ///< goes with `compile`
};

struct TuneOutcome {
  int64_t spaceSize = 0;                             ///< legal configurations
  int64_t selected = 0;                              ///< of them in this search
  int64_t reused = 0, ok = 0, failed = 0, wrong = 0; ///< `failed` includes `wrong`
  bool interrupted = false;                          ///< by the stop flag
  bool complete = false; ///< every selected configuration has a finished row
  Source source = Source::Measured;
  std::optional<KernelRecord> best;     ///< fastest of this search; verified unless source is Model
  std::optional<KernelRecord> baseline; ///< the defaults of the spec
  double seconds = 0;
};

/// The configurations that a search tries, defaults first, in a fixed order.
std::vector<KernelConfig> selectConfigs(const OpDesc &op, const TargetDesc &target,
                                        SearchSpace space, uint64_t seed = 1);

/// Tunes `op` at its tuning point. `device` runs `target` and is required for the host; it is null
/// for a target that is not here, whose candidates are then ranked by the model.
/// Errors: Usage for a device of another target or none for the host; Database as it comes. Trials
/// that fail are rows, not errors. An interrupted search is an outcome, not an error.
Result<TuneOutcome> tune(const OpDesc &op, const TargetDesc &target, Device *device,
                         Database &database, const TuneOptions &options = {});

/// The Ok rows of one source for this op, target and tuning point, fastest first. The only way to
/// see predictions ordered.
Result<std::vector<KernelRecord>> ranking(const OpDesc &op, const TargetDesc &target,
                                          Database &database, Source source);

} // namespace zorse
