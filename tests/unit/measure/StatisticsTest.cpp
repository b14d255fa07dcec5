//===- StatisticsTest.cpp - the interval of a median -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "measure/Statistics.h"

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

} // namespace
