//===- VectorNumbers.h - minimum, rounding, exponents of floats -*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What f16, f32 and f64 have in common. An f16 comes as its bits where a
// signalling NaN matters, since widening it would quiet it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Half.h"
#include "execute/VectorRun.h"

#include <cmath>

namespace zorse::emulator {

/// An f16 as bits.
struct HalfBits {
  uint32_t bits;
};

inline float number(float x) { return x; }
inline double number(double x) { return x; }
inline float number(HalfBits x) { return halfToFloat(x.bits); }

inline bool isSignaling(float x) { return x != x && !(std::bit_cast<uint32_t>(x) & 0x400000u); }
inline bool isSignaling(double x) {
  return x != x && !(std::bit_cast<uint64_t>(x) & 0x8000000000000u);
}
inline bool isSignaling(HalfBits x) { return (x.bits & 0x7fff) > 0x7c00 && !(x.bits & 0x200); }

inline float quiet(float x) { return std::bit_cast<float>(std::bit_cast<uint32_t>(x) | 0x400000u); }
inline double quiet(double x) {
  return std::bit_cast<double>(std::bit_cast<uint64_t>(x) | 0x8000000000000u);
}
inline HalfBits quiet(HalfBits x) { return {x.bits | 0x200}; }

inline bool isNegative(float x) { return std::bit_cast<uint32_t>(x) >> 31; }
inline bool isNegative(double x) { return std::bit_cast<uint64_t>(x) >> 63; }
inline bool isNegative(HalfBits x) { return x.bits >> 15 & 1; }

/// v_min: a number beats a NaN, -0 lies below 0; with IEEE behaviour a signalling NaN comes out
/// quiet.
template <class T> [[gnu::always_inline]] inline T minimum(const Modes &modes, T a, T b) {
  auto x = number(a), y = number(b);
  T result = x < y || (x == y && isNegative(a)) ? a : b;
  result = y != y ? a : result;
  result = x != x ? b : result;
  result = modes.ieee && isSignaling(b) ? quiet(b) : result;
  return modes.ieee && isSignaling(a) ? quiet(a) : result;
}

template <class T> [[gnu::always_inline]] inline T maximum(const Modes &modes, T a, T b) {
  auto x = number(a), y = number(b);
  T result = x > y || (x == y && !isNegative(a)) ? a : b;
  result = y != y ? a : result;
  result = x != x ? b : result;
  result = modes.ieee && isSignaling(b) ? quiet(b) : result;
  return modes.ieee && isSignaling(a) ? quiet(a) : result;
}

template <class T> inline T minimum3(const Modes &modes, T a, T b, T c) {
  return minimum(modes, minimum(modes, a, b), c);
}
template <class T> inline T maximum3(const Modes &modes, T a, T b, T c) {
  return maximum(modes, maximum(modes, a, b), c);
}

/// Integers in the order of the numbers, -0 below 0; the map is its own inverse.
inline int32_t orderKey(float x) {
  auto bits = std::bit_cast<int32_t>(x);
  return bits ^ (bits >> 31 & 0x7fffffff);
}
inline float fromKey(float, int32_t key) {
  return std::bit_cast<float>(key ^ (key >> 31 & 0x7fffffff));
}
inline int32_t orderKey(HalfBits x) {
  int32_t bits = int16_t(x.bits);
  return bits ^ (bits >> 31 & 0x7fff);
}
inline HalfBits fromKey(HalfBits, int32_t key) { return {uint16_t(key ^ (key >> 31 & 0x7fff))}; }

/// The middle one; the least number when there is a NaN.
template <class T> [[gnu::always_inline]] inline T median3(const Modes &modes, T a, T b, T c) {
  auto x = number(a), y = number(b), z = number(c);
  const bool unordered = (x != x) | (y != y) | (z != z);
  const int32_t i = orderKey(a), j = orderKey(b), k = orderKey(c);
  T middle = fromKey(a, std::max(std::min(i, j), std::min(std::max(i, j), k)));
  return unordered ? minimum3(modes, a, b, c) : middle;
}

/// x - floor(x), kept below 1: a tiny negative x would round up to it.
template <class T> inline T fraction(T x, T largestBelow1) {
  T f = x - std::floor(x);
  return f >= 1 ? largestBelow1 : f;
}

/// x * 2^n with one rounding.
inline float scale(float x, int32_t n) {
  n = n < -300 ? -300 : n > 300 ? 300 : n;
  return float(double(x) * std::bit_cast<double>(uint64_t(1023 + n) << 52));
}

} // namespace zorse::emulator
