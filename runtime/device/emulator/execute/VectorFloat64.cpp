//===- VectorFloat64.cpp - f64 arithmetic ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorNumbers.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
double mantissa(double x) {
  int e;
  return std::isfinite(x) ? std::frexp(x, &e) : x;
}
int32_t exponent(double x) {
  int e = 0;
  if (std::isfinite(x))
    std::frexp(x, &e);
  return e;
}

/// 2 / pi, 1152 bits after the point.
constexpr uint32_t twoOverPi[] = {
    0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561,
    0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484,
    0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f,
    0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b,
    0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046};

/// 53 bits of 2 / pi, those that segment `segment` of the reduction of x multiplies with.
double trigPreop(double x, uint32_t segment) {
  const int e = int(std::bit_cast<uint64_t>(x) >> 52 & 0x7ff);
  int shift = int(segment & 31) * 53;
  if (e > 1077)
    shift += e - 1077;
  const int word = shift / 32;
  auto bitsAt = [](int i) { return i < int(std::size(twoOverPi)) ? uint64_t(twoOverPi[i]) : 0; };
  uint64_t high = bitsAt(word) << 32 | bitsAt(word + 1), low = bitsAt(word + 2) << 32;
  const int within = shift % 32;
  if (within)
    high = high << within | low >> (64 - within);
  int scale = -53 - shift + (e >= 1968 ? 128 : 0);
  return std::ldexp(double(high >> 11), scale);
}

constexpr auto fma64 = [](double a, double b, double c) { return __builtin_fma(a, b, c); };

constexpr HandlerEntry table[] = {
    {"v_add_f64", run<[](double a, double b) { return a + b; }, F64, F64, F64>},
    {"v_mul_f64", run<[](double a, double b) { return a * b; }, F64, F64, F64>},
    {"v_min_f64",
     run<[](const Modes &m, double a, double b) { return minimum(m, a, b); }, F64, F64, F64>},
    {"v_max_f64",
     run<[](const Modes &m, double a, double b) { return maximum(m, a, b); }, F64, F64, F64>},
    {"v_fma_f64", run<fma64, F64, F64, F64, F64>},
    {"v_fmac_f64", run<fma64, F64, F64, F64, F64>},
    {"v_trunc_f64", run<[](double x) { return std::trunc(x); }, F64, F64>},
    {"v_floor_f64", run<[](double x) { return std::floor(x); }, F64, F64>},
    {"v_ceil_f64", run<[](double x) { return std::ceil(x); }, F64, F64>},
    {"v_rndne_f64", run<[](double x) { return __builtin_rint(x); }, F64, F64>},
    {"v_fract_f64", run<[](double x) { return fraction(x, 0x1.fffffffffffffp-1); }, F64, F64>},
    {"v_frexp_mant_f64", run<[](double x) { return mantissa(x); }, F64, F64>},
    {"v_frexp_exp_i32_f64", run<[](double x) { return exponent(x); }, B32, F64>},
    {"v_ldexp_f64", run<[](double x, int32_t n) { return std::ldexp(x, n); }, F64, F64, B32>},
    {"v_trig_preop_f64",
     run<[](double x, uint32_t segment) { return trigPreop(x, segment); }, F64, F64, B32>},
};
} // namespace

HandlerTable vectorFloat64() { return table; }

} // namespace zorse::emulator
