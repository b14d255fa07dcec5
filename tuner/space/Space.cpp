//===- Space.cpp - which configurations a search tries -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Tuner.h"

#include <algorithm>
#include <cstdlib>
#include <random>

namespace zorse {

namespace {

constexpr size_t quickTotal = 40, quickNeighbours = 28;

/// Steps between two values in the list of legal ones.
int64_t stepsApart(const KnobSpec &knob, int64_t a, int64_t b) {
  auto place = [&](int64_t value) {
    return std::find(knob.values.begin(), knob.values.end(), value) - knob.values.begin();
  };
  return std::abs(place(a) - place(b));
}

} // namespace

std::vector<KernelConfig> selectConfigs(const OpDesc &op, const TargetDesc &target,
                                        SearchSpace space, uint64_t seed) {
  std::vector<KernelConfig> all = enumerateConfigs(op, target);
  Result<KernelConfig> defaults = KernelConfig::defaults(op, target);
  if (!defaults)
    return all;
  all.erase(std::remove(all.begin(), all.end(), *defaults), all.end());
  std::vector<KernelConfig> chosen = {*defaults};
  if (space == SearchSpace::Full || all.size() < quickTotal) {
    chosen.insert(chosen.end(), all.begin(), all.end());
    return chosen;
  }

  // One knob away from the defaults, the nearest values first.
  struct Neighbour {
    int64_t steps;
    const KernelConfig *config;
  };
  std::vector<Neighbour> neighbours;
  std::vector<const KernelConfig *> others;
  std::vector<const KnobSpec *> knobs = knobsOf(op, target);
  for (const KernelConfig &config : all) {
    int64_t differing = 0, steps = 0;
    for (const KnobSpec *knob : knobs)
      if (config.get(knob->name) != defaults->get(knob->name)) {
        ++differing;
        steps += stepsApart(*knob, config.get(knob->name), defaults->get(knob->name));
      }
    if (differing == 1)
      neighbours.push_back({steps, &config});
    else
      others.push_back(&config);
  }
  std::sort(neighbours.begin(), neighbours.end(), [](const Neighbour &a, const Neighbour &b) {
    return std::pair(a.steps, a.config) < std::pair(b.steps, b.config);
  });
  neighbours.resize(std::min(neighbours.size(), quickNeighbours));
  for (const Neighbour &neighbour : neighbours)
    chosen.push_back(*neighbour.config);

  // Our own shuffle: that of the library may differ from one to the next.
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < others.size() && chosen.size() < quickTotal; ++i) {
    std::swap(others[i], others[i + random() % (others.size() - i)]);
    chosen.push_back(*others[i]);
  }
  return chosen;
}

} // namespace zorse
