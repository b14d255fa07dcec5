//===- MatrixElements.h - what the factors of a product are -----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Half.h"
#include "execute/MatrixShape.h"

#include <array>
#include <limits>

namespace zorse::emulator {

/// An 8-bit float with `exponentBits` bits of exponent. FNUZ: the bias is one more, 0x80 is the
/// only NaN. OCP: the format of 4 bits has NaN at 0x7f and 0xff, that of 5 bits is as IEEE's.
constexpr float quarterToFloat(unsigned bits, int exponentBits, bool fnuz) {
  const int mantissaBits = 7 - exponentBits;
  const int bias = (1 << (exponentBits - 1)) - (fnuz ? 0 : 1);
  const unsigned exponent = bits >> mantissaBits & ((1u << exponentBits) - 1);
  const unsigned mantissa = bits & ((1u << mantissaBits) - 1);
  const float sign = bits & 0x80 ? -1.0f : 1.0f;
  const float notANumber = std::numeric_limits<float>::quiet_NaN();
  if (fnuz && bits == 0x80)
    return notANumber;
  if (!fnuz && exponentBits == 4 && (bits & 0x7f) == 0x7f)
    return notANumber;
  if (!fnuz && exponentBits == 5 && exponent == 31)
    return mantissa ? notANumber : sign * std::numeric_limits<float>::infinity();
  float value = static_cast<float>(exponent ? mantissa | 1u << mantissaBits : mantissa);
  int scale = static_cast<int>(exponent ? exponent : 1) - bias - mantissaBits;
  for (; scale > 0; --scale)
    value *= 2;
  for (; scale < 0; ++scale)
    value /= 2;
  return sign * value;
}

template <int ExponentBits, bool Fnuz> constexpr std::array<float, 256> makeQuarterTable() {
  std::array<float, 256> table = {};
  for (unsigned bits = 0; bits < 256; ++bits)
    table[bits] = quarterToFloat(bits, ExponentBits, Fnuz);
  return table;
}
template <int ExponentBits, bool Fnuz>
inline constexpr std::array<float, 256> quarterTable = makeQuarterTable<ExponentBits, Fnuz>();

/// Keeps ten bits of mantissa, to nearest even.
inline float roundToXf32(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  bool finite = (~bits & 0x7f800000u) != 0;
  uint32_t rounded = (bits + 0xfff + (bits >> 13 & 1)) & 0xffffe000u;
  uint32_t special = (bits & 0x007fffffu) ? 0x7fc00000u : bits;
  return std::bit_cast<float>(finite ? rounded : special);
}

/// The type of factors. Products of eight-bit integers and sums of up to 1024 of them are exact in
/// float, and faster.
template <Element E> using Factor = std::conditional_t<E == Element::F64, double, float>;
/// The type of C and D.
template <Element E> using Sum = std::conditional_t<E == Element::I8, int32_t, Factor<E>>;

/// An element from the low bits of a dword.
template <Element E, bool Flush> inline Factor<E> elementValue(uint32_t bits) {
  if constexpr (E == Element::F32)
    return std::bit_cast<float>(bits);
  else if constexpr (E == Element::Xf32)
    return roundToXf32(std::bit_cast<float>(bits));
  else if constexpr (E == Element::F16)
    return halfToFloat(Flush ? flushHalf(bits & 0xffff) : bits & 0xffff);
  else if constexpr (E == Element::Bf16)
    return Flush ? flushFloat(bfloatToFloat(bits)) : bfloatToFloat(bits);
  else if constexpr (E == Element::Fp8Fnuz)
    return quarterTable<4, true>[bits & 0xff];
  else if constexpr (E == Element::Bf8Fnuz)
    return quarterTable<5, true>[bits & 0xff];
  else if constexpr (E == Element::Fp8)
    return quarterTable<4, false>[bits & 0xff];
  else if constexpr (E == Element::Bf8)
    return quarterTable<5, false>[bits & 0xff];
  else
    return static_cast<int8_t>(bits);
}

} // namespace zorse::emulator
