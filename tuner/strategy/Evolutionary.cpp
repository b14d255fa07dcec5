//===- Evolutionary.cpp - tournaments, crossover, mutation ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A steady state population: the fastest `populationLimit` that were told. A child takes
// each knob from one of two parents, each the better of two drawn at random, and is then
// moved to a random neighbour in half of the cases. A child that does not exist or is
// known already is drawn again; after a few attempts an open configuration is drawn.
//
//===----------------------------------------------------------------------===//
#include "strategy/Strategies.h"

#include <algorithm>
#include <cmath>

namespace zorse::tuner {

namespace {

constexpr size_t founders = 8, populationLimit = 16;
constexpr int attempts = 20;

class Evolutionary final : public BookedStrategy {
public:
  Evolutionary(const Space &space, uint64_t seed, const Prior &prior)
      : BookedStrategy(space), dice(seed) {
    // Where a prior is given, half of the founders are its favourites.
    if (!prior.empty()) {
      for (size_t i = 0; i < space.size(); ++i)
        favourites.push_back(i);
      size_t count = std::min(founders / 2, favourites.size());
      std::partial_sort(
          favourites.begin(), favourites.begin() + count, favourites.end(),
          [&](size_t a, size_t b) { return std::pair(prior[a], a) < std::pair(prior[b], b); });
      favourites.resize(count);
    }
  }

private:
  std::optional<size_t> choose() override {
    if (askedCount == 0)
      return 0;
    for (size_t favourite : favourites)
      if (isOpen(favourite))
        return favourite;
    if (askedCount < founders || population.size() < 2)
      return anyOpen(dice);
    for (int i = 0; i < attempts; ++i)
      if (std::optional<size_t> child = bred(); child && isOpen(*child))
        return child;
    return anyOpen(dice);
  }

  void learn(size_t index, double us) override {
    if (!std::isfinite(us))
      return;
    auto slower = [&](size_t a, size_t b) {
      return std::pair(times[a], a) < std::pair(times[b], b);
    };
    population.insert(std::upper_bound(population.begin(), population.end(), index, slower), index);
    if (population.size() > populationLimit)
      population.pop_back();
  }

  /// The population is sorted, so the better of two is the one nearer to its front.
  size_t parent() {
    return population[std::min(dice.below(population.size()), dice.below(population.size()))];
  }

  std::optional<size_t> bred() {
    size_t a = parent(), b = parent();
    std::vector<int> places;
    for (size_t k = 0; k < space.knobs().size(); ++k)
      places.push_back(space.place(dice.oneIn(2) ? a : b, k));
    std::optional<size_t> child = space.at(places);
    if (!child || (!isOpen(*child) || dice.oneIn(2))) {
      std::vector<size_t> around = space.neighbours(child.value_or(a));
      if (around.empty())
        return std::nullopt;
      child = around[dice.below(around.size())];
    }
    return child;
  }

  Dice dice;
  std::vector<size_t> favourites, population;
};

} // namespace

std::unique_ptr<Strategy> createEvolutionary(const Space &space, uint64_t seed,
                                             const Prior &prior) {
  return std::make_unique<Evolutionary>(space, seed, prior);
}

} // namespace zorse::tuner
