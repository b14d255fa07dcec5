//===- Statistics.cpp - median and its interval -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "measure/Statistics.h"

#include <algorithm>
#include <cmath>

namespace zorse::tuner {

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

bool tied(const Summary &a, const Summary &b) { return a.low <= b.high && b.low <= a.high; }

} // namespace zorse::tuner
