//===- Statistics.cpp - median and its interval -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Statistics.h"

#include <algorithm>
#include <cmath>

namespace zorse::tuner {

namespace {

/// The largest k for which the sum of the signed ranks of n differences without a tendency is
/// below k with probability 2.5 % at most; at least 1. Exact up to 50, beyond by the normal
/// approximation.
size_t signedRank(size_t n) {
  if (n > 50) {
    double m = double(n), mean = m * (m + 1) / 4;
    double deviation = std::sqrt(m * (m + 1) * (2 * m + 1) / 24);
    return size_t(std::max(1.0, std::floor(mean - 1.959964 * deviation)));
  }
  // ways[s]: of choosing signs so that the positive ranks sum to s.
  std::vector<double> ways(n * (n + 1) / 2 + 1, 0);
  ways[0] = 1;
  for (size_t rank = 1; rank <= n; ++rank)
    for (size_t sum = ways.size(); sum-- > rank;)
      ways[sum] += ways[sum - rank];
  double below = 0, all = std::pow(2.0, double(n));
  size_t k = 0;
  while (k < ways.size() && below + ways[k] <= 0.025 * all)
    below += ways[k++];
  return std::max<size_t>(k, 1);
}

} // namespace

int64_t intervalRank(int64_t n) {
  double probability = std::pow(0.5, double(n)), below = 0; // C(n, 0) / 2^n
  int64_t k = 0;
  while (k < n / 2 && below + probability <= 0.025) {
    below += probability;
    probability *= double(n - k) / double(k + 1);
    ++k;
  }
  return std::max<int64_t>(k, 1);
}

Summary summarise(std::vector<double> samples) {
  Summary summary;
  summary.samples = int64_t(samples.size());
  if (samples.empty())
    return summary;
  std::sort(samples.begin(), samples.end());
  size_t n = samples.size(), k = size_t(intervalRank(summary.samples));
  summary.median = n % 2 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
  summary.low = samples[k - 1];
  summary.high = samples[n - k];
  return summary;
}

Summary pairedRatio(std::span<const double> samples, std::span<const double> base) {
  Summary summary;
  size_t n = std::min(samples.size(), base.size());
  summary.samples = int64_t(n);
  if (n == 0)
    return summary;
  std::vector<double> logs(n), means;
  for (size_t i = 0; i < n; ++i)
    logs[i] = std::log(samples[i] / base[i]);
  means.reserve(n * (n + 1) / 2);
  for (size_t i = 0; i < n; ++i)
    for (size_t k = i; k < n; ++k)
      means.push_back((logs[i] + logs[k]) / 2);
  auto ranked = [&](size_t rank) { // from 0
    auto place = means.begin() + ptrdiff_t(rank);
    std::nth_element(means.begin(), place, means.end());
    return *place;
  };
  size_t count = means.size(), rank = signedRank(n);
  summary.median = std::exp((ranked((count - 1) / 2) + ranked(count / 2)) / 2);
  summary.low = std::exp(ranked(rank - 1));
  summary.high = std::exp(ranked(count - rank));
  return summary;
}

bool tied(const Summary &a, const Summary &b) { return a.low <= b.high && b.low <= a.high; }

} // namespace zorse::tuner
