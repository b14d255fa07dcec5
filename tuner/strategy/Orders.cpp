//===- Orders.cpp - strategies that do not look at the answers ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "strategy/Strategies.h"

#include <numeric>

namespace zorse::tuner {

namespace {

class Order final : public Strategy {
public:
  explicit Order(std::vector<size_t> order) : order(std::move(order)) {}

  std::optional<size_t> ask() override {
    return next < order.size() ? std::optional(order[next++]) : std::nullopt;
  }
  void tell(size_t, double) override {}

private:
  std::vector<size_t> order;
  size_t next = 0;
};

} // namespace

static std::vector<size_t> all(const Space &space) {
  std::vector<size_t> indices(space.size());
  std::iota(indices.begin(), indices.end(), size_t(0));
  return indices;
}

std::unique_ptr<Strategy> createExhaustive(const Space &space) {
  return std::make_unique<Order>(all(space));
}

std::unique_ptr<Strategy> createRandom(const Space &space, uint64_t seed) {
  std::vector<size_t> order = all(space);
  Dice(seed).shuffle(order);
  return std::make_unique<Order>(std::move(order));
}

} // namespace zorse::tuner
