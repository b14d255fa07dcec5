//===- Bayesian.cpp - the largest expected improvement --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two strategies on one Gaussian process. `bayesian` begins at the default and asks on to
// the end of the space; `auto` begins with the default and with what won elsewhere, and
// ends when nothing left promises a gain that matters.
//
// Questions without an answer count as answered with what was expected, so a batch
// spreads. A failure counts as slow as the slowest success. With a prior, the process
// learns the quotient of time and prediction instead of the time.
//
//===----------------------------------------------------------------------===//
#include "strategy/GaussianProcess.h"
#include "strategy/Strategies.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace zorse::tuner {

namespace {

/// Beyond this many observations the process stops learning and the rest is asked for by its last
/// word: one more would cost more than a trial.
constexpr size_t observationsLimit = 400;

/// `auto` has enough when so many questions in a row, and this part of the space, promised less
/// than this part of the best time. On the recorded sweeps it then has 0.99 or more of the best;
/// half of the patience loses 1 % more on one of them, half of the gain asks for a fifth more.
constexpr double worthwhileGain = 0.01;
constexpr size_t patience = 16, patienceShare = 25;

class Bayesian : public BookedStrategy {
public:
  Bayesian(const Space &space, uint64_t seed, const Prior &prior, std::vector<size_t> first,
           bool endsEarly)
      : BookedStrategy(space), dice(seed), process(space), first(std::move(first)),
        endsEarly(endsEarly), observation(space.size(), none), offset(space.size(), 0.0),
        hopeless(space.size(), false) {
    double worst = 0;
    for (double us : prior)
      if (std::isfinite(us))
        worst = std::max(worst, us);
    for (size_t i = 0; i < prior.size(); ++i) {
      hopeless[i] = !std::isfinite(prior[i]);
      offset[i] = worst > 0 ? std::log(std::isfinite(prior[i]) ? prior[i] : 2 * worst) : 0.0;
    }
  }

private:
  static constexpr size_t none = ~size_t(0);

  std::optional<size_t> choose() override {
    for (; nextFirst < first.size(); ++nextFirst)
      if (isOpen(first[nextFirst]))
        return observed(first[nextFirst]);
    if (process.size() >= observationsLimit)
      return endsEarly ? std::nullopt : fromFrozen();
    if (toldCount >= nextFit) {
      process.fit();
      nextFit = toldCount + std::max<size_t>(1, toldCount / 3);
    }
    process.predict(mean, deviation);
    double target = reference();
    std::optional<size_t> chosen;
    double most = 0;
    size_t equals = 0;
    for (size_t i = 0; i < space.size(); ++i) {
      if (!isOpen(i))
        continue;
      double gain = hopeless[i] ? -1 : improvement(target, mean[i] + offset[i], deviation[i]);
      // Ties, such as those of a flat space, are for the dice.
      if (!chosen || gain > most) {
        chosen = i;
        most = gain;
        equals = 1;
      } else if (gain == most && dice.oneIn(++equals)) {
        chosen = i;
      }
    }
    if (endsEarly && enough(most))
      return std::nullopt;
    return observed(*chosen);
  }

  /// What is to be improved on, in the logarithm: the best of all times and pending expectations.
  double reference() const {
    if (std::isfinite(bestUs))
      return std::log(bestUs);
    double least = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < space.size(); ++i)
      least = std::min(least, mean[i] + offset[i]);
    return least;
  }

  static double improvement(double target, double mean, double deviation) {
    if (deviation < 1e-9)
      return std::max(0.0, target - mean);
    double z = (target - mean) / deviation;
    double density = std::exp(-0.5 * z * z) / std::sqrt(2 * M_PI);
    return deviation * (z * 0.5 * std::erfc(-z / M_SQRT2) + density);
  }

  bool enough(double gain) {
    dull = gain < worthwhileGain ? dull + 1 : 0;
    return std::isfinite(bestUs) && dull > std::max(patience, space.size() / patienceShare);
  }

  std::optional<size_t> observed(size_t index) {
    if (process.size() < observationsLimit) {
      if (mean.empty() || process.size() == 0)
        process.predict(mean, deviation);
      observation[index] = process.size();
      process.add(index, mean[index]);
    }
    return index;
  }

  void learn(size_t index, double us) override {
    if (observation[index] == none)
      return;
    if (std::isfinite(us)) {
      process.setValue(observation[index], std::log(us) - offset[index]);
      if (std::log(us) <= slowest)
        return;
      slowest = std::log(us);
    } else {
      failures.push_back(index);
    }
    if (!std::isfinite(slowest)) // nothing to compare with: what was expected stays
      return;
    for (size_t failure : failures)
      process.setValue(observation[failure], slowest - offset[failure]);
  }

  std::optional<size_t> fromFrozen() {
    if (frozen.empty()) {
      process.predict(mean, deviation);
      for (size_t i = 0; i < space.size(); ++i)
        if (isOpen(i))
          frozen.push_back(i);
      std::stable_sort(frozen.begin(), frozen.end(), [&](size_t a, size_t b) {
        return std::pair<bool, double>(hopeless[a], mean[a] + offset[a]) <
               std::pair<bool, double>(hopeless[b], mean[b] + offset[b]);
      });
    }
    while (!isOpen(frozen[nextFrozen]))
      ++nextFrozen;
    return frozen[nextFrozen];
  }

  Dice dice;
  GaussianProcess process;
  std::vector<size_t> first; ///< asked before the process is
  bool endsEarly;
  std::vector<size_t> observation; ///< of each configuration in the process, or none
  std::vector<double> offset;      ///< logarithm of the prior
  std::vector<bool> hopeless;      ///< by the prior
  std::vector<size_t> failures, frozen;
  size_t nextFirst = 0, nextFrozen = 0, nextFit = 4, dull = 0;
  double slowest = -std::numeric_limits<double>::infinity();
  std::vector<double> mean, deviation;
};

} // namespace

std::unique_ptr<Strategy> createBayesian(const Space &space, uint64_t seed, const Prior &prior) {
  return std::make_unique<Bayesian>(space, seed, prior, std::vector<size_t>{0}, false);
}

/// The default, then in turn what the prior likes best and what won elsewhere: two opinions that
/// seldom fail together. The process takes over from what they found.
static std::vector<size_t> openingOf(const Space &space, const Prior &prior) {
  constexpr size_t expectations = 4;
  std::vector<size_t> likely;
  for (size_t i = 0; i < prior.size(); ++i)
    if (std::isfinite(prior[i]))
      likely.push_back(i);
  std::sort(likely.begin(), likely.end(),
            [&](size_t a, size_t b) { return std::pair(prior[a], a) < std::pair(prior[b], b); });
  likely.resize(std::min(likely.size(), expectations));
  std::vector<size_t> opening = {0};
  for (size_t i = 0; i < std::max(likely.size(), space.favourites.size()); ++i)
    for (const std::vector<size_t> *list : {&std::as_const(likely), &space.favourites})
      if (i < list->size() &&
          std::find(opening.begin(), opening.end(), (*list)[i]) == opening.end())
        opening.push_back((*list)[i]);
  return opening;
}

std::unique_ptr<Strategy> createAuto(const Space &space, uint64_t seed, const Prior &prior) {
  return std::make_unique<Bayesian>(space, seed, prior, openingOf(space, prior), true);
}

} // namespace zorse::tuner
