//===- SamplerTest.cpp - filters and seeds --------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

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

/// What the filters keep, by the obvious way: sort all, then cut.
std::vector<double> keptProbabilities(const SamplingOptions &options,
                                      const std::vector<float> &logits) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  if (options.topK > 0)
    order.resize(std::min(order.size(), static_cast<size_t>(options.topK)));
  double total = 0, kept = 0;
  auto weight = [&](int32_t id) {
    return std::exp((double(logits[id]) - double(logits[order[0]])) / options.temperature);
  };
  for (int32_t id : order)
    total += weight(id);
  std::vector<double> probability(logits.size());
  for (int32_t id : order) {
    if (kept >= options.topP * total || weight(id) < options.minP)
      break;
    kept += weight(id);
    probability[id] = weight(id);
  }
  for (double &p : probability)
    p /= kept;
  return probability;
}

TEST(Sampler, EveryFilterFollowsTheSortedDistribution) {
  std::mt19937_64 random(17);
  std::normal_distribution<float> normal;
  for (const SamplingOptions &options :
       std::vector<SamplingOptions>{{.temperature = 1},
                                    {.temperature = 0.7, .topP = 0.8},
                                    {.temperature = 1.3, .topK = 40},
                                    {.temperature = 1, .topK = 40, .topP = 0.9},
                                    {.temperature = 1, .minP = 0.2},
                                    {.temperature = 2, .topP = 0.95, .minP = 0.1},
                                    {.temperature = 1, .topK = 5'000, .topP = 0.5}}) {
    std::vector<float> many(1'000);
    for (float &logit : many)
      logit = 2 * normal(random);
    many[7] = many[8] = many[500] = 1; // ties
    const std::vector<double> want = keptProbabilities(options, many);
    const std::map<int32_t, double> got = frequencies(options, many);
    // Nothing outside the set; inside it the squared deviations add up to about one for each token
    // (chi-squared; five standard deviations above the mean).
    double chi = 0;
    int tokens = 0;
    for (const auto &[id, frequency] : got)
      ASSERT_GT(want[id], 0) << id << ", top-k " << options.topK << ", top-p " << options.topP
                             << ", min-p " << options.minP;
    for (size_t id = 0; id < want.size(); ++id) {
      if (want[id] * draws < 5)
        continue;
      const auto found = got.find(static_cast<int32_t>(id));
      const double seen = found == got.end() ? 0 : found->second;
      chi += draws * (seen - want[id]) * (seen - want[id]) / want[id];
      ++tokens;
    }
    ASSERT_GT(tokens, 1);
    EXPECT_LT(chi, tokens + 5 * std::sqrt(2.0 * tokens))
        << "top-k " << options.topK << ", top-p " << options.topP << ", min-p " << options.minP;
  }
}

TEST(Sampler, TheNucleusEndsWhereTheSortedOneDoes) {
  // Many equal and nearly equal weights around the end of the set, and vocabulary sized.
  std::mt19937_64 random(23);
  for (int round = 0; round < 20; ++round) {
    std::vector<float> many(20'000);
    for (float &logit : many)
      logit = static_cast<float>(random() % 400) / 100;
    const SamplingOptions options = {.temperature = 1, .topP = 0.05 + 0.045 * round, .seed = 3};
    const std::vector<double> want = keptProbabilities(options, many);
    float least = INFINITY;
    for (size_t id = 0; id < want.size(); ++id)
      if (want[id] > 0)
        least = std::min(least, many[id]);
    Sampler sampler(options);
    for (int i = 0; i < 100; ++i) {
      std::vector<float> scratch = many;
      // Sums are rounded in another order, so that of equal ones at the end another may be last.
      ASSERT_GE(many[static_cast<size_t>(sampler.sample(scratch, {}))], least) << "round " << round;
    }
  }
}

TEST(Sampler, LogitsThatAreNoNumbersAreNeverChosen) {
  const std::vector<float> values = {0.5f, -INFINITY, 1, 2, NAN, -INFINITY};
  const auto got = frequencies({.temperature = 1, .topP = 0.999, .seed = 9}, values);
  for (const auto &[id, frequency] : got)
    EXPECT_TRUE(id == 0 || id == 2 || id == 3) << id;
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
