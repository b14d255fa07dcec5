//===- Space.cpp - the configurations that a search may try ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Space.h"

#include "zorse/tuner/Prune.h"

#include "zorse/tuner/QuickList.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace zorse {

/// Where no list says what won, a quick space is the default and its neighbours, so many in all.
constexpr size_t quickWithoutList = 24;

std::string_view name(SearchSpace space) {
  switch (space) {
  case SearchSpace::Quick:
    return "quick";
  case SearchSpace::Full:
    return "full";
  case SearchSpace::Exhaustive:
    return "exhaustive";
  }
  return "unknown";
}

Space::Space(std::vector<KernelConfig> list) : configs(std::move(list)) {
  for (size_t i = 0; i < configs.size(); ++i)
    byText.emplace(configs[i].text(), i);
  if (configs.empty())
    return;
  for (const auto &[name, value] : configs[0].values()) {
    std::set<int64_t> values;
    for (const KernelConfig &config : configs)
      values.insert(config.get(name));
    knobList.push_back({name, std::vector<int64_t>(values.begin(), values.end())});
  }
  uint64_t stride = 1;
  for (const Knob &knob : knobList) {
    strides.push_back(stride);
    stride *= knob.values.size();
  }
  places.reserve(configs.size() * knobList.size());
  for (size_t i = 0; i < configs.size(); ++i) {
    for (const Knob &knob : knobList) {
      int64_t value = configs[i].get(knob.name);
      auto found = std::lower_bound(knob.values.begin(), knob.values.end(), value);
      places.push_back(static_cast<int>(found - knob.values.begin()));
    }
    byKey.emplace(keyOf(i), i);
  }
}

uint64_t Space::keyOf(size_t index) const {
  uint64_t key = 0;
  for (size_t k = 0; k < knobList.size(); ++k)
    key += strides[k] * static_cast<uint64_t>(place(index, k));
  return key;
}

std::optional<size_t> Space::find(std::string_view configText) const {
  auto found = byText.find(configText);
  return found == byText.end() ? std::nullopt : std::optional(found->second);
}

std::optional<size_t> Space::at(const std::vector<int> &wanted) const {
  uint64_t key = 0;
  for (size_t k = 0; k < knobList.size(); ++k)
    key += strides[k] * static_cast<uint64_t>(wanted[k]);
  auto found = byKey.find(key);
  return found == byKey.end() ? std::nullopt : std::optional(found->second);
}

std::vector<size_t> Space::neighbours(size_t index) const {
  struct Neighbour {
    int steps;
    size_t index;
  };
  std::vector<Neighbour> found;
  uint64_t own = keyOf(index);
  for (size_t k = 0; k < knobList.size(); ++k) {
    int here = place(index, k);
    uint64_t base = own - strides[k] * static_cast<uint64_t>(here);
    for (int there = 0; there < static_cast<int>(knobList[k].values.size()); ++there) {
      if (there == here)
        continue;
      auto entry = byKey.find(base + strides[k] * static_cast<uint64_t>(there));
      if (entry != byKey.end())
        found.push_back({std::abs(there - here), entry->second});
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Neighbour &a, const Neighbour &b) { return a.steps < b.steps; });
  std::vector<size_t> result;
  for (const Neighbour &neighbour : found)
    result.push_back(neighbour.index);
  return result;
}

namespace {

/// What pruning removed, by label, in the order of first appearance.
class Removals {
public:
  void count(const tuner::PruneRule &rule) {
    for (Removal &removal : list)
      if (removal.label == rule.label) {
        ++removal.count;
        return;
      }
    list.push_back({rule.label, rule.reason, 1});
  }
  std::vector<Removal> list;
};

} // namespace

/// The quick list of the kind as configurations of this op: those that are legal here.
static std::vector<KernelConfig> listedConfigs(const OpDesc &op, const TargetDesc &target) {
  std::vector<KernelConfig> configs;
  for (const std::string &text : shippedQuickList(op.kind(), target.isHost() ? "host" : "amdgpu"))
    if (Result<KernelConfig> config = KernelConfig::parse(text, op, target))
      configs.push_back(config.take());
  return configs;
}

Result<Space> Space::of(const OpDesc &op, const TargetDesc &target, SearchSpace which) {
  Result<KernelConfig> defaults = KernelConfig::defaults(op, target);
  if (!defaults)
    return defaults.takeError();

  std::vector<KernelConfig> kept = {*defaults};
  Removals pruned;
  for (KernelConfig &config : enumerateConfigs(op, target)) {
    if (config == *defaults)
      continue;
    if (which != SearchSpace::Exhaustive)
      if (std::optional<tuner::PruneRule> rule = tuner::brokenRule(op, target, config)) {
        pruned.count(*rule);
        continue;
      }
    kept.push_back(std::move(config));
  }

  Space space(std::move(kept));
  auto addFavourites = [&](Space &to) {
    for (const KernelConfig &config : listedConfigs(op, target))
      if (std::optional<size_t> index = to.find(config.text());
          index && *index != 0 &&
          std::find(to.favourites.begin(), to.favourites.end(), *index) == to.favourites.end())
        to.favourites.push_back(*index);
  };
  addFavourites(space);

  if (which == SearchSpace::Quick) {
    std::vector<size_t> chosen = space.favourites;
    if (chosen.empty()) {
      chosen = space.neighbours(0);
      chosen.resize(std::min(chosen.size(), quickWithoutList - 1));
    }
    std::vector<KernelConfig> quick = {space[0]};
    for (size_t index : chosen)
      quick.push_back(space[index]);
    space = Space(std::move(quick));
    addFavourites(space);
  }

  SpaceReport report = describeSpace(op, target);
  space.total = report.total;
  space.legal = report.legal;
  const std::vector<ConstraintSpec> &constraints = op.spec().configConstraints;
  for (const auto &[label, count] : report.removed) {
    auto constraint = std::find_if(constraints.begin(), constraints.end(),
                                   [&](const ConstraintSpec &one) { return one.label == label; });
    space.removals.push_back({label, constraint->message, count});
  }
  space.removals.insert(space.removals.end(), pruned.list.begin(), pruned.list.end());
  return space;
}

} // namespace zorse
