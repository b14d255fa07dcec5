//===- Plan.cpp - what a model launches, and what weighs most -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Plan.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace zorse {

std::string Scenario::text() const {
  return kind == Kind::Decode ? fmt::format("decode b{} c{}", batch, context)
                              : fmt::format("prefill {}", context);
}

Result<Plan> makePlan(std::vector<Scenario> scenarios, const std::vector<PlannedUse> &uses,
                      const TargetDesc &target, const PredictFunction &predict) {
  if (scenarios.empty() || uses.empty())
    return usageError("a plan needs at least one scenario and one launch in it");
  Plan plan;
  plan.scenarios = std::move(scenarios);
  std::map<std::string, size_t> places;
  for (const PlannedUse &use : uses) {
    if (use.scenario >= plan.scenarios.size() || use.launches < 1)
      return usageError(fmt::format("a launch of a plan belongs to one of {} scenarios and happens "
                                    "at least once, found scenario {}, {} times",
                                    plan.scenarios.size(), use.scenario, use.launches));
    auto [place, isNew] =
        places.try_emplace(use.op.canonicalJson() + use.op.tuningPointJson(), plan.entries.size());
    if (isNew) {
      PlanEntry entry{{use.op, target}, std::vector<int64_t>(plan.scenarios.size()), 0, 0};
      entry.predictedUs = predict(entry.problem);
      if (!std::isfinite(entry.predictedUs) || entry.predictedUs <= 0)
        return usageError(fmt::format("the predicted time of {} at {} must be above 0, found {}",
                                      use.op.kind(), use.op.tuningPointJson(), entry.predictedUs));
      plan.entries.push_back(std::move(entry));
    }
    plan.entries[place->second].launches[use.scenario] += use.launches;
  }
  std::vector<double> total(plan.scenarios.size());
  for (const PlanEntry &entry : plan.entries)
    for (size_t s = 0; s < total.size(); ++s)
      total[s] += entry.predictedUs * static_cast<double>(entry.launches[s]);
  auto busy = std::count_if(total.begin(), total.end(), [](double us) { return us > 0; });
  for (PlanEntry &entry : plan.entries)
    for (size_t s = 0; s < total.size(); ++s)
      if (total[s] > 0)
        entry.share += entry.predictedUs * static_cast<double>(entry.launches[s]) / total[s] /
                       static_cast<double>(busy);
  std::stable_sort(plan.entries.begin(), plan.entries.end(),
                   [](const PlanEntry &a, const PlanEntry &b) { return a.share > b.share; });
  return plan;
}

} // namespace zorse
