//===- VectorDot.cpp - accumulating dot products of VOP2 -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorNumbers.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
using U = uint32_t;

/// The i-th signed element of `bits` bits.
template <int bits> int32_t element(U x, int i) {
  return int32_t(x << (32 - bits * (i + 1))) >> (32 - bits);
}

template <int bits> U dot(const Modes &modes, U a, U b, int32_t c) {
  int64_t sum = c;
  for (int i = 0; i < 32 / bits; ++i)
    sum += int64_t(element<bits>(a, i)) * element<bits>(b, i);
  int64_t kept = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
  return U(modes.clamp ? kept : sum);
}

template <int bits>
constexpr Handler dotHandler =
    run<[](const Modes &m, U a, U b, U c) { return dot<bits>(m, a, b, c); }, B32, B32, B32, B32>;

/// Both halves of v_pk_fmac_f16.
U packedFma(U a, U b, U c) {
  auto one = [&](int shift) {
    auto half = [&](U x) { return halfToFloat(x >> shift); };
    return floatToHalf(halfFma(half(a), half(b), half(c)));
  };
  return one(0) | one(16) << 16;
}

void fmacPacked(Wave &wave, const Instruction &inst) {
  if (wave.mode.flush16And64)
    return wave.stop("v_pk_fmac_f16 with flushed denormals is not supported");
  run<[](U a, U b, U c) { return packedFma(a, b, c); }, B32, B32, B32, B32>(wave, inst);
}

constexpr HandlerEntry table[] = {
    {"v_dot2c_i32_i16", dotHandler<16>},
    {"v_dot4c_i32_i8", dotHandler<8>},
    {"v_dot8c_i32_i4", dotHandler<4>},
    // As v_dot2_f32_f16: one rounding.
    {"v_dot2c_f32_f16", run<[](U a, U b, float c) {
       float low = halfToFloat(a) * halfToFloat(b);
       float high = halfToFloat(a >> 16) * halfToFloat(b >> 16);
       return sumToFloat(low, high, c);
     },
                            F32, B32, B32, F32>},
    {"v_pk_fmac_f16", fmacPacked},
};
} // namespace

HandlerTable vectorDot() { return table; }

} // namespace zorse::emulator
