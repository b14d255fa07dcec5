//===- BucketTest.cpp - which sizes count as alike ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Bucket.h"

#include "zorse/dispatch/Dispatcher.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace zorse;

namespace {

TEST(BucketTest, RoundsUpToPowersOfTwo) {
  SizeSpec spec;
  spec.maximum = int64_t(1) << 31;
  for (auto [size, bucket] : {std::pair{1, 1},
                              {2, 2},
                              {3, 4},
                              {4, 4},
                              {5, 8},
                              {9, 16},
                              {16, 16},
                              {17, 32},
                              {4096, 4096},
                              {4097, 8192}})
    EXPECT_EQ(dispatch::bucketOf(spec, size), bucket) << size;
}

TEST(BucketTest, StaysWithinTheRangeOfTheSize) {
  SizeSpec spec;
  spec.minimum = 3;
  spec.maximum = 100;
  EXPECT_EQ(dispatch::bucketOf(spec, 1), 3);
  EXPECT_EQ(dispatch::bucketOf(spec, 65), 100);
  EXPECT_EQ(dispatch::bucketOf(spec, 100), 100);
  spec.maximum = INT64_MAX;
  EXPECT_EQ(dispatch::bucketOf(spec, INT64_MAX), INT64_MAX);
}

TEST(BucketTest, TakesEverySizeOfTheSpec) {
  const OpSpec *spec = findOpSpec("mla_decode");
  ASSERT_NE(spec, nullptr);
  Sizes bucket = bucketOf(
      *spec,
      {{"tokens", 3}, {"num_slots", 1}, {"max_len", 4096}, {"context", 1025}, {"unknown", 5}});
  EXPECT_EQ(bucket, (Sizes{{"tokens", 4}, {"num_slots", 1}, {"max_len", 4096}, {"context", 2048}}));
}

TEST(BucketTest, DistanceIsTheSumOfLogarithms) {
  EXPECT_EQ(dispatch::distance({{"a", 8}, {"b", 4}}, {{"a", 2}, {"b", 32}}), 5);
  EXPECT_EQ(dispatch::distance({{"a", 0}}, {{"a", 0}}), 0);
  EXPECT_EQ(dispatch::distance({{"a", 0}}, {{"a", 3}}), 2);
  EXPECT_TRUE(std::isinf(dispatch::distance({{"a", 1}}, {{"a", 1}, {"b", 1}})));
  EXPECT_TRUE(std::isinf(dispatch::distance({{"a", 1}}, {{"b", 1}})));
}

TEST(BucketTest, ReadsTuningPoints) {
  EXPECT_EQ(parseTuningPoint("{\"tokens\":8}"), (Sizes{{"tokens", 8}}));
  for (const char *bad : {"", "[]", "{\"tokens\":-1}", "{\"tokens\":1.5}", "{\"tokens\":\"8\"}",
                          "{\"tokens\":18446744073709551615}", "{\"tokens\":1,\"tokens\":2}"})
    EXPECT_FALSE(parseTuningPoint(bad).has_value()) << bad;
}

} // namespace
