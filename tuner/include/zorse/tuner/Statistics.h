//===- Statistics.h - median and its interval -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace zorse::tuner {

struct Summary {
  double median = 0, low = 0, high = 0;
  int64_t samples = 0;
};

/// The median and an interval that holds the true median with at least 95 % probability, whatever
/// the distribution: the k-th smallest and k-th largest sample, with the largest k for which a
/// fair coin shows heads fewer than k times in n throws with probability 2.5 % at most. Below six
/// samples there is no such k and the interval is the range.
Summary summarise(std::vector<double> samples);

/// Whether time does not tell the two apart: their intervals overlap. The same as what the view
/// `best` of the database (kernels-db/schema) asks of the fastest row and a rival, and that view
/// alone says which of those that are tied wins.
bool tied(const Summary &a, const Summary &b);

/// The k above, at least 1.
int64_t intervalRank(int64_t samples);

/// How many times as long as `base` it took, from samples of both in the same rounds; those that
/// one has more of are left out. What slows a whole round down cancels. Two contenders who change
/// places have ratios whose logarithms are symmetric about their true value, whatever the
/// distribution of the noise, so the estimate is the Hodges-Lehmann one, the median of the means of
/// all pairs of logarithms, and low and high are its 95 % interval by Wilcoxon's signed ranks.
/// Below six rounds there is none, and they are the range.
Summary pairedRatio(std::span<const double> samples, std::span<const double> base);

} // namespace zorse::tuner
