//===- Side.cpp - one way of running a case -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Side.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

namespace zorse::bench {

Summary summarise(std::vector<double> times) {
  if (times.empty())
    return {};
  std::sort(times.begin(), times.end());
  const auto n = static_cast<double>(times.size());
  // Ranks of the binomial interval of the median, normal approximation.
  const double reach = 1.96 * std::sqrt(n) / 2;
  const auto at = [&](double rank) {
    return times[static_cast<size_t>(std::clamp(rank, 0.0, n - 1))];
  };
  const size_t half = times.size() / 2;
  const double median = times.size() % 2 ? times[half] : (times[half - 1] + times[half]) / 2;
  return {median, at(std::floor(n / 2 - reach)), at(std::ceil(n / 2 + reach)),
          static_cast<int>(times.size())};
}

Result<std::vector<Summary>> measure(const std::vector<std::unique_ptr<Side>> &sides, int rounds,
                                     double targetUs) {
  std::vector<std::vector<double>> times(sides.size());
  for (int round = -1; round < rounds; ++round)
    for (size_t i = 0; i < sides.size(); ++i) {
      // Worker threads of the side before may still spin for a few milliseconds.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      Result<double> us = sides[i]->round(targetUs);
      if (!us)
        return us.takeError();
      if (round >= 0)
        times[i].push_back(*us);
    }
  std::vector<Summary> summaries;
  for (std::vector<double> &row : times)
    summaries.push_back(summarise(std::move(row)));
  return summaries;
}

} // namespace zorse::bench
