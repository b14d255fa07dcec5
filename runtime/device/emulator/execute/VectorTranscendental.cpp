//===- VectorTranscendental.cpp - reciprocals, roots, powers, logarithms, waves -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hardware gives these to 1 ulp and does not say which way. Here they are
// computed in f64 and rounded once, which is right but for a few results close
// to a tie. The f32 ones flush denormals whatever MODE says, as the ISA has it.
//
//===----------------------------------------------------------------------===//
#include "execute/VectorNumbers.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
/// c[0] + x (c[1] + x (…))
template <size_t n> double polynomial(double x, const double (&c)[n]) {
  double sum = c[n - 1];
  for (size_t i = n - 1; i-- > 0;)
    sum = __builtin_fma(sum, x, c[i]);
  return sum;
}

/// 2^x for the range of f32; a NaN comes out as one.
double power2(double x) {
  constexpr double ln2 = 0x1.62e42fefa39efp-1;
  constexpr double inverseFactorial[] = {1.0,
                                         1.0,
                                         1.0 / 2,
                                         1.0 / 6,
                                         1.0 / 24,
                                         1.0 / 120,
                                         1.0 / 720,
                                         1.0 / 5040,
                                         1.0 / 40320,
                                         1.0 / 362880,
                                         1.0 / 3628800,
                                         1.0 / 39916800,
                                         1.0 / 479001600,
                                         1.0 / 6227020800};
  constexpr double roundToInteger = 0x1.8p52; // its low bits become the integer
  double kept = x < -300 ? -300 : x > 300 ? 300 : x;
  double shifted = kept + roundToInteger;
  double rest = kept - (shifted - roundToInteger);
  double exponent = std::bit_cast<double>((std::bit_cast<uint64_t>(shifted) + 1023) << 52);
  double result = polynomial(rest * ln2, inverseFactorial) * exponent;
  return x != x ? x : result;
}

/// log2 of a positive number, or what the special ones give.
double logarithm2(double x) {
  constexpr double series[] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9, 1.0 / 11,
                               1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
  constexpr double twoOverLn2 = 0x1.71547652b82fep+1;
  uint64_t bits = std::bit_cast<uint64_t>(x);
  uint64_t mantissa = bits & 0xfffffffffffff;
  bool upper = mantissa >= 0x6a09e667f3bcd; // from the root of 2 on, halve
  double m = std::bit_cast<double>(mantissa | uint64_t(upper ? 1022 : 1023) << 52);
  // The exponent field as the low bits of 2^52 turns into a number by a subtraction.
  double e = std::bit_cast<double>((bits >> 52 & 0x7ff) | 0x4330000000000000) -
             (0x1p52 + (upper ? 1022 : 1023));
  double s = (m - 1) / (m + 1);
  double result = __builtin_fma(s * polynomial(s * s, series), twoOverLn2, e);
  const double infinity = std::numeric_limits<double>::infinity();
  result = x == infinity ? x : result;
  result = x == 0 ? -infinity : result;
  result = x < 0 ? -std::numeric_limits<double>::quiet_NaN() : result;
  return x != x ? x : result;
}

/// The sine of `r` revolutions, |r| <= 1/4.
double sineOfQuarter(double r) {
  constexpr double taylor[] = {1.0,
                               -1.0 / 6,
                               1.0 / 120,
                               -1.0 / 5040,
                               1.0 / 362880,
                               -1.0 / 39916800,
                               1.0 / 6227020800,
                               -1.0 / 1307674368000,
                               1.0 / 355687428096000,
                               -1.0 / 121645100408832000,
                               1.0 / 51090942171709440000.0};
  double y = r * 0x1.921fb54442d18p+2;
  return y * polynomial(y * y, taylor);
}

/// Beyond 256 revolutions hardware takes the angle for 0.
double withinRange(double x) { return std::fabs(x) <= 256 || x != x ? x : 0.0 * x; }

double sine(double x) {
  x = withinRange(x);
  double r = x - __builtin_rint(x);
  double reflected = std::fabs(r) > 0.25 ? std::copysign(0.5, r) - r : r;
  return x == 0 ? x : sineOfQuarter(reflected);
}
double cosine(double x) {
  x = withinRange(x);
  return sineOfQuarter(0.25 - std::fabs(x - __builtin_rint(x)));
}

/// An f32 function of f64, with denormals flushed on both sides.
template <auto function>
constexpr auto flushed = [](float x) { return flushFloat(float(function(flushFloat(x)))); };
template <auto function> constexpr auto rounded = [](float x) { return float(function(x)); };

/// Cut to the digits of f32, the last one set where something was cut: rounding that to f16 gives
/// what rounding the f64 would have given.
float roundedToOdd(double x) {
  float near = float(x);
  uint32_t bits = std::bit_cast<uint32_t>(near);
  uint32_t odd = std::fabs(double(near)) > std::fabs(x) ? (bits - 1) | 1 : bits | 1;
  bool exact = double(near) == x || x != x || (bits & 1);
  return std::bit_cast<float>(exact ? bits : odd);
}
template <auto function>
constexpr auto roundedToHalf = [](float x) { return roundedToOdd(function(x)); };

constexpr auto reciprocal = [](float x) { return flushFloat(1.0f / flushFloat(x)); };
constexpr auto root = [](float x) { return flushFloat(std::sqrt(flushFloat(x))); };
double inverseRoot(double x) { return 1.0 / std::sqrt(x); }

constexpr HandlerEntry table[] = {
    {"v_rcp_f32", run<reciprocal, F32, F32>},
    {"v_rcp_iflag_f32", run<reciprocal, F32, F32>},
    {"v_rsq_f32", run<flushed<inverseRoot>, F32, F32>},
    {"v_sqrt_f32", run<root, F32, F32>},
    {"v_exp_f32", run<flushed<power2>, F32, F32>},
    {"v_exp_legacy_f32", run<flushed<power2>, F32, F32>},
    {"v_log_f32", run<flushed<logarithm2>, F32, F32>},
    {"v_log_legacy_f32", run<flushed<logarithm2>, F32, F32>},
    {"v_sin_f32", run<rounded<sine>, F32, F32>},
    {"v_cos_f32", run<rounded<cosine>, F32, F32>},
    {"v_rcp_f16", run<[](float x) { return 1.0f / x; }, F16, F16>},
    {"v_rsq_f16", run<roundedToHalf<inverseRoot>, F16, F16>},
    {"v_sqrt_f16", run<[](float x) { return std::sqrt(x); }, F16, F16>},
    {"v_exp_f16", run<roundedToHalf<power2>, F16, F16>},
    {"v_log_f16", run<roundedToHalf<logarithm2>, F16, F16>},
    {"v_sin_f16", run<roundedToHalf<sine>, F16, F16>},
    {"v_cos_f16", run<roundedToHalf<cosine>, F16, F16>},
    {"v_rcp_f64", run<[](double x) { return 1.0 / x; }, F64, F64>},
    {"v_rsq_f64", run<[](double x) { return inverseRoot(x); }, F64, F64>},
    {"v_sqrt_f64", run<[](double x) { return std::sqrt(x); }, F64, F64>},
};
} // namespace

HandlerTable vectorTranscendental() { return table; }

} // namespace zorse::emulator
