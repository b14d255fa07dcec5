//===- VectorDivide.cpp - the three steps around an exact division -------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A division scales numerator and denominator away from the ends of the range
// (v_div_scale), refines a reciprocal, scales back (v_div_fmas) and puts right
// what is no ordinary number (v_div_fixup). The ISA documents disagree with
// themselves about the factors: with 2^32 for every lane of vcc, as some print,
// quotients near both ends come out wrong. What is here divides exactly.
//
//===----------------------------------------------------------------------===//
#include "execute/VectorNumbers.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
/// What differs between f32 and f64.
template <class T> struct Width;
template <> struct Width<float> {
  using Bits = uint32_t;
  static constexpr int fraction = 23, maxExponent = 255, scale = 64;
  static constexpr int farApart = 96, tinyNumerator = 23, underflow = -150;
};
template <> struct Width<double> {
  using Bits = uint64_t;
  static constexpr int fraction = 52, maxExponent = 2047, scale = 128;
  static constexpr int farApart = 768, tinyNumerator = 53, underflow = -1075;
};

template <class T> auto bitsOf(T x) { return std::bit_cast<typename Width<T>::Bits>(x); }
template <class T> int exponentOf(T x) {
  return int(bitsOf(x) >> Width<T>::fraction) & Width<T>::maxExponent;
}
template <class T> bool isDenormal(T x) { return (exponentOf(x) == 0) & (x != 0); }
template <class T> T scaled(T x, int n) {
  return x * std::bit_cast<T>(typename Width<T>::Bits(n + Width<T>::maxExponent / 2)
                              << Width<T>::fraction);
}

/// `x` is one of the two, the one to be scaled. The cases are in the order of the ISA, the first
/// that holds counts; written without branches, so that lanes run side by side.
template <class T> WithBit<T> divScale(T x, T denominator, T numerator) {
  using W = Width<T>;
  const int n = exponentOf(numerator), d = exponentOf(denominator);
  const int forDenominator = bitsOf(x) == bitsOf(denominator) ? W::scale : 0;
  const int forNumerator = bitsOf(x) == bitsOf(numerator) ? W::scale : 0;
  const T quotient = numerator / denominator;
  const bool none = (numerator == 0) | (denominator == 0);
  const bool mayOverflow = n - d >= W::farApart;
  const bool denormal = (d == 0) & (denominator != 0);
  const bool reciprocalTiny = isDenormal(T(1) / denominator);
  const bool quotientTiny = isDenormal(quotient) | (quotient == 0);
  int shift = n <= W::tinyNumerator ? W::scale : 0;
  shift = quotientTiny ? forNumerator : shift;
  shift = reciprocalTiny ? (quotientTiny ? -forDenominator : -W::scale) : shift;
  shift = denormal ? W::scale : shift;
  shift = mayOverflow ? forDenominator : shift;
  const T value = none ? std::numeric_limits<T>::quiet_NaN() : scaled(x, shift);
  return {value, bool(!none & (mayOverflow | (!denormal & quotientTiny)))};
}

/// The quotient so far tells by its exponent which way the scale went.
float divFmas(float a, float b, float c, bool scaledBefore) {
  if (!scaledBefore)
    return __builtin_fmaf(a, b, c);
  double exact = double(a) * double(b) + double(c);
  return float(exact * (exponentOf(c) > 127 ? 0x1p64 : 0x1p-64));
}
double divFmas(double a, double b, double c, bool scaledBefore) {
  if (!scaledBefore)
    return __builtin_fma(a, b, c);
  // Eleven more bits than the result keep the second rounding away from ties.
  long double exact = __builtin_fmal(a, b, c);
  return double(exact * (exponentOf(c) > 1023 ? 0x1p128L : 0x1p-128L));
}

/// The result where numerator or denominator is special, else |quotient| with the right sign.
template <class T> T fixSpecial(T quotient, T denominator, T numerator) {
  using Bits = typename Width<T>::Bits;
  constexpr Bits sign = Bits(1) << (sizeof(T) * 8 - 1);
  const Bits out = (bitsOf(denominator) ^ bitsOf(numerator)) & sign;
  const T infinity = std::numeric_limits<T>::infinity();
  const T n = std::fabs(numerator), d = std::fabs(denominator);
  auto with = [&](T magnitude) {
    return std::bit_cast<T>(Bits((bitsOf(magnitude) & ~sign) | out));
  };
  if (numerator != numerator)
    return quiet(numerator);
  if (denominator != denominator)
    return quiet(denominator);
  if ((n == 0 && d == 0) || (n == infinity && d == infinity))
    return -std::numeric_limits<T>::quiet_NaN();
  if (d == 0 || n == infinity)
    return with(infinity);
  if (n == 0 || d == infinity)
    return with(0);
  return with(quotient);
}

template <class T> T divFixup(T quotient, T denominator, T numerator) {
  using W = Width<T>;
  const int distance = exponentOf(numerator) - exponentOf(denominator);
  const bool under = distance < W::underflow && exponentOf(denominator) != W::maxExponent;
  // Where quotients pass the range even when scaled, refining made a NaN of the infinity.
  if (quotient != quotient)
    quotient = std::numeric_limits<T>::infinity();
  return fixSpecial(under ? T(0) : quotient, denominator, numerator);
}

template <class T, Format format>
constexpr Handler scaleHandler = runWithBit<[](T x, T d, T n) { return divScale(x, d, n); }, false,
                                            format, format, format, format>;
template <class T, Format format>
constexpr Handler fmasHandler = runMasked<[](T a, T b, T c, bool s) { return divFmas(a, b, c, s); },
                                          format, format, format, format>;
template <class T, Format format>
constexpr Handler fixupHandler =
    run<[](T q, T d, T n) { return divFixup(q, d, n); }, format, format, format, format>;

constexpr auto fixHalf = [](float q, float d, float n) { return fixSpecial(q, d, n); };

constexpr HandlerEntry table[] = {
    {"v_div_scale_f32", scaleHandler<float, F32>},
    {"v_div_scale_f64", scaleHandler<double, F64>},
    {"v_div_fmas_f32", fmasHandler<float, F32>},
    {"v_div_fmas_f64", fmasHandler<double, F64>},
    {"v_div_fixup_f32", fixupHandler<float, F32>},
    {"v_div_fixup_f64", fixupHandler<double, F64>},
    {"v_div_fixup_f16", run<fixHalf, F16Kept, F16, F16, F16>},
    {"v_div_fixup_legacy_f16", run<fixHalf, F16, F16, F16, F16>},
};
} // namespace

HandlerTable vectorDivide() { return table; }

} // namespace zorse::emulator
