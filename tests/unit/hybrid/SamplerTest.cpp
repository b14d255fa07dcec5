//===- SamplerTest.cpp - filters and seeds --------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Generator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace zorse {
namespace {

constexpr int draws = 20'000;

/// How often each token comes, over many draws from the same logits.
std::map<int32_t, double> frequencies(const SamplingOptions &options,
                                      const std::vector<float> &logits,
                                      const std::vector<int32_t> &seen = {}) {
  Sampler sampler(options);
  std::map<int32_t, double> counts;
  for (int i = 0; i < draws; ++i) {
    std::vector<float> scratch = logits;
    counts[sampler.sample(scratch, seen)] += 1.0 / draws;
  }
  return counts;
}

const std::vector<float> logits = {std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.3f)};

TEST(Sampler, GreedyTakesTheFirstOfTheLargest) {
  std::vector<float> tie = {1, 5, 5, 2};
  EXPECT_EQ(Sampler({}).sample(tie, {}), 1);
}

TEST(Sampler, TemperatureOneFollowsTheProbabilities) {
  const auto got = frequencies({.temperature = 1, .seed = 5}, logits);
  // Four standard deviations of a proportion.
  for (const auto &[id, p] : std::map<int32_t, double>{{0, .1}, {1, .4}, {2, .2}, {3, .3}})
    EXPECT_NEAR(got.at(id), p, 4 * std::sqrt(p * (1 - p) / draws)) << id;
}

TEST(Sampler, TemperatureSharpens) {
  const auto got = frequencies({.temperature = 0.5, .seed = 5}, logits);
  const double p = .16 / (.01 + .16 + .04 + .09);
  EXPECT_NEAR(got.at(1), p, 4 * std::sqrt(p * (1 - p) / draws));
}

TEST(Sampler, TopKKeepsTheMostLikely) {
  const auto got = frequencies({.temperature = 1, .topK = 2, .seed = 1}, logits);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_TRUE(got.contains(1) && got.contains(3));
  EXPECT_EQ(frequencies({.temperature = 1, .topK = 100, .seed = 1}, logits).size(), 4u);
}

TEST(Sampler, TopPKeepsTheSmallestSetThatHoldsIt) {
  EXPECT_EQ(frequencies({.temperature = 1, .topP = 0.39, .seed = 1}, logits).size(), 1u);
  EXPECT_EQ(frequencies({.temperature = 1, .topP = 0.41, .seed = 1}, logits).size(), 2u);
  EXPECT_EQ(frequencies({.temperature = 1, .topP = 0.95, .seed = 1}, logits).size(), 4u);
}

TEST(Sampler, MinPIsRelativeToTheMostLikely) {
  const auto got = frequencies({.temperature = 1, .minP = 0.6, .seed = 1}, logits);
  ASSERT_EQ(got.size(), 2u); // 0.4 and 0.3
  EXPECT_EQ(frequencies({.temperature = 1, .minP = 1, .seed = 1}, logits).size(), 1u);
}

TEST(Sampler, RepetitionPenaltyDividesPositiveAndMultipliesNegative) {
  std::vector<float> values = {4, 3, -1, -1.5};
  const std::vector<int32_t> seen = {0, 2, 2};
  EXPECT_EQ(Sampler({.repetitionPenalty = 2}).sample(values, seen), 1);
  EXPECT_EQ(values, (std::vector<float>{2, 3, -2, -1.5}));
}

TEST(Sampler, SeedAndRowDecideAlone) {
  auto draw = [&](uint64_t seed, uint64_t row) {
    Sampler sampler({.temperature = 1, .seed = seed}, row);
    std::vector<int32_t> ids;
    for (int i = 0; i < 64; ++i) {
      std::vector<float> scratch = logits;
      ids.push_back(sampler.sample(scratch, {}));
    }
    return ids;
  };
  EXPECT_EQ(draw(3, 0), draw(3, 0));
  EXPECT_NE(draw(3, 0), draw(4, 0));
  EXPECT_NE(draw(3, 0), draw(3, 1));
}

TEST(Sampler, OptionsAreChecked) {
  auto message = [](const SamplingOptions &options) { return options.check().error().message; };
  EXPECT_TRUE(SamplingOptions{}.check());
  EXPECT_EQ(message({.temperature = -1}), "temperature: expected [0, 100], found -1");
  EXPECT_EQ(message({.temperature = NAN}), "temperature: expected [0, 100], found nan");
  EXPECT_EQ(message({.topK = -1}), "top-k: expected at least 0, found -1");
  EXPECT_EQ(message({.topP = 0}), "top-p: expected (0, 1], found 0");
  EXPECT_EQ(message({.minP = 1.5}), "min-p: expected [0, 1], found 1.5");
  EXPECT_EQ(message({.repetitionPenalty = 0}), "repetition-penalty: expected (0, 100], found 0");
}

} // namespace
} // namespace zorse
