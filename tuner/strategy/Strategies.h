//===- Strategies.h - what the strategies share ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Strategy.h"

#include <random>

namespace zorse::tuner {

/// Random numbers that are the same with every standard library.
class Dice {
public:
  explicit Dice(uint64_t seed) : engine(seed) {}
  size_t below(size_t count) { return engine() % count; }
  bool oneIn(size_t count) { return below(count) == 0; }
  void shuffle(std::vector<size_t> &items);

private:
  std::mt19937_64 engine;
};

/// Keeps the books of questions and answers. What is left to a strategy is choose(): it may return
/// any configuration that is still open, or nullopt when it has had enough.
class BookedStrategy : public Strategy {
public:
  explicit BookedStrategy(const Space &space)
      : space(space), asked(space.size(), false), times(space.size(), notTold) {}

  std::optional<size_t> ask() final;
  void tell(size_t index, double us) final;

protected:
  static constexpr double notTold = -1;

  /// Called only while some configuration is open.
  virtual std::optional<size_t> choose() = 0;
  virtual void learn(size_t index, double us) {}

  bool isOpen(size_t index) const { return !asked[index]; }
  bool isTold(size_t index) const { return times[index] != notTold; }
  /// Any open one, all with equal chance.
  size_t anyOpen(Dice &dice) const;

  const Space &space;
  std::vector<bool> asked;
  std::vector<double> times; ///< notTold, infinity for a failure
  size_t askedCount = 0, toldCount = 0;
  double bestUs = std::numeric_limits<double>::infinity();
  size_t best = 0; ///< meaningful once bestUs is finite
};

std::unique_ptr<Strategy> createExhaustive(const Space &space);
std::unique_ptr<Strategy> createRandom(const Space &space, uint64_t seed);
std::unique_ptr<Strategy> createLocal(const Space &space, uint64_t seed, const Prior &prior);
std::unique_ptr<Strategy> createEvolutionary(const Space &space, uint64_t seed, const Prior &prior);
std::unique_ptr<Strategy> createLipo(const Space &space, uint64_t seed);
std::unique_ptr<Strategy> createBayesian(const Space &space, uint64_t seed, const Prior &prior);
std::unique_ptr<Strategy> createAuto(const Space &space, uint64_t seed, const Prior &prior);

} // namespace zorse::tuner
