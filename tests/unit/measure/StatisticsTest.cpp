//===- StatisticsTest.cpp - the interval of a median -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Statistics.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace zorse::tuner;

namespace {

TEST(Statistics, RanksAreThoseOfTheBinomialTable) {
  // Order statistics of a 95 % interval of the median, as any table of the sign test has them.
  EXPECT_EQ(intervalRank(1), 1);
  EXPECT_EQ(intervalRank(5), 1);
  EXPECT_EQ(intervalRank(6), 1);
  EXPECT_EQ(intervalRank(8), 1);
  EXPECT_EQ(intervalRank(9), 2);
  EXPECT_EQ(intervalRank(11), 2);
  EXPECT_EQ(intervalRank(12), 3);
  EXPECT_EQ(intervalRank(20), 6);
  EXPECT_EQ(intervalRank(25), 8);
  EXPECT_EQ(intervalRank(31), 10);
}

TEST(Statistics, MedianOfOddAndEvenCounts) {
  Summary odd = summarise({5, 1, 9});
  EXPECT_EQ(odd.median, 5);
  EXPECT_EQ(odd.low, 1);
  EXPECT_EQ(odd.high, 9);
  EXPECT_EQ(summarise({4, 1, 2, 9}).median, 3);
  EXPECT_EQ(summarise({}).samples, 0);
}

TEST(Statistics, AnOutlierMovesNeitherMedianNorInterval) {
  std::vector<double> samples = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 1e9};
  Summary summary = summarise(samples);
  EXPECT_EQ(summary.median, 15.5);
  EXPECT_EQ(summary.low, 12);
  EXPECT_EQ(summary.high, 19);
}

TEST(Statistics, IntervalsThatMeetAreTied) {
  Summary a{.median = 10, .low = 9, .high = 11, .samples = 9};
  EXPECT_TRUE(tied(a, a));
  EXPECT_TRUE(tied(a, {.median = 12, .low = 11, .high = 13, .samples = 9}));
  EXPECT_FALSE(tied(a, {.median = 12, .low = 11.01, .high = 13, .samples = 9}));
  EXPECT_FALSE(tied({.median = 12, .low = 11.01, .high = 13, .samples = 9}, a));
}

TEST(Statistics, RatiosWithinRoundsIgnoreWhatSlowsTheRound) {
  std::vector<double> base = {1, 10, 3, 200, 5, 7, 4, 2, 9}, samples = base;
  for (double &each : samples)
    each *= 1.5;
  Summary ratio = pairedRatio(samples, base);
  EXPECT_DOUBLE_EQ(ratio.median, 1.5);
  EXPECT_DOUBLE_EQ(ratio.low, 1.5);
  EXPECT_DOUBLE_EQ(ratio.high, 1.5);
  samples.resize(4);
  EXPECT_EQ(pairedRatio(samples, base).samples, 4);
  EXPECT_EQ(pairedRatio({}, base).samples, 0);
}

TEST(Statistics, RanksOfRatiosAreThoseOfWilcoxonsTable) {
  // Differences that are powers of two make all Walsh averages differ, so that the interval tells
  // the rank. Critical values of the two-sided 5 % test: T(6) = 0, T(10) = 8, T(20) = 52, T(25) =
  // 89; the interval begins at the one after.
  for (auto [n, critical] : {std::pair<int, int>{6, 0}, {10, 8}, {20, 52}, {25, 89}}) {
    std::vector<double> samples, base(size_t(n), 1), means;
    for (int i = 0; i < n; ++i)
      samples.push_back(std::exp(std::ldexp(1.0, i - n)));
    for (int i = 0; i < n; ++i)
      for (int k = i; k < n; ++k)
        means.push_back((std::ldexp(1.0, i - n) + std::ldexp(1.0, k - n)) / 2);
    std::sort(means.begin(), means.end());
    Summary ratio = pairedRatio(samples, base);
    EXPECT_NEAR(std::log(ratio.low), means[size_t(critical)], 1e-12) << n;
    EXPECT_NEAR(std::log(ratio.high), means[means.size() - 1 - size_t(critical)], 1e-12) << n;
  }
}

} // namespace
