//===- PlanTuning.h - tuning a whole model ------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "PlanRequest.h"

#include "zorse/tuner/Tuner.h"

namespace zorse::tool {

/// What happens during a plan, for progress and results.
struct PlanListener {
  /// Before a visit; `options` may still be changed, such as its onProgress.
  std::function<void(size_t entry, const PlanStep &step, TuneOptions &options)> begins;
  std::function<void(size_t entry, const PlanStep &step, const TuneOutcome &outcome)> ended;
  /// After a visit: whether the plan ends here. May be empty.
  std::function<bool()> hasEnough;
};

/// Tunes the problems of a plan where it pays, within base.budgetSeconds (0: until all is done);
/// what earlier runs recorded counts as done. `base.space` is the deepest space: with Quick no full
/// space is visited. `base.stop` ends it; what was found stays.
Result<BudgetReport> tunePlan(const Plan &plan, Laboratory &laboratory, Database &database,
                              const TuneOptions &base, const PlanListener &listener);

} // namespace zorse::tool
