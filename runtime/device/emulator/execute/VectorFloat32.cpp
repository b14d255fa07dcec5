//===- VectorFloat32.cpp - f32 arithmetic ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorNumbers.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
/// v_mad and v_mac round the product too, and flush denormals whatever MODE says.
float multiplyAdd(float a, float b, float c) {
  float product = flushFloat(flushFloat(a) * flushFloat(b));
  return flushFloat(product + flushFloat(c));
}

/// The legacy multiply takes 0 times anything as 0.
float legacyProduct(float a, float b) { return a == 0 || b == 0 ? 0.0f : a * b; }

bool isFinite(float x) { return (std::bit_cast<uint32_t>(x) & 0x7f800000) != 0x7f800000; }

/// Shifts the leading one of a denormal to where normal numbers have it.
float normalized(float x, int &shift) {
  bool denormal = (std::bit_cast<uint32_t>(x) & 0x7f800000) == 0;
  shift = denormal ? 32 : 0;
  return denormal ? x * 0x1p32f : x;
}

float mantissa(float x) {
  int shift;
  uint32_t bits = std::bit_cast<uint32_t>(normalized(x, shift));
  float half = std::bit_cast<float>((bits & 0x807fffff) | 0x3f000000);
  return isFinite(x) && x != 0 ? half : x;
}

int32_t exponent(float x) {
  int shift;
  uint32_t bits = std::bit_cast<uint32_t>(normalized(x, shift));
  int e = int(bits >> 23 & 0xff) - 126 - shift;
  return isFinite(x) && x != 0 ? e : 0;
}

constexpr auto fma32 = [](float a, float b, float c) { return __builtin_fmaf(a, b, c); };
constexpr auto mad32 = [](float a, float b, float c) { return multiplyAdd(a, b, c); };

constexpr HandlerEntry table[] = {
    {"v_add_f32", run<[](float a, float b) { return a + b; }, F32, F32, F32>},
    {"v_sub_f32", run<[](float a, float b) { return a - b; }, F32, F32, F32>},
    {"v_subrev_f32", run<[](float a, float b) { return b - a; }, F32, F32, F32>},
    {"v_mul_f32", run<[](float a, float b) { return a * b; }, F32, F32, F32>},
    {"v_mul_legacy_f32", run<[](float a, float b) { return legacyProduct(a, b); }, F32, F32, F32>},
    {"v_min_f32",
     run<[](const Modes &m, float a, float b) { return minimum(m, a, b); }, F32, F32, F32>},
    {"v_max_f32",
     run<[](const Modes &m, float a, float b) { return maximum(m, a, b); }, F32, F32, F32>},
    {"v_min3_f32",
     run<[](const Modes &m, float a, float b, float c) { return minimum3(m, a, b, c); }, F32, F32,
         F32, F32>},
    {"v_max3_f32",
     run<[](const Modes &m, float a, float b, float c) { return maximum3(m, a, b, c); }, F32, F32,
         F32, F32>},
    {"v_med3_f32",
     run<[](const Modes &m, float a, float b, float c) { return median3(m, a, b, c); }, F32, F32,
         F32, F32>},
    {"v_fma_f32", run<fma32, F32, F32, F32, F32>},
    {"v_fmac_f32", run<fma32, F32, F32, F32, F32>},
    {"v_fmamk_f32", run<fma32, F32, F32, F32, F32>},
    {"v_fmaak_f32", run<fma32, F32, F32, F32, F32>},
    {"v_mad_f32", run<mad32, F32, F32, F32, F32>},
    {"v_mac_f32", run<mad32, F32, F32, F32, F32>},
    {"v_madmk_f32", run<mad32, F32, F32, F32, F32>},
    {"v_madak_f32", run<mad32, F32, F32, F32, F32>},
    {"v_mad_legacy_f32", run<[](float a, float b, float c) {
       float product = legacyProduct(flushFloat(a), flushFloat(b));
       return flushFloat(flushFloat(product) + flushFloat(c));
     },
                             F32, F32, F32, F32>},
    {"v_trunc_f32", run<[](float x) { return std::trunc(x); }, F32, F32>},
    {"v_floor_f32", run<[](float x) { return std::floor(x); }, F32, F32>},
    {"v_ceil_f32", run<[](float x) { return std::ceil(x); }, F32, F32>},
    {"v_rndne_f32", run<[](float x) { return __builtin_rintf(x); }, F32, F32>},
    {"v_fract_f32", run<[](float x) { return fraction(x, 0x1.fffffep-1f); }, F32, F32>},
    {"v_frexp_mant_f32", run<[](float x) { return mantissa(x); }, F32, F32>},
    {"v_frexp_exp_i32_f32", run<[](float x) { return exponent(x); }, B32, F32>},
    {"v_ldexp_f32", run<[](float x, int32_t n) { return scale(x, n); }, F32, F32, B32>},
};
} // namespace

HandlerTable vectorFloat32() { return table; }

} // namespace zorse::emulator
