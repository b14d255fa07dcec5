//===- VectorPack.cpp - conversions into parts of a dword ----------------===//
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

U pair(U low, U high) { return (low & 0xffff) | high << 16; }

/// [-1, 1] to the whole range of an int16_t, [0, 1] to that of a uint16_t; NaN becomes 0.
U signedNorm(float x) {
  float kept = x < -1 ? -1.f : x > 1 ? 1.f : x;
  return x != x ? 0 : U(int32_t(__builtin_rintf(kept * 32767.f))) & 0xffff;
}
U unsignedNorm(float x) {
  float kept = x > 1 ? 1.f : x;
  return kept > 0 ? U(int32_t(__builtin_rintf(kept * 65535.f))) : 0;
}

/// Towards zero, so what overflows becomes the largest number.
U toHalfTowardsZero(float x) {
  U bits = floatToHalf(x);
  return std::fabs(halfToFloat(bits)) > std::fabs(x) ? bits - 1 : bits;
}

/// To nearest even; a NaN stays one.
U toBfloat(float x) {
  U bits = std::bit_cast<U>(x);
  return (x != x ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

U toByte(float x) {
  float kept = x > 255 ? 255.f : x;
  return kept > 0 ? U(int32_t(__builtin_rintf(kept))) : 0;
}
U insertByte(U byte, U index, U into) {
  U shift = 8 * (index & 3);
  return (into & ~(0xffu << shift)) | byte << shift;
}

U clampByte(int16_t x) { return U(x < 0 ? 0 : x > 255 ? 255 : x); }

/// v_cvt_pkaccum_u8_f32 changes one byte of its destination.
void accumulateByte(Wave &wave, const Instruction &inst) {
  const uint64_t mask = writeMask(wave, inst);
  const uint32_t *old = wave.vgpr[inst.dst.index].lane;
  withSources<F32, B32>(wave, inst, [&](const Rows *rows) {
    RowSpace result;
    for (int l = 0; l < waveSize; ++l)
      result.low.lane[l] = insertByte(toByte(laneValue<F32>(rows[0], l)), rows[1].low[l], old[l]);
    writeResult<B32>(wave, inst, result, mask);
  });
}

constexpr HandlerEntry table[] = {
    {"v_cvt_pkrtz_f16_f32",
     run<[](float a, float b) { return pair(toHalfTowardsZero(a), toHalfTowardsZero(b)); }, B32,
         F32, F32>},
    {"v_cvt_pk_f16_f32",
     run<[](float a, float b) { return pair(floatToHalf(a), floatToHalf(b)); }, B32, F32, F32>},
    {"v_cvt_pk_bf16_f32",
     run<[](float a, float b) { return pair(toBfloat(a), toBfloat(b)); }, B32, F32, F32>},
    {"v_pack_b32_f16", run<[](U a, U b) { return pair(a, b); }, B32, B16, B16>},
    {"v_cvt_pk_u16_u32",
     run<[](U a, U b) { return pair(std::min(a, 0xffffu), std::min(b, 0xffffu)); }, B32, B32, B32>},
    {"v_cvt_pk_i16_i32", run<[](int32_t a, int32_t b) {
       return pair(U(std::min(std::max(a, -32768), 32767)),
                   U(std::min(std::max(b, -32768), 32767)));
     },
                             B32, B32, B32>},
    {"v_cvt_pknorm_i16_f32",
     run<[](float a, float b) { return pair(signedNorm(a), signedNorm(b)); }, B32, F32, F32>},
    {"v_cvt_pknorm_u16_f32",
     run<[](float a, float b) { return pair(unsignedNorm(a), unsignedNorm(b)); }, B32, F32, F32>},
    {"v_cvt_pknorm_i16_f16",
     run<[](float a, float b) { return pair(signedNorm(a), signedNorm(b)); }, B32, F16, F16>},
    {"v_cvt_pknorm_u16_f16",
     run<[](float a, float b) { return pair(unsignedNorm(a), unsignedNorm(b)); }, B32, F16, F16>},
    {"v_cvt_norm_i16_f16", run<[](float a) { return signedNorm(a); }, B16, F16>},
    {"v_cvt_norm_u16_f16", run<[](float a) { return unsignedNorm(a); }, B16, F16>},
    {"v_cvt_pk_u8_f32",
     run<[](float a, U index, U into) { return insertByte(toByte(a), index, into); }, B32, F32, B32,
         B32>},
    {"v_cvt_pkaccum_u8_f32", accumulateByte},
    {"v_sat_pk_u8_i16",
     run<[](U x) { return clampByte(int16_t(x)) | clampByte(int16_t(x >> 16)) << 8; }, B16, B32>},
};
} // namespace

HandlerTable vectorPack() { return table; }

} // namespace zorse::emulator
