//===- VectorHalf.cpp - f16 arithmetic -----------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums, products and quotients are computed in f32 and rounded again, which is
// the same as one rounding since f32 has more than twice the digits. Fused
// operations round to odd in between.
//
//===----------------------------------------------------------------------===//
#include "execute/VectorNumbers.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
/// Rounded to f16 and, as v_mad does whatever MODE says, denormals flushed.
float toHalf(float x) { return halfToFloat(flushHalf(floatToHalf(x))); }

float mantissa(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x); // f16 denormals are normal in f32
  bool special = (bits & 0x7f800000) == 0x7f800000 || x == 0;
  return special ? x : std::bit_cast<float>((bits & 0x807fffff) | 0x3f000000);
}
int32_t exponent(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  bool special = (bits & 0x7f800000) == 0x7f800000 || x == 0;
  return special ? 0 : int(bits >> 23 & 0xff) - 126;
}

constexpr auto fma16 = [](float a, float b, float c) { return halfFma(a, b, c); };
constexpr auto mad16 = [](float a, float b, float c) {
  return toHalf(toHalf(toHalf(a) * toHalf(b)) + toHalf(c));
};
constexpr auto least = [](const Modes &m, uint32_t a, uint32_t b) {
  return minimum(m, HalfBits{a}, HalfBits{b}).bits;
};
constexpr auto greatest = [](const Modes &m, uint32_t a, uint32_t b) {
  return maximum(m, HalfBits{a}, HalfBits{b}).bits;
};
constexpr auto least3 = [](const Modes &m, uint32_t a, uint32_t b, uint32_t c) {
  return minimum3(m, HalfBits{a}, HalfBits{b}, HalfBits{c}).bits;
};
constexpr auto greatest3 = [](const Modes &m, uint32_t a, uint32_t b, uint32_t c) {
  return maximum3(m, HalfBits{a}, HalfBits{b}, HalfBits{c}).bits;
};
constexpr auto middle3 = [](const Modes &m, uint32_t a, uint32_t b, uint32_t c) {
  return median3(m, HalfBits{a}, HalfBits{b}, HalfBits{c}).bits;
};

// The VOP3 operations that came with op_sel keep the half that they do not write; the older ones
// (and all of VOP1 and VOP2 but the mads) zero the high half.
constexpr HandlerEntry table[] = {
    {"v_add_f16", run<[](float a, float b) { return a + b; }, F16, F16, F16>},
    {"v_sub_f16", run<[](float a, float b) { return a - b; }, F16, F16, F16>},
    {"v_subrev_f16", run<[](float a, float b) { return b - a; }, F16, F16, F16>},
    {"v_mul_f16", run<[](float a, float b) { return a * b; }, F16, F16, F16>},
    {"v_min_f16", run<least, F16Bits, F16Bits, F16Bits>},
    {"v_max_f16", run<greatest, F16Bits, F16Bits, F16Bits>},
    {"v_min3_f16", run<least3, F16BitsKept, F16Bits, F16Bits, F16Bits>},
    {"v_max3_f16", run<greatest3, F16BitsKept, F16Bits, F16Bits, F16Bits>},
    {"v_med3_f16", run<middle3, F16BitsKept, F16Bits, F16Bits, F16Bits>},
    {"v_fma_f16", run<fma16, F16Kept, F16, F16, F16>},
    {"v_fma_legacy_f16", run<fma16, F16, F16, F16, F16>},
    {"v_mad_f16", run<mad16, F16Kept, F16, F16, F16>},
    {"v_mad_legacy_f16", run<mad16, F16, F16, F16, F16>},
    {"v_mac_f16", run<mad16, F16Kept, F16, F16, F16>},
    {"v_madmk_f16", run<mad16, F16Kept, F16, F16, F16>},
    {"v_madak_f16", run<mad16, F16Kept, F16, F16, F16>},
    {"v_trunc_f16", run<[](float x) { return std::trunc(x); }, F16, F16>},
    {"v_floor_f16", run<[](float x) { return std::floor(x); }, F16, F16>},
    {"v_ceil_f16", run<[](float x) { return std::ceil(x); }, F16, F16>},
    {"v_rndne_f16", run<[](float x) { return __builtin_rintf(x); }, F16, F16>},
    {"v_fract_f16", run<[](float x) {
       float f = x - std::floor(x); // exact in f32 only above 2^-13
       return f > 0x1.ffcp-1f ? 0x1.ffcp-1f : f;
     },
                        F16, F16>},
    {"v_frexp_mant_f16", run<[](float x) { return mantissa(x); }, F16, F16>},
    {"v_frexp_exp_i16_f16", run<[](float x) { return exponent(x); }, B16, F16>},
    {"v_ldexp_f16", run<[](float x, int16_t n) { return scale(x, n); }, F16, F16, B16>},
};
} // namespace

HandlerTable vectorHalf() { return table; }

} // namespace zorse::emulator
