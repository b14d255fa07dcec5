//===- Half.h - 16-bit floats as dwords and floats --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions round to nearest even and keep subnormals; they become F16C
// instructions in vector loops. Bits are in the low half of what is returned.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace zorse::emulator {

inline float halfToFloat(uint32_t bits) {
  return static_cast<float>(std::bit_cast<_Float16>(static_cast<uint16_t>(bits)));
}

inline uint32_t floatToHalf(float value) {
  return std::bit_cast<uint16_t>(static_cast<_Float16>(value));
}

inline float bfloatToFloat(uint32_t bits) { return std::bit_cast<float>(bits << 16); }

/// Subnormals become a zero of their sign.
inline uint32_t flushHalf(uint32_t bits) { return (bits & 0x7c00u) == 0 ? bits & 0x8000u : bits; }
inline float flushFloat(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  return std::bit_cast<float>((bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits);
}

/// The sum of two floats, rounded to odd: rounding it again to a format with at most half the
/// digits gives what one rounding of the exact sum would have given.
inline float sumToOdd(float a, float b) {
  float sum = a + b;
  float bOfSum = sum - a;
  float error = (a - (sum - bOfSum)) + (b - bOfSum);
  uint32_t bits = std::bit_cast<uint32_t>(sum);
  // An error of the sign of the sum lies outside, any other inside: one unit less.
  bool inside = (std::bit_cast<uint32_t>(error) ^ bits) >> 31;
  uint32_t odd = inside ? (bits - 1) | 1u : bits | 1u;
  bool exact = !(error < 0 || error > 0) || (bits & 1u);
  return std::bit_cast<float>(exact ? bits : odd);
}

/// a * b + c of 16-bit floats with one rounding; the product is exact in a float.
inline float halfFma(float a, float b, float c) { return sumToOdd(a * b, c); }

/// The sum of three numbers, each a float or the product of two floats of at most 24 digits
/// together, rounded once. What doubles lose decides in which direction their last bit turns odd.
inline float sumToFloat(double a, double b, double c) {
  struct Exact {
    double sum, error;
  };
  auto add = [](double x, double y) -> Exact {
    double sum = x + y, yOfSum = sum - x;
    return {sum, (x - (sum - yOfSum)) + (y - yOfSum)};
  };
  Exact first = add(a, b), second = add(first.sum, c);
  Exact result = add(second.sum, first.error + second.error);
  uint64_t bits = std::bit_cast<uint64_t>(result.sum);
  if ((result.error < 0 || result.error > 0) && !(bits & 1)) {
    bool inside = (std::bit_cast<uint64_t>(result.error) ^ bits) >> 63;
    bits = inside ? bits - 1 : bits + 1;
  }
  return static_cast<float>(std::bit_cast<double>(bits));
}

} // namespace zorse::emulator
