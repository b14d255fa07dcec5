//===- KnownRows.h - answers that need no trial -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of earlier searches answer for two reasons: the same compiler revision tried the
// same configuration, or another revision made the same machine code of it. Rows that
// failed answer too; that is what makes them a block list.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Tuner.h"

#include <unordered_map>

namespace zorse::tuner {

/// Whether a row says how a trial ended.
bool isFinished(TrialState state);

/// What a row says to a strategy: the time by which it was screened, also after the finals have
/// measured it again, so that a repeated search is told what the first one was; infinity if the
/// trial failed.
double answerOf(const KernelRecord &row);
/// Keeps the screened time in the environment of the later measurement.
void keepScreenedTime(Measurement &measurement, double screenedUs);

/// Whether the time was taken beside its rivals.
bool isOfRounds(const Measurement &measurement);

class KnownRows {
public:
  /// Reads the rows of this problem. Only Ok rows of this source and device count; predictions
  /// need neither a device nor a verification.
  static Result<KnownRows> load(Database &database, const Problem &problem, Source source,
                                const std::string &device, const TuneOptions &options);

  /// The row that answers for this one: same configuration, compute units and compiler revision.
  const KernelRecord *answerFor(const KernelRecord &asked) const;
  /// The same for one that is compiled: same machine code, whatever the revision.
  const KernelRecord *sameCode(const KernelRecord &compiled) const;

private:
  bool counts(const KernelRecord &row) const;

  std::unordered_map<std::string, std::vector<KernelRecord>> byConfig;
  int64_t computeUnits = 0;
  Source source = Source::Measured;
  std::string device, retuneBefore;
  bool retune = false;
  std::set<TrialState> retry;
};

} // namespace zorse::tuner
