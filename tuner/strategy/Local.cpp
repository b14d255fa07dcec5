//===- Local.cpp - descent over one-knob neighbours -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// First improvement: the neighbours of the current configuration are asked for, nearest
// first; as soon as one of them turns out faster it becomes the current one. When all
// neighbours are known and none is faster the descent begins again at a random open
// configuration (the most promising of a few, where a prior is given).
//
//===----------------------------------------------------------------------===//
#include "strategy/Strategies.h"

namespace zorse::tuner {

namespace {

constexpr int restartsToCompare = 8;

class Local final : public BookedStrategy {
public:
  Local(const Space &space, uint64_t seed, const Prior &prior)
      : BookedStrategy(space), dice(seed), prior(prior) {}

private:
  std::optional<size_t> choose() override {
    if (askedCount == 0)
      return begin(0);
    // While the current one is pending its neighbours are as good a guess as any.
    while (next < around.size())
      if (size_t candidate = around[next++]; isOpen(candidate))
        return candidate;
    size_t start = anyOpen(dice);
    if (!prior.empty())
      for (int i = 1; i < restartsToCompare; ++i)
        if (size_t other = anyOpen(dice); prior[other] < prior[start])
          start = other;
    return begin(start);
  }

  void learn(size_t index, double us) override {
    if (index == current || (isTold(current) && us >= times[current]))
      return;
    // An answer that comes late, after a restart, must not pull the descent back.
    if (!isTold(current) || !differsInOneKnob(index))
      return;
    begin(index);
  }

  bool differsInOneKnob(size_t index) const {
    size_t differing = 0;
    for (size_t k = 0; k < space.knobs().size(); ++k)
      differing += space.place(index, k) != space.place(current, k);
    return differing == 1;
  }

  size_t begin(size_t index) {
    current = index;
    around = space.neighbours(index);
    next = 0;
    return index;
  }

  Dice dice;
  Prior prior;
  size_t current = 0;
  std::vector<size_t> around;
  size_t next = 0;
};

} // namespace

std::unique_ptr<Strategy> createLocal(const Space &space, uint64_t seed, const Prior &prior) {
  return std::make_unique<Local>(space, seed, prior);
}

} // namespace zorse::tuner
