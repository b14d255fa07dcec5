//===- Search.h - one run of the tuning loop -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "measure/Meter.h"
#include "verify/Verifier.h"

#include <chrono>
#include <mutex>

namespace zorse::tuner {

struct Candidate {
  KernelConfig config;
  KernelRecord record;
  std::optional<CodeObject> code; ///< once compiled in this run
  bool finished = false;          ///< has a row that says how it ended
  bool reused = false;            ///< that row is older than this run
  bool measuredInRounds = false;  ///< its time comes from the interleaved rounds

  bool timed() const {
    return finished && record.state == TrialState::Ok && record.measurement.has_value();
  }
  double us() const { return record.measurement->medianUs; }
};

/// The state of one call of tune(). Candidates go through in batches: all of a batch are compiled
/// in parallel, then one after the other verified and measured, so that nothing compiles while a
/// time is taken. Each step first marks its row running: should it kill the process, the next run
/// finds exactly that row.
class Search {
public:
  Search(const OpDesc &op, const TargetDesc &target, Device *device, Database &database,
         const TuneOptions &options);
  Result<TuneOutcome> run();

private:
  Status loadKnownRows();
  Status compileBatch(std::vector<Candidate *> &batch);
  /// Takes over the row of the same machine code from an earlier compiler revision.
  Status reuseSameCode(Candidate &candidate);
  Status tryOnDevice(Candidate &candidate);
  Status tryInModel(Candidate &candidate);
  Status playFinals();
  Result<std::optional<Contender>> contenderFor(Candidate &candidate);

  Status mark(Candidate &candidate, TrialState state);
  Status finish(Candidate &candidate, TrialState state, std::string error = {});
  void report(std::string_view phase, const Candidate *candidate);
  bool stopped() const { return options.stop && *options.stop; }
  bool outOfTime() const;
  double secondsSoFar() const;
  Candidate *fastest();
  int64_t trialsToday() const { return ok + failed; }

  OpDesc op;
  TargetDesc target;
  Device *device;
  Database &database;
  TuneOptions options;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  std::mutex databaseMutex; ///< marks come from the compile threads
  std::vector<Candidate> candidates;
  std::vector<KernelRecord> knownRows;
  std::optional<Verifier> verifier;
  std::optional<Meter> meter;
  int64_t ok = 0, failed = 0, wrong = 0;
};

} // namespace zorse::tuner
