//===- PlanTuning.cpp - tuning a whole model ------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PlanTuning.h"

#include <fmt/format.h>

namespace zorse::tool {

static double medianOf(const std::optional<KernelRecord> &record) {
  return record && record->measurement ? record->measurement->medianUs : 0;
}

Result<BudgetReport> tunePlan(const Plan &plan, Laboratory &laboratory, Database &database,
                              const TuneOptions &base, const PlanListener &listener) {
  BudgetOptions budget;
  budget.seconds = base.budgetSeconds;
  budget.deepens = base.space != SearchSpace::Quick;
  if (!plan.entries.empty()) {
    Result<KnownGains> gains = knownGains(database, plan.entries.front().problem.target);
    if (!gains)
      return gains.takeError();
    budget.gains = gains.take();
  }
  return planTuning(plan, budget, [&](const PlanStep &step) -> Result<PlanStepResult> {
    const Problem &problem = plan.entries[step.entry].problem;
    TuneOptions options = base;
    // The deepest space that was asked for may be the exhaustive one.
    options.space = step.space == SearchSpace::Quick ? SearchSpace::Quick : base.space;
    options.budgetSeconds = step.seconds;
    if (listener.begins)
      listener.begins(step.entry, step, options);
    Result<TuneOutcome> outcome = tune(problem, laboratory, database, options);
    if (!outcome)
      return Error{outcome.error().code,
                   fmt::format("{}: {}", problem.op.kind(), outcome.error().message)};
    if (listener.ended)
      listener.ended(step.entry, step, *outcome);
    const bool isOver = outcome->interrupted || (listener.hasEnough && listener.hasEnough());
    return PlanStepResult{medianOf(outcome->baseline), medianOf(outcome->best), outcome->complete,
                          isOver};
  });
}

} // namespace zorse::tool
