//===- ScalarUnary.cpp - SOP1 that only computes --------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/ScalarFamilies.h"
#include "execute/Wave.h"

#include <bit>

namespace zorse::emulator {
namespace {

void put32(Wave &wave, const Instruction &in, uint32_t value) { wave.sgpr[in.dst.index] = value; }
void put64(Wave &wave, const Instruction &in, uint64_t value) { wave.setPair(in.dst.index, value); }

enum class Condition { Keep, NotZero }; ///< what becomes of SCC

/// From 32 bits to 32 bits.
template <uint32_t (*Op)(uint32_t), Condition Scc> void unary32(Wave &wave, const Instruction &in) {
  uint32_t result = Op(static_cast<uint32_t>(wave.scalar(in.src[0])));
  put32(wave, in, result);
  if (Scc == Condition::NotZero)
    wave.scc = result != 0;
}

/// From 64 bits to 64 bits.
template <uint64_t (*Op)(uint64_t), Condition Scc> void unary64(Wave &wave, const Instruction &in) {
  uint64_t result = Op(wave.scalar(in.src[0]));
  put64(wave, in, result);
  if (Scc == Condition::NotZero)
    wave.scc = result != 0;
}

/// From 64 bits to 32 bits.
template <uint32_t (*Op)(uint64_t), Condition Scc> void narrow(Wave &wave, const Instruction &in) {
  uint32_t result = Op(wave.scalar(in.src[0]));
  put32(wave, in, result);
  if (Scc == Condition::NotZero)
    wave.scc = result != 0;
}

uint32_t same(uint32_t a) { return a; }
uint64_t same64(uint64_t a) { return a; }
uint32_t invert(uint32_t a) { return ~a; }
uint64_t invert64(uint64_t a) { return ~a; }
uint32_t reverse(uint32_t a) { return __builtin_bitreverse32(a); }
uint64_t reverse64(uint64_t a) { return __builtin_bitreverse64(a); }
uint32_t zeros(uint32_t a) { return static_cast<uint32_t>(std::popcount(~a)); }
uint32_t zeros64(uint64_t a) { return static_cast<uint32_t>(std::popcount(~a)); }
uint32_t ones(uint32_t a) { return static_cast<uint32_t>(std::popcount(a)); }
uint32_t ones64(uint64_t a) { return static_cast<uint32_t>(std::popcount(a)); }

constexpr uint32_t none = ~uint32_t(0); ///< where there is no such bit
uint32_t firstOne(uint32_t a) { return a ? static_cast<uint32_t>(std::countr_zero(a)) : none; }
uint32_t firstOne64(uint64_t a) { return a ? static_cast<uint32_t>(std::countr_zero(a)) : none; }
uint32_t firstZero(uint32_t a) { return firstOne(~a); }
uint32_t firstZero64(uint64_t a) { return firstOne64(~a); }
uint32_t lastOne(uint32_t a) { return a ? static_cast<uint32_t>(std::countl_zero(a)) : none; }
uint32_t lastOne64(uint64_t a) { return a ? static_cast<uint32_t>(std::countl_zero(a)) : none; }
/// Counted from the top, the first bit that differs from the sign.
uint32_t lastOther(uint32_t a) { return lastOne(a ^ static_cast<uint32_t>(int32_t(a) >> 31)); }
uint32_t lastOther64(uint64_t a) { return lastOne64(a ^ static_cast<uint64_t>(int64_t(a) >> 63)); }

uint32_t extend8(uint32_t a) { return static_cast<uint32_t>(static_cast<int8_t>(a)); }
uint32_t extend16(uint32_t a) { return static_cast<uint32_t>(static_cast<int16_t>(a)); }
uint32_t absolute(uint32_t a) { return int32_t(a) < 0 ? 0u - a : a; }

/// Every group of four bits that has a one becomes four ones.
uint64_t wholeQuads64(uint64_t a) {
  uint64_t any = (a | a >> 1 | a >> 2 | a >> 3) & 0x1111111111111111u;
  return any * 15;
}
uint32_t wholeQuads(uint32_t a) { return static_cast<uint32_t>(wholeQuads64(a)); }
/// One bit a group of four: whether it has a one.
uint64_t quadMask64(uint64_t a) {
  uint64_t mask = 0;
  for (int quad = 0; quad < 16; ++quad)
    mask |= uint64_t((a >> (4 * quad) & 15) != 0) << quad;
  return mask;
}
uint32_t quadMask(uint32_t a) { return static_cast<uint32_t>(quadMask64(a)); }

void replicateBits(Wave &wave, const Instruction &in) {
  auto bits = static_cast<uint32_t>(wave.scalar(in.src[0]));
  uint64_t result = 0;
  for (int bit = 0; bit < 32; ++bit)
    result |= uint64_t(bits >> bit & 1) * 3 << (2 * bit);
  put64(wave, in, result);
}

void moveIf32(Wave &wave, const Instruction &in) {
  if (wave.scc)
    put32(wave, in, static_cast<uint32_t>(wave.scalar(in.src[0])));
}
void moveIf64(Wave &wave, const Instruction &in) {
  if (wave.scc)
    put64(wave, in, wave.scalar(in.src[0]));
}

template <bool Value> void setBit32(Wave &wave, const Instruction &in) {
  uint32_t bit = uint32_t(1) << (wave.scalar(in.src[0]) & 31);
  uint32_t old = wave.sgpr[in.dst.index];
  put32(wave, in, Value ? old | bit : old & ~bit);
}
template <bool Value> void setBit64(Wave &wave, const Instruction &in) {
  uint64_t bit = uint64_t(1) << (wave.scalar(in.src[0]) & 63);
  uint64_t old = wave.pair(in.dst.index);
  put64(wave, in, Value ? old | bit : old & ~bit);
}

/// The register `count` dwords wide that lies M0 after `base`; stops the wave outside of s0…s101.
bool relative(Wave &wave, const Operand &base, uint32_t count, uint16_t &index) {
  constexpr uint64_t end = sreg::FlatScratch;
  uint64_t wanted = uint64_t(base.index) + wave.sgpr[sreg::M0];
  if (!base.isSgpr() || wanted + count > end) {
    wave.stop("a relative move names s" + std::to_string(wanted) + " (s" +
              std::to_string(base.index) + " + m0 " + std::to_string(wave.sgpr[sreg::M0]) +
              "); there are s0 to s101");
    return false;
  }
  index = static_cast<uint16_t>(wanted);
  return true;
}

void moveFromRelative32(Wave &wave, const Instruction &in) {
  uint16_t index = 0;
  if (relative(wave, in.src[0], 1, index))
    put32(wave, in, wave.sgpr[index]);
}
void moveFromRelative64(Wave &wave, const Instruction &in) {
  uint16_t index = 0;
  if (relative(wave, in.src[0], 2, index))
    put64(wave, in, wave.pair(index));
}
// LLVM lists the destination of s_movreld as its first source: what it writes lies elsewhere.
void moveToRelative32(Wave &wave, const Instruction &in) {
  uint16_t index = 0;
  auto value = static_cast<uint32_t>(wave.scalar(in.src[1]));
  if (relative(wave, in.src[0], 1, index))
    wave.sgpr[index] = value;
}
void moveToRelative64(Wave &wave, const Instruction &in) {
  uint16_t index = 0;
  uint64_t value = wave.scalar(in.src[1]);
  if (relative(wave, in.src[0], 2, index))
    wave.setPair(index, value);
}

using enum Condition;

constexpr HandlerEntry entries[] = {
    {"s_abs_i32", unary32<absolute, NotZero>},
    {"s_bcnt0_i32_b32", unary32<zeros, NotZero>},
    {"s_bcnt0_i32_b64", narrow<zeros64, NotZero>},
    {"s_bcnt1_i32_b32", unary32<ones, NotZero>},
    {"s_bcnt1_i32_b64", narrow<ones64, NotZero>},
    {"s_bitreplicate_b64_b32", replicateBits},
    {"s_bitset0_b32", setBit32<false>},
    {"s_bitset0_b64", setBit64<false>},
    {"s_bitset1_b32", setBit32<true>},
    {"s_bitset1_b64", setBit64<true>},
    {"s_brev_b32", unary32<reverse, Keep>},
    {"s_brev_b64", unary64<reverse64, Keep>},
    {"s_cmov_b32", moveIf32},
    {"s_cmov_b64", moveIf64},
    {"s_ff0_i32_b32", unary32<firstZero, Keep>},
    {"s_ff0_i32_b64", narrow<firstZero64, Keep>},
    {"s_ff1_i32_b32", unary32<firstOne, Keep>},
    {"s_ff1_i32_b64", narrow<firstOne64, Keep>},
    {"s_flbit_i32", unary32<lastOther, Keep>},
    {"s_flbit_i32_b32", unary32<lastOne, Keep>},
    {"s_flbit_i32_b64", narrow<lastOne64, Keep>},
    {"s_flbit_i32_i64", narrow<lastOther64, Keep>},
    {"s_mov_b32", unary32<same, Keep>},
    {"s_mov_b64", unary64<same64, Keep>},
    {"s_movreld_b32", moveToRelative32},
    {"s_movreld_b64", moveToRelative64},
    {"s_movrels_b32", moveFromRelative32},
    {"s_movrels_b64", moveFromRelative64},
    {"s_not_b32", unary32<invert, NotZero>},
    {"s_not_b64", unary64<invert64, NotZero>},
    {"s_quadmask_b32", unary32<quadMask, NotZero>},
    {"s_quadmask_b64", unary64<quadMask64, NotZero>},
    {"s_sext_i32_i16", unary32<extend16, Keep>},
    {"s_sext_i32_i8", unary32<extend8, Keep>},
    {"s_wqm_b32", unary32<wholeQuads, NotZero>},
    {"s_wqm_b64", unary64<wholeQuads64, NotZero>},
};

} // namespace

std::span<const HandlerEntry> scalarUnary() { return entries; }

} // namespace zorse::emulator
