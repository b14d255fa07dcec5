//===- RotaryTableTest.cpp - angles against published values --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RotaryTable.h"

#include <gtest/gtest.h>

#include <cmath>

namespace zorse {
namespace {

RotaryConfig yarn(double factor, int64_t original) {
  RotaryConfig rotary;
  rotary.scaling = RotaryConfig::Scaling::Yarn;
  rotary.theta = 500'000;
  rotary.factor = factor;
  rotary.originalMaxPositions = original;
  return rotary;
}

void expectNear(float got, double want) { EXPECT_NEAR(got / want, 1, 4e-6) << want; }

TEST(RotaryTable, YarnFrequenciesOfZebraLlama1B) {
  const double want[] = {1,          4.40367e-1, 1.93923e-1, 8.53971e-2, 3.76060e-2, 1.33519e-2,
                         4.46676e-3, 1.34479e-3, 3.18198e-4, 1.94616e-5, 8.57026e-6, 3.77405e-6,
                         1.66197e-6, 7.31875e-7, 3.22293e-7, 1.41927e-7};
  const std::vector<float> got = inverseFrequencies(yarn(32, 8'192), 32);
  ASSERT_EQ(got.size(), std::size(want));
  for (size_t i = 0; i < got.size(); ++i)
    expectNear(got[i], want[i]);
}

TEST(RotaryTable, YarnFrequenciesOfTheWiderHeads) {
  const std::vector<float> large = inverseFrequencies(yarn(32, 8'192), 64);
  expectNear(large[1], .663601);
  expectNear(large[10], 1.47779e-2);
  expectNear(large[14], 1.48306e-3);
  expectNear(large[18], 1.94616e-5);
  expectNear(large[31], 9.41831e-8);
  const std::vector<float> eight = inverseFrequencies(yarn(8, 8'192), 64);
  expectNear(eight[10], 1.49504e-2);
  expectNear(eight[17], 2.08550e-4);
  expectNear(eight[31], 3.76732e-7);
}

TEST(RotaryTable, Amplitude) {
  EXPECT_NEAR(rotaryAmplitude(yarn(32, 8'192)), 1.3465736, 1e-6);
  EXPECT_NEAR(rotaryAmplitude(yarn(8, 8'192)), 1.2079442, 1e-6);
  EXPECT_EQ(rotaryAmplitude(yarn(1, 8'192)), 1);
  EXPECT_EQ(rotaryAmplitude(RotaryConfig()), 1);
  RotaryConfig both = yarn(32, 8'192);
  both.mscaleAllDim = 1; // cancels
  EXPECT_EQ(rotaryAmplitude(both), 1);
}

TEST(RotaryTable, TablesHoldTheAmplitudeAndAreRoundedLast) {
  const RotaryTable table = buildRotaryTable(yarn(32, 8'192), 32, 3, DType::BF16);
  ASSERT_EQ(table.cos.size(), 3u * 16 * 2);
  EXPECT_EQ(loadElement(DType::BF16, table.cos.data(), 0), fromBF16(toBF16(1.3465736f)));
  EXPECT_EQ(loadElement(DType::BF16, table.sin.data(), 2 * 16),
            fromBF16(toBF16(1.3465736f * std::sin(2.0f))));
}

TEST(RotaryTable, Llama3KeepsFastAndDividesSlowFrequencies) {
  RotaryConfig rotary;
  rotary.scaling = RotaryConfig::Scaling::Llama3;
  rotary.theta = 500'000;
  rotary.factor = 32;
  rotary.originalMaxPositions = 8'192;
  const std::vector<float> got = inverseFrequencies(rotary, 64);
  const std::vector<float> plain = inverseFrequencies({.theta = 500'000}, 64);
  // Wavelengths below 2048 stay, above 8192 are divided; one frequency of 64 lies between.
  EXPECT_EQ(got[0], plain[0]);
  EXPECT_EQ(got[14], plain[14]); // wavelength 1956
  EXPECT_NEAR(got[18] * 32, plain[18], 1e-9);
  EXPECT_LT(got[16], plain[16]);
  EXPECT_GT(got[16], plain[16] / 32);
}

/// Llama-3.2-1B, Llama-3.2-3B and Llama-3.1-8B, calculated apart in double precision.
TEST(RotaryTable, Llama3FrequenciesOfEverySize) {
  struct Case {
    double factor;
    int64_t dim;
    std::vector<std::pair<size_t, double>> want;
  };
  const Case cases[] = {{32,
                         64,
                         {{1, 6.63601e-1},
                          {14, 3.21145e-3},
                          {15, 1.29055e-3},
                          {16, 4.29557e-4},
                          {17, 9.70829e-5},
                          {18, 1.94616e-5},
                          {31, 9.41831e-8}}},
                        {32,
                         128,
                         {{1, 8.14617e-1},
                          {28, 3.21145e-3},
                          {29, 2.11841e-3},
                          {31, 7.62541e-4},
                          {33, 2.22764e-4},
                          {35, 2.38905e-5},
                          {36, 1.94616e-5},
                          {63, 7.67231e-8}}},
                        {8,
                         128,
                         {{28, 3.21145e-3},
                          {29, 2.16657e-3},
                          {30, 1.37189e-3},
                          {31, 8.56751e-4},
                          {33, 3.12694e-4},
                          {35, 9.55621e-5},
                          {36, 7.78466e-5},
                          {63, 3.06893e-7}}}};
  for (const Case &each : cases) {
    RotaryConfig rotary;
    rotary.scaling = RotaryConfig::Scaling::Llama3;
    rotary.theta = 500'000;
    rotary.factor = each.factor;
    rotary.originalMaxPositions = 8'192;
    const std::vector<float> got = inverseFrequencies(rotary, each.dim);
    for (const auto &[index, want] : each.want)
      EXPECT_NEAR(got[index] / want, 1, 2e-5) << each.factor << " " << each.dim << " " << index;
  }
}

TEST(RotaryTable, RoundedAnglesRepeatPastWhatTheTypeCounts) {
  RotaryConfig rotary;
  rotary.roundAngles = true;
  const RotaryTable table = buildRotaryTable(rotary, 8, 300, DType::BF16);
  auto cosine = [&](int64_t position) {
    return loadElement(DType::BF16, table.cos.data(), static_cast<size_t>(position) * 4);
  };
  EXPECT_EQ(cosine(256), cosine(257)); // 257 is 256 in bf16
  EXPECT_NE(cosine(255), cosine(256));
  const RotaryTable exact = buildRotaryTable(rotary, 8, 300, DType::F32);
  EXPECT_NE(loadElement(DType::F32, exact.cos.data(), 256 * 4),
            loadElement(DType::F32, exact.cos.data(), 257 * 4));
}

} // namespace
} // namespace zorse
