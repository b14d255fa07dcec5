//===- VectorPacked.cpp - two results a lane --------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/PackedSources.h"
#include "execute/VectorNumbers.h"

namespace zorse::emulator {
namespace {

float value(uint32_t half) { return halfToFloat(half); }

// f16: from bits to bits.
uint32_t addHalf(const Modes &, uint32_t a, uint32_t b, uint32_t) {
  return floatToHalf(value(a) + value(b));
}
uint32_t multiplyHalf(const Modes &, uint32_t a, uint32_t b, uint32_t) {
  return floatToHalf(value(a) * value(b));
}
uint32_t fmaHalf(const Modes &, uint32_t a, uint32_t b, uint32_t c) {
  return floatToHalf(halfFma(value(a), value(b), value(c)));
}
uint32_t minHalf(const Modes &modes, uint32_t a, uint32_t b, uint32_t) {
  return minimum(modes, HalfBits{a}, HalfBits{b}).bits;
}
uint32_t maxHalf(const Modes &modes, uint32_t a, uint32_t b, uint32_t) {
  return maximum(modes, HalfBits{a}, HalfBits{b}).bits;
}

// Integers: exact, wider than 16 bits; the caller wraps or saturates.
int32_t wide(uint32_t a) { return static_cast<int16_t>(a); }
int64_t addSigned(uint32_t a, uint32_t b, uint32_t) { return wide(a) + wide(b); }
int64_t subtractSigned(uint32_t a, uint32_t b, uint32_t) { return wide(a) - wide(b); }
int64_t multiplyAddSigned(uint32_t a, uint32_t b, uint32_t c) {
  return int64_t(wide(a) * wide(b)) + wide(c);
}
int64_t maxSigned(uint32_t a, uint32_t b, uint32_t) {
  return wide(a) > wide(b) ? wide(a) : wide(b);
}
int64_t minSigned(uint32_t a, uint32_t b, uint32_t) {
  return wide(a) < wide(b) ? wide(a) : wide(b);
}
int64_t add(uint32_t a, uint32_t b, uint32_t) { return int64_t(a) + b; }
int64_t subtract(uint32_t a, uint32_t b, uint32_t) { return int64_t(a) - b; }
int64_t multiplyAdd(uint32_t a, uint32_t b, uint32_t c) { return int64_t(a) * b + c; }
int64_t multiplyLow(uint32_t a, uint32_t b, uint32_t) { return a * b & 0xffff; }
int64_t maxOf(uint32_t a, uint32_t b, uint32_t) { return a > b ? a : b; }
int64_t minOf(uint32_t a, uint32_t b, uint32_t) { return a < b ? a : b; }
int64_t shiftLeft(uint32_t a, uint32_t b, uint32_t) { return b << (a & 15) & 0xffff; }
int64_t shiftRight(uint32_t a, uint32_t b, uint32_t) { return b >> (a & 15); }
int64_t shiftSigned(uint32_t a, uint32_t b, uint32_t) { return wide(b) >> (a & 15); }

template <int Sources, bool High>
void fetch(Wave &wave, const Instruction &in, bool isFloat, LaneDwords (&rows)[3]) {
  for (int s = 0; s < Sources; ++s) {
    LaneDwords space;
    const uint32_t *from = lanesOf(wave, in.src[static_cast<size_t>(s)], space);
    halfRow<High>(from, in.src[static_cast<size_t>(s)], isFloat, wave.mode.flush16And64,
                  rows[s].lane);
  }
}

void write(Wave &wave, const Instruction &in, const LaneDwords &low, const LaneDwords &high) {
  LaneDwords result;
  for (int l = 0; l < waveSize; ++l)
    result.lane[l] = (low.lane[l] & 0xffff) | high.lane[l] << 16;
  blendLanes(wave.vgpr[in.dst.index].lane, result.lane, wave.exec());
}

template <auto Op, int Sources> void half(Wave &wave, const Instruction &in) {
  LaneDwords rows[3], low, high;
  const Modes modes = modesOf(wave, in);
  auto compute = [&](LaneDwords &to) {
    for (int l = 0; l < waveSize; ++l)
      to.lane[l] = Op(modes, rows[0].lane[l], rows[1].lane[l], Sources > 2 ? rows[2].lane[l] : 0);
    if (in.clamp)
      for (uint32_t &lane : to.lane)
        lane = floatToHalf(clampUnit(halfToFloat(lane), wave.mode.dx10Clamp));
    if (wave.mode.flush16And64)
      for (uint32_t &lane : to.lane)
        lane = flushHalf(lane);
  };
  fetch<Sources, false>(wave, in, true, rows);
  compute(low);
  fetch<Sources, true>(wave, in, true, rows);
  compute(high);
  write(wave, in, low, high);
}

enum class Saturate { Never, Signed, Unsigned };

template <auto Op, int Sources, Saturate Limit> void integer(Wave &wave, const Instruction &in) {
  if (in.clamp && Limit == Saturate::Never)
    return wave.stop("clamp is not defined for " + in.mnemonic);
  LaneDwords rows[3], low, high;
  auto compute = [&](LaneDwords &to) {
    for (int l = 0; l < waveSize; ++l) {
      auto exact = Op(rows[0].lane[l], rows[1].lane[l], Sources > 2 ? rows[2].lane[l] : 0);
      if (in.clamp) {
        constexpr int64_t least = Limit == Saturate::Signed ? -0x8000 : 0;
        constexpr int64_t most = Limit == Saturate::Signed ? 0x7fff : 0xffff;
        exact = exact < least ? least : exact > most ? most : exact;
      }
      to.lane[l] = static_cast<uint32_t>(exact);
    }
  };
  fetch<Sources, false>(wave, in, false, rows);
  compute(low);
  fetch<Sources, true>(wave, in, false, rows);
  compute(high);
  write(wave, in, low, high);
}

/// Packed f32: a source is a pair of dwords. The dword that feeds one result, or null (and the
/// wave stops) for the high half of a constant, which has none.
const uint32_t *dwordRow(Wave &wave, const Operand &operand, bool high, LaneDwords &space) {
  if (high && !operand.isVgpr() && !(operand.isSgpr() && operand.dwords >= 2)) {
    wave.stop("a packed 32-bit instruction takes the high half of a source that has 32 bits; "
              "op_sel_hi must be 0 for it");
    return nullptr;
  }
  return lanesOf(wave, operand, space, high ? 1 : 0);
}

float addFloat(float a, float b, float) { return a + b; }
float multiplyFloat(float a, float b, float) { return a * b; }
float fmaFloat(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

template <bool High> bool fetchFloats(Wave &wave, const Operand &operand, LaneDwords &to) {
  LaneDwords space;
  const uint32_t *from = dwordRow(wave, operand, High ? operand.opSelHi : operand.opSel, space);
  if (!from)
    return false;
  const uint32_t flip = (High ? operand.negHi : operand.neg) ? 0x80000000u : 0u;
  for (int l = 0; l < waveSize; ++l)
    to.lane[l] = from[l] ^ flip;
  if (wave.mode.flush32)
    flushDenormals<F32>(to.lane, nullptr);
  return true;
}

template <auto Op, int Sources> void floats(Wave &wave, const Instruction &in) {
  LaneDwords rows[3], results[2];
  auto compute = [&](LaneDwords &to) {
    for (int l = 0; l < waveSize; ++l)
      to.lane[l] = std::bit_cast<uint32_t>(
          Op(std::bit_cast<float>(rows[0].lane[l]), std::bit_cast<float>(rows[1].lane[l]),
             std::bit_cast<float>(rows[Sources > 2 ? 2 : 0].lane[l])));
    if (in.clamp)
      for (uint32_t &lane : to.lane)
        lane = std::bit_cast<uint32_t>(clampUnit(std::bit_cast<float>(lane), wave.mode.dx10Clamp));
    if (wave.mode.flush32)
      flushDenormals<F32>(to.lane, nullptr);
  };
  for (size_t s = 0; s < Sources; ++s)
    if (!fetchFloats<false>(wave, in.src[s], rows[s]))
      return;
  compute(results[0]);
  for (size_t s = 0; s < Sources; ++s)
    if (!fetchFloats<true>(wave, in.src[s], rows[s]))
      return;
  compute(results[1]);
  for (int half = 0; half < 2; ++half)
    blendLanes(wave.vgpr[in.dst.index + half].lane, results[half].lane, wave.exec());
}

/// op_sel alone counts: the low result is a dword of the first source, the high one of the second.
void moveDwords(Wave &wave, const Instruction &in) {
  LaneDwords results[2];
  for (size_t half = 0; half < 2; ++half) {
    LaneDwords space;
    const uint32_t *from = dwordRow(wave, in.src[half], in.src[half].opSel, space);
    if (!from)
      return;
    std::memcpy(results[half].lane, from, sizeof results[half].lane);
  }
  for (int half = 0; half < 2; ++half)
    blendLanes(wave.vgpr[in.dst.index + half].lane, results[half].lane, wave.exec());
}

using enum Saturate;

constexpr HandlerEntry entries[] = {
    {"v_pk_add_f16", half<addHalf, 2>},
    {"v_pk_add_f32", floats<addFloat, 2>},
    {"v_pk_add_i16", integer<addSigned, 2, Signed>},
    {"v_pk_add_u16", integer<add, 2, Unsigned>},
    {"v_pk_ashrrev_i16", integer<shiftSigned, 2, Never>},
    {"v_pk_fma_f16", half<fmaHalf, 3>},
    {"v_pk_fma_f32", floats<fmaFloat, 3>},
    {"v_pk_lshlrev_b16", integer<shiftLeft, 2, Never>},
    {"v_pk_lshrrev_b16", integer<shiftRight, 2, Never>},
    {"v_pk_mad_i16", integer<multiplyAddSigned, 3, Signed>},
    {"v_pk_mad_u16", integer<multiplyAdd, 3, Unsigned>},
    {"v_pk_max_f16", half<maxHalf, 2>},
    {"v_pk_max_i16", integer<maxSigned, 2, Never>},
    {"v_pk_max_u16", integer<maxOf, 2, Never>},
    {"v_pk_min_f16", half<minHalf, 2>},
    {"v_pk_min_i16", integer<minSigned, 2, Never>},
    {"v_pk_min_u16", integer<minOf, 2, Never>},
    {"v_pk_mov_b32", moveDwords},
    {"v_pk_mul_f16", half<multiplyHalf, 2>},
    {"v_pk_mul_f32", floats<multiplyFloat, 2>},
    {"v_pk_mul_lo_u16", integer<multiplyLow, 2, Never>},
    {"v_pk_sub_i16", integer<subtractSigned, 2, Signed>},
    {"v_pk_sub_u16", integer<subtract, 2, Unsigned>},
};

} // namespace

std::span<const HandlerEntry> packedArithmetic() { return entries; }

Handler findVectorPacked(const Instruction &instruction) {
  for (auto family : {packedArithmetic(), packedDot(), packedMix()})
    for (const HandlerEntry &entry : family)
      if (entry.mnemonic == instruction.mnemonic)
        return entry.handler;
  return nullptr;
}

} // namespace zorse::emulator
