//===- SyntheticTest.cpp - what zorse checkpoint writes -------------------===//
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
#include <iterator>

namespace zorse::tool {
namespace {

std::vector<uint8_t> bytesOf(const RandomTensor &tensor, DType dtype) {
  const size_t width = byteWidth(dtype);
  std::vector<uint8_t> bytes(static_cast<size_t>(tensor.elements()) * width);
  for (int64_t block = 0; block < tensor.blocks(); ++block)
    tensor.draw(block,
                bytes.data() + static_cast<size_t>(block * RandomTensor::blockElements) * width);
  return bytes;
}

std::vector<double> draw(const std::string &name, const std::vector<int64_t> &shape,
                         uint64_t seed = 1, DType dtype = DType::BF16) {
  const RandomTensor tensor(name, shape, 16, dtype, seed);
  const std::vector<uint8_t> bytes = bytesOf(tensor, dtype);
  std::vector<double> values(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = loadElement(dtype, bytes.data(), i);
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

TEST(Synthetic, TheNameDecidesToo) {
  EXPECT_NE(draw("x_proj.weight", {8, 8}, 5), draw("y_proj.weight", {8, 8}, 5));
}

TEST(Synthetic, BlocksAreDrawnOneByOneInAnyOrder) {
  const std::vector<int64_t> shape = {3, (1 << 20) - 7};
  const RandomTensor tensor("x_proj.weight", shape, 16, DType::BF16, 3);
  ASSERT_EQ(tensor.blocks(), 3);
  EXPECT_EQ(tensor.elementsOf(1), 1 << 20);
  EXPECT_EQ(tensor.elementsOf(2), (1 << 20) - 21);
  const std::vector<uint8_t> whole = bytesOf(tensor, DType::BF16);
  std::vector<uint8_t> last(static_cast<size_t>(tensor.elementsOf(2)) * 2);
  tensor.draw(2, last.data());
  EXPECT_TRUE(std::equal(last.begin(), last.end(), whole.end() - std::ssize(last)));
  // Blocks differ from one another.
  EXPECT_FALSE(std::equal(last.begin(), last.end(), whole.begin()));
}

TEST(Synthetic, WiderTypesHoldWhatNarrowOnesRound) {
  const std::vector<double> exact = draw("x_proj.weight", {64, 64}, 9, DType::F32);
  const std::vector<double> rounded = draw("x_proj.weight", {64, 64}, 9, DType::BF16);
  size_t different = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    ASSERT_EQ(rounded[i], fromBF16(toBF16(static_cast<float>(exact[i])))) << i;
    different += rounded[i] != exact[i];
  }
  EXPECT_GT(different, exact.size() / 2);
}

TEST(Synthetic, TokenizerTakesAnyTextAndAnyId) {
  auto tokenizer = Tokenizer::parse(syntheticTokenizer(TokenizerFamily::Llama));
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

TEST(Synthetic, SmolLMHasItsSpecialTokensInFront) {
  auto tokenizer = Tokenizer::parse(syntheticTokenizer(TokenizerFamily::SmolLM));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->vocabSize(), 49'152);
  EXPECT_EQ(tokenizer->specialId("<|endoftext|>"), 0);
  EXPECT_EQ(tokenizer->specialId("<|im_end|>"), 2);
  const std::string text = "Once upon a time 12345\n";
  auto ids = tokenizer->encode(text);
  ASSERT_TRUE(ids);
  EXPECT_NE(ids->front(), 0); // nothing is put in front
  EXPECT_EQ(tokenizer->decode(*ids), text);
}

} // namespace
} // namespace zorse::tool
