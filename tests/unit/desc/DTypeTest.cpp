//===- DTypeTest.cpp - tests of element types -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/DType.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

using namespace zorse;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Rounds to the nearest of all values with `bits` significant bits, smallest exponent
/// `lowest` (of the last place of subnormals) and largest finite value `largest`.
double roundReference(double value, int bits, int lowest, double largest) {
  if (std::isnan(value) || std::isinf(value) || value == 0)
    return value;
  int exponent = std::max(std::ilogb(value) - (bits - 1), lowest);
  double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -exponent)), exponent);
  return std::abs(rounded) > largest ? std::copysign(infinity, value) : rounded;
}

double bf16Reference(double value) {
  return roundReference(value, 8, -133, std::ldexp(255.0, 120));
}
double f16Reference(double value) { return roundReference(value, 11, -24, 65504); }

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

} // namespace

TEST(DType, NamesRoundTrip) {
  for (DType type : {DType::F32, DType::F16, DType::BF16, DType::I32})
    EXPECT_EQ(parseDType(name(type)), type);
  EXPECT_EQ(parseDType("fp8"), std::nullopt);
  EXPECT_EQ(parseDType(""), std::nullopt);
  EXPECT_EQ(byteWidth(DType::BF16), 2u);
  EXPECT_EQ(byteWidth(DType::I32), 4u);
}

TEST(DType, UnitRoundoffIsHalfTheGapAboveOne) {
  EXPECT_EQ(unitRoundoff(DType::BF16), (fromBF16(toBF16(1) + 1) - 1.0) / 2);
  EXPECT_EQ(unitRoundoff(DType::F16), (fromF16(toF16(1) + 1) - 1.0) / 2);
  EXPECT_EQ(unitRoundoff(DType::F32), (std::nextafter(1.0f, 2.0f) - 1.0) / 2);
  EXPECT_EQ(unitRoundoff(DType::I32), 0);
}

TEST(DType, EveryShortValueSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    uint16_t half = static_cast<uint16_t>(bits);
    if (std::isnan(fromBF16(half)))
      EXPECT_TRUE(std::isnan(fromBF16(toBF16(fromBF16(half)))));
    else
      ASSERT_EQ(toBF16(fromBF16(half)), half);
    if (std::isnan(fromF16(half)))
      EXPECT_TRUE(std::isnan(fromF16(toF16(fromF16(half)))));
    else
      ASSERT_EQ(toF16(fromF16(half)), half);
  }
}

// The upper half of a float decides between two neighbours by the lower half only, so all upper
// halves with the lower halves around the tie, and a sweep of the rest, cover every case.
TEST(DType, BF16RoundsToNearestEvenForEveryUpperHalf) {
  for (uint32_t high = 0; high < 0x10000; ++high)
    for (uint32_t low : {0x0000u, 0x0001u, 0x4000u, 0x7fffu, 0x8000u, 0x8001u, 0xc000u, 0xffffu}) {
      float value = std::bit_cast<float>(high << 16 | low);
      float got = fromBF16(toBF16(value));
      ASSERT_TRUE(same(got, bf16Reference(value))) << std::hex << high << " " << low;
    }
}

TEST(DType, F16RoundsToNearestEven) {
  for (uint32_t high = 0; high < 0x10000; ++high)
    for (uint32_t low : {0x0000u, 0x0001u, 0x0fffu, 0x1000u, 0x1001u, 0x2000u, 0x3000u, 0xffffu}) {
      float value = std::bit_cast<float>(high << 16 | low);
      float got = fromF16(toF16(value));
      ASSERT_TRUE(same(got, f16Reference(value))) << std::hex << high << " " << low;
    }
}

TEST(DType, NaNStaysNaN) {
  float signalling = std::bit_cast<float>(0x7f800001u); // its payload lies in the dropped half
  EXPECT_TRUE(std::isnan(fromBF16(toBF16(signalling))));
  EXPECT_TRUE(std::isnan(fromF16(toF16(signalling))));
  double stored = std::numeric_limits<double>::quiet_NaN();
  uint16_t buffer[1];
  storeElement(DType::BF16, buffer, 0, stored);
  EXPECT_TRUE(std::isnan(loadElement(DType::BF16, buffer, 0)));
}

TEST(DType, StoringADoubleRoundsOnce) {
  uint16_t buffer[2] = {0, 0};
  // Just above the middle of 1 and its bf16 neighbour; a float in between would fall on the tie.
  storeElement(DType::BF16, buffer, 1, 1 + 0x1p-8 + 0x1p-40);
  EXPECT_EQ(loadElement(DType::BF16, buffer, 1), 1 + 0x1p-7);
  std::mt19937_64 random(20240817);
  for (int i = 0; i < 200000; ++i) {
    double value = std::bit_cast<double>(random());
    if (i % 2) // half of them in the range where f16 has values
      value = std::ldexp(static_cast<double>(random()), -64 + static_cast<int>(random() % 48) - 28);
    storeElement(DType::BF16, buffer, 0, value);
    ASSERT_TRUE(same(loadElement(DType::BF16, buffer, 0), bf16Reference(value))) << value;
    storeElement(DType::F16, buffer, 0, value);
    ASSERT_TRUE(same(loadElement(DType::F16, buffer, 0), f16Reference(value))) << value;
  }
}

TEST(DType, IntegersSaturate) {
  int32_t buffer[3];
  storeElement(DType::I32, buffer, 0, -7);
  storeElement(DType::I32, buffer, 1, 1e12);
  storeElement(DType::I32, buffer, 2, -1e12);
  EXPECT_EQ(loadElement(DType::I32, buffer, 0), -7);
  EXPECT_EQ(buffer[1], std::numeric_limits<int32_t>::max());
  EXPECT_EQ(buffer[2], std::numeric_limits<int32_t>::min());
}
