//===- SyntheticTest.cpp - what zorse-make-checkpoint writes --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RandomTensor.h"
#include "SyntheticTokenizer.h"

#include "zorse/desc/DType.h"
#include "zorse/hybrid/Tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>

namespace zorse {
namespace {

std::vector<double> draw(const std::string &name, const std::vector<int64_t> &shape,
                         uint64_t seed = 1) {
  std::ostringstream out;
  RandomTensor(seed, 16).write(out, name, shape);
  const std::string bytes = out.str();
  std::vector<double> values(bytes.size() / 2);
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes.data() + 2 * i, 2);
    values[i] = fromBF16(bits);
  }
  return values;
}

double meanOf(const std::vector<double> &values) {
  double sum = 0;
  for (double value : values)
    sum += value;
  return sum / static_cast<double>(values.size());
}

double deviationOf(const std::vector<double> &values) {
  double sum = 0;
  for (double value : values)
    sum += value * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

TEST(Synthetic, LinearWeightsKeepTheVarianceOfTheirInputs) {
  const std::vector<double> weights = draw("model.layers.0.mla.q_a_proj.weight", {256, 400});
  ASSERT_EQ(weights.size(), 102'400u);
  // Deviation 1/20; five standard errors of mean and deviation.
  EXPECT_NEAR(meanOf(weights), 0, 5 * 0.05 / std::sqrt(102'400.0));
  EXPECT_NEAR(deviationOf(weights), 0.05, 5 * 0.05 / std::sqrt(2 * 102'400.0));
  const std::vector<double> out = draw("model.layers.0.mla.out_proj.weight", {256, 400});
  EXPECT_NEAR(deviationOf(out), 0.05 / std::sqrt(32.0), 1e-4);
}

TEST(Synthetic, StateSpaceParametersLieWhereMamba2PutsThem) {
  for (double value : draw("model.layers.1.mamba.A_log", {32}))
    EXPECT_TRUE(value >= 0 && value <= std::log(16.0) + 0.01) << value;
  for (double value : draw("model.layers.1.mamba.dt_bias", {32})) {
    const double step = std::log1p(std::exp(value));
    EXPECT_TRUE(step > 0.9e-3 && step < 0.11) << step;
  }
  for (const char *name : {"model.layers.1.mamba.D", "model.norm.weight"})
    EXPECT_EQ(draw(name, {3}), (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(draw("model.layers.1.mamba.conv1d.bias", {2}), (std::vector<double>{0, 0}));
}

TEST(Synthetic, TheSeedDecides) {
  EXPECT_EQ(draw("x_proj.weight", {8, 8}, 5), draw("x_proj.weight", {8, 8}, 5));
  EXPECT_NE(draw("x_proj.weight", {8, 8}, 5), draw("x_proj.weight", {8, 8}, 6));
}

TEST(Synthetic, TokenizerTakesAnyTextAndAnyId) {
  auto tokenizer = Tokenizer::parse(syntheticTokenizer());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->vocabSize(), 128'256);
  EXPECT_EQ(tokenizer->specialId("<|begin_of_text|>"), 128'000);
  EXPECT_EQ(tokenizer->specialId("<|eot_id|>"), 128'009);
  const std::string text = "Once upon a time 12345, \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\xA6\x93!\n";
  auto ids = tokenizer->encode(text);
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->front(), 128'000);
  EXPECT_EQ(tokenizer->decode(*ids), text);
  for (int32_t id = 0; id < 128'000; ++id)
    ASSERT_FALSE(tokenizer->piece(id).empty()) << id;
}

} // namespace
} // namespace zorse
