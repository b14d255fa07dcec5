//===- Joint.cpp - knobs chosen together or one after another -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Plan.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <set>

namespace zorse {

using Group = std::vector<size_t>; // of knobs

static Result<std::vector<Group>> resolve(const Space &space,
                                          const std::vector<std::vector<std::string>> &groups) {
  std::vector<Group> resolved;
  std::set<size_t> named;
  for (const std::vector<std::string> &names : groups) {
    Group &group = resolved.emplace_back();
    for (const std::string &knob : names) {
      auto found = std::find_if(space.knobs().begin(), space.knobs().end(),
                                [&](const Space::Knob &each) { return each.name == knob; });
      auto index = static_cast<size_t>(found - space.knobs().begin());
      if (found == space.knobs().end() || !named.insert(index).second)
        return usageError(fmt::format("'{}' is no knob of this space, or is named twice", knob));
      group.push_back(index);
    }
  }
  for (size_t knob = 0; knob < space.knobs().size(); ++knob)
    if (!named.contains(knob) && space.knobs()[knob].values.size() > 1)
      resolved.push_back({knob});
  return resolved;
}

/// The fastest of those that differ from `from` in knobs of the group alone.
static size_t bestInGroup(const Space &space, const std::vector<double> &timesUs, size_t from,
                          const Group &group, std::set<size_t> &tried) {
  size_t best = from;
  for (size_t i = 0; i < space.size(); ++i) {
    bool isWithin = true;
    for (size_t knob = 0; knob < space.knobs().size() && isWithin; ++knob)
      isWithin = space.place(i, knob) == space.place(from, knob) ||
                 std::find(group.begin(), group.end(), knob) != group.end();
    if (!isWithin)
      continue;
    tried.insert(i);
    if (timesUs[i] < timesUs[best])
      best = i;
  }
  return best;
}

Result<JointReport> compareJoint(const Space &space, const std::vector<double> &timesUs,
                                 const std::vector<std::vector<std::string>> &groups) {
  if (timesUs.size() != space.size() || space.size() == 0 || !std::isfinite(timesUs[0]))
    return usageError(fmt::format("the sweep must have a time for each of {} configurations and "
                                  "one for the default, found {} times",
                                  space.size(), timesUs.size()));
  Result<std::vector<Group>> resolved = resolve(space, groups);
  if (!resolved)
    return resolved.takeError();
  JointReport report;
  report.defaultUs = timesUs[0];
  auto fastest = std::min_element(timesUs.begin(), timesUs.end());
  report.jointIndex = static_cast<size_t>(fastest - timesUs.begin());
  report.bestUs = *fastest;
  report.separateUs = HUGE_VAL;
  std::vector<size_t> order(resolved->size());
  std::iota(order.begin(), order.end(), size_t(0));
  do {
    size_t at = 0;
    std::set<size_t> tried = {0};
    for (size_t group : order)
      at = bestInGroup(space, timesUs, at, (*resolved)[group], tried);
    report.worstUs = std::max(report.worstUs, timesUs[at]);
    if (timesUs[at] >= report.separateUs)
      continue;
    report.separateUs = timesUs[at];
    report.separateIndex = at;
    report.trials = static_cast<int64_t>(tried.size());
    report.bestOrder.clear();
    for (size_t group : order)
      report.bestOrder.push_back(space.knobs()[(*resolved)[group].front()].name);
  } while (std::next_permutation(order.begin(), order.end()));
  return report;
}

} // namespace zorse
