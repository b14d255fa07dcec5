//===- Strategy.cpp - strategies by name, and replays of them -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "strategy/Strategies.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace zorse {

namespace tuner {

void Dice::shuffle(std::vector<size_t> &items) {
  for (size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[below(i)]);
}

std::optional<size_t> BookedStrategy::ask() {
  if (askedCount == space.size())
    return std::nullopt;
  std::optional<size_t> index = choose();
  if (index) {
    asked[*index] = true;
    ++askedCount;
  }
  return index;
}

void BookedStrategy::tell(size_t index, double us) {
  toldCount += !isTold(index);
  times[index] = us;
  if (us < bestUs) {
    bestUs = us;
    best = index;
  }
  learn(index, us);
}

size_t BookedStrategy::anyOpen(Dice &dice) const {
  size_t skip = dice.below(space.size() - askedCount);
  for (size_t i = 0;; ++i)
    if (isOpen(i) && skip-- == 0)
      return i;
}

} // namespace tuner

namespace {

struct Entry {
  std::string name;
  std::string_view meaning;
};

const std::vector<Entry> &entries() {
  static const std::vector<Entry> list = {
      {"auto", "the default, what won elsewhere, then bayesian until no gain is expected"},
      {"bayesian", "a Gaussian process over the knobs, asked for the largest expected improvement"},
      {"evolutionary", "tournaments, crossover by knob and mutation to a neighbour"},
      {"exhaustive", "every configuration in the order of the space"},
      {"lipo", "dlib's global search: a Lipschitz upper bound and a trust region in turn"},
      {"local", "descent over one-knob neighbours, from the default and then from random places"},
      {"random", "every configuration in a random order"},
  };
  return list;
}

} // namespace

const std::vector<std::string> &strategyNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Entry &entry : entries())
      list.push_back(entry.name);
    return list;
  }();
  return names;
}

std::string_view describeStrategy(std::string_view name) {
  for (const Entry &entry : entries())
    if (entry.name == name)
      return entry.meaning;
  return {};
}

Result<std::unique_ptr<Strategy>> makeStrategy(std::string_view name, const Space &space,
                                               uint64_t seed, const Prior &prior) {
  if (!prior.empty() && prior.size() != space.size())
    return usageError(fmt::format("prior: expected a time for each of {} configurations, found {}",
                                  space.size(), prior.size()));
  if (name == "auto")
    return tuner::createAuto(space, seed, prior);
  if (name == "bayesian")
    return tuner::createBayesian(space, seed, prior);
  if (name == "evolutionary")
    return tuner::createEvolutionary(space, seed, prior);
  if (name == "exhaustive")
    return tuner::createExhaustive(space);
  if (name == "lipo")
    return tuner::createLipo(space, seed);
  if (name == "local")
    return tuner::createLocal(space, seed, prior);
  if (name == "random")
    return tuner::createRandom(space, seed);
  return usageError(fmt::format("strategy: expected one of {}, found \"{}\"",
                                fmt::join(strategyNames(), ", "), name));
}

Result<Replay> replay(std::string_view strategy, const Space &space,
                      const std::vector<double> &timesUs, size_t budget, uint64_t seed,
                      size_t batch, const Prior &prior) {
  if (timesUs.size() != space.size())
    return usageError(fmt::format("replay: expected a time for each of {} configurations, found {}",
                                  space.size(), timesUs.size()));
  Result<std::unique_ptr<Strategy>> made = makeStrategy(strategy, space, seed, prior);
  if (!made)
    return made.takeError();
  Replay result;
  result.bestUs = std::numeric_limits<double>::infinity();
  for (bool more = true; more && result.asked.size() < budget;) {
    size_t answered = result.asked.size();
    size_t end = std::min(budget, answered + std::max<size_t>(1, batch));
    while (more && result.asked.size() < end) {
      std::optional<size_t> index = (*made)->ask();
      more = index.has_value();
      if (more)
        result.asked.push_back(*index);
    }
    // A strategy that had nothing to ask before the answers came may have something after them.
    more = result.asked.size() > answered;
    for (; answered < result.asked.size(); ++answered) {
      size_t index = result.asked[answered];
      (*made)->tell(index, timesUs[index]);
      if (timesUs[index] < result.bestUs) {
        result.bestUs = timesUs[index];
        result.best = index;
      }
    }
  }
  return result;
}

} // namespace zorse
