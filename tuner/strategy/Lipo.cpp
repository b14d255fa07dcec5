//===- Lipo.cpp - dlib's global search on the places of the knobs ---------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// dlib maximizes a function of integers in a box; here it is minus the logarithm of the
// time at the places of the knobs. Not every point of the box is a configuration: a
// point has the time of the configuration that is nearest to it. A wish for one that is
// known is answered at once; after some of those the open one nearest to the last is asked.
//
//===----------------------------------------------------------------------===//
#include "strategy/Strategies.h"

#include <dlib/global_optimization/global_function_search.h>

#include <cmath>
#include <map>

namespace zorse::tuner {

namespace {

/// With more answers than this, one question takes dlib longer than a trial takes.
constexpr size_t answersLimit = 150;
/// Places at which dlib compares upper bounds for one question; its own choice is 5000.
constexpr size_t samples = 1000;
constexpr int wishesLimit = 8;

using Point = dlib::matrix<double, 0, 1>;

class Lipo final : public BookedStrategy {
public:
  Lipo(const Space &space, uint64_t seed) : BookedStrategy(space), dice(seed), seed(seed) {
    for (size_t k = 0; k < space.knobs().size(); ++k)
      if (space.knobs()[k].values.size() > 1)
        moving.push_back(k);
  }

private:
  std::optional<size_t> choose() override {
    if (askedCount == 0)
      return 0;
    if (answers > answersLimit)
      return anyOpen(dice);
    if (!search)
      begin();
    for (int i = 0;; ++i) {
      dlib::function_evaluation_request wish = search->get_next_x();
      size_t index = nearest(wish.x(), false);
      if (isOpen(index)) {
        requests.emplace(index, std::move(wish));
        return index;
      }
      if (i == wishesLimit) {
        index = nearest(wish.x(), true);
        requests.emplace(index, std::move(wish));
        return index;
      }
      if (isTold(index))
        answer(wish, times[index]);
      // A wish for what is pending is dropped with its request.
    }
  }

  void learn(size_t index, double us) override {
    if (std::isfinite(us))
      worst = std::max(worst, std::log(us));
    if (auto found = requests.find(index); found != requests.end()) {
      answer(found->second, us);
      requests.erase(found);
    }
  }

  void begin() {
    auto count = static_cast<long>(moving.size());
    Point low(count), high(count), start(count);
    for (long i = 0; i < count; ++i) {
      low(i) = 0;
      high(i) = static_cast<double>(space.knobs()[moving[i]].values.size() - 1);
      start(i) = space.place(0, moving[i]);
    }
    std::vector<dlib::function_evaluation> known;
    if (isTold(0))
      known.emplace_back(start, height(times[0]));
    dlib::function_spec box(low, high, std::vector<bool>(moving.size(), true));
    search = std::make_unique<dlib::global_function_search>(
        std::vector<dlib::function_spec>(1, box),
        std::vector<std::vector<dlib::function_evaluation>>(1, known));
    search->set_seed(static_cast<time_t>(seed));
    search->set_monte_carlo_upper_bound_sample_num(samples);
  }

  /// A failure is as bad as twice the slowest so far.
  double height(double us) const { return std::isfinite(us) ? -std::log(us) : -worst - M_LN2; }

  void answer(dlib::function_evaluation_request &wish, double us) {
    wish.set(height(us));
    ++answers;
  }

  size_t nearest(const Point &wish, bool openOnly) const {
    size_t found = 0;
    double least = std::numeric_limits<double>::infinity();
    for (size_t index = 0; index < space.size(); ++index) {
      if (openOnly && !isOpen(index))
        continue;
      double steps = 0;
      for (size_t i = 0; i < moving.size(); ++i)
        steps += std::abs(space.place(index, moving[i]) - wish(static_cast<long>(i)));
      if (steps < least) {
        least = steps;
        found = index;
      }
    }
    return found;
  }

  Dice dice;
  uint64_t seed;
  std::vector<size_t> moving; ///< knobs with more than one value
  std::unique_ptr<dlib::global_function_search> search;
  std::map<size_t, dlib::function_evaluation_request> requests; ///< of the pending, by index
  size_t answers = 0;
  double worst = 0;
};

} // namespace

std::unique_ptr<Strategy> createLipo(const Space &space, uint64_t seed) {
  return std::make_unique<Lipo>(space, seed);
}

} // namespace zorse::tuner
