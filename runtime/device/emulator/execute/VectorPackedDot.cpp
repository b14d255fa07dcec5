//===- VectorPackedDot.cpp - dot products and mixed precision ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/PackedSources.h"
#include "execute/VectorSources.h"

namespace zorse::emulator {
namespace {

/// a.lo * b.lo + a.hi * b.hi + c in f32, rounded once.
template <float (*Widen)(uint32_t), bool IsBf16>
void dotOfHalves(Wave &wave, const Instruction &in) {
  LaneDwords rows[2][2], space, result;
  for (size_t s = 0; s < 2; ++s) {
    const uint32_t *from = lanesOf(wave, in.src[s], space);
    const bool flush = wave.mode.flush16And64 && !IsBf16;
    halfRow<false>(from, in.src[s], true, flush, rows[s][0].lane);
    halfRow<true>(from, in.src[s], true, flush, rows[s][1].lane);
  }
  LaneDwords addends;
  std::memcpy(addends.lane, lanesOf(wave, in.src[2], space), sizeof addends.lane);
  const uint32_t flip = in.src[2].neg ? 0x80000000u : 0;
  for (uint32_t &lane : addends.lane)
    lane ^= flip;
  if (wave.mode.flush32)
    flushDenormals<Format::F32>(addends.lane, nullptr);
  for (int l = 0; l < waveSize; ++l) {
    auto product = [&](int half) {
      return static_cast<double>(Widen(rows[0][half].lane[l])) *
             static_cast<double>(Widen(rows[1][half].lane[l]));
    };
    float sum = sumToFloat(product(0), product(1), std::bit_cast<float>(addends.lane[l]));
    if (in.clamp)
      sum = clampUnit(sum, wave.mode.dx10Clamp);
    result.lane[l] = std::bit_cast<uint32_t>(sum);
  }
  if (wave.mode.flush32)
    flushDenormals<Format::F32>(result.lane, nullptr);
  blendLanes(wave.vgpr[in.dst.index].lane, result.lane, wave.exec());
}

/// Integer elements of `Bits` bits. Sixteen-bit ones obey op_sel; others take whole dwords.
template <int Bits, bool Signed> void dotOfIntegers(Wave &wave, const Instruction &in) {
  LaneDwords rows[2], space, result;
  for (size_t s = 0; s < 2; ++s) {
    const Operand &operand = in.src[s];
    const uint32_t *from = lanesOf(wave, operand, space);
    if (operand.neg || operand.negHi)
      return wave.stop("neg has no meaning for " + in.mnemonic);
    if constexpr (Bits == 16) {
      LaneDwords high;
      halfRow<false>(from, operand, false, false, rows[s].lane);
      halfRow<true>(from, operand, false, false, high.lane);
      for (int l = 0; l < waveSize; ++l)
        rows[s].lane[l] |= high.lane[l] << 16;
    } else {
      if (operand.opSel)
        return wave.stop("op_sel has no meaning for " + in.mnemonic);
      std::memcpy(rows[s].lane, from, sizeof rows[s].lane);
    }
  }
  const uint32_t *addends = lanesOf(wave, in.src[2], space);
  auto element = [](uint32_t dword, int i) {
    if constexpr (Signed)
      return static_cast<int64_t>(static_cast<int32_t>(dword << (32 - Bits - i * Bits)) >>
                                  (32 - Bits));
    else
      return static_cast<int64_t>(dword >> (i * Bits) & ((1u << Bits) - 1));
  };
  for (int l = 0; l < waveSize; ++l) {
    int64_t sum = Signed ? static_cast<int64_t>(static_cast<int32_t>(addends[l]))
                         : static_cast<int64_t>(addends[l]);
    for (int i = 0; i < 32 / Bits; ++i)
      sum += element(rows[0].lane[l], i) * element(rows[1].lane[l], i);
    if (in.clamp) {
      constexpr int64_t least = Signed ? INT32_MIN : 0, most = Signed ? INT32_MAX : UINT32_MAX;
      sum = sum < least ? least : sum > most ? most : sum;
    }
    result.lane[l] = static_cast<uint32_t>(sum);
  }
  blendLanes(wave.vgpr[in.dst.index].lane, result.lane, wave.exec());
}

constexpr HandlerEntry dots[] = {
    {"v_dot2_f32_bf16", dotOfHalves<bfloatToFloat, true>},
    {"v_dot2_f32_f16", dotOfHalves<halfToFloat, false>},
    {"v_dot2_i32_i16", dotOfIntegers<16, true>},
    {"v_dot2_u32_u16", dotOfIntegers<16, false>},
    {"v_dot4_i32_i8", dotOfIntegers<8, true>},
    {"v_dot4_u32_u8", dotOfIntegers<8, false>},
    {"v_dot8_i32_i4", dotOfIntegers<4, true>},
    {"v_dot8_u32_u4", dotOfIntegers<4, false>},
};

/// LLVM gives the inline constants of v_fma_mix as halves; as a float they are these. Integers
/// stay.
uint32_t floatConstant(uint64_t constant) {
  constexpr uint32_t halfOfInversePi2 = 0x3118, inversePi2 = 0x3e22f983; // 1 / (2 pi)
  if (constant == halfOfInversePi2)
    return inversePi2;
  for (uint32_t half : {0x3800u, 0x3c00u, 0x4000u, 0x4400u})
    if ((constant & ~uint64_t(0x8000)) == half)
      return std::bit_cast<uint32_t>(halfToFloat(static_cast<uint32_t>(constant)));
  return static_cast<uint32_t>(constant);
}

/// A source of v_fma_mix: f32, or with op_sel_hi the half that op_sel names. neg_hi is abs.
void mixedRow(Wave &wave, const Operand &operand, LaneDwords &to) {
  LaneDwords space;
  Operand source = operand;
  if (operand.kind == Operand::Kind::Constant && !operand.opSelHi)
    source.constant = floatConstant(operand.constant);
  const uint32_t *from = lanesOf(wave, source, space);
  if (operand.opSelHi) {
    const int shift = operand.opSel ? 16 : 0;
    for (int l = 0; l < waveSize; ++l) {
      uint32_t bits = from[l] >> shift & 0xffff;
      bits = wave.mode.flush16And64 ? flushHalf(bits) : bits;
      to.lane[l] = std::bit_cast<uint32_t>(halfToFloat(bits));
    }
  } else {
    std::memcpy(to.lane, from, sizeof to.lane);
    if (wave.mode.flush32)
      flushDenormals<Format::F32>(to.lane, nullptr);
  }
  const uint32_t keep = operand.negHi ? 0x7fffffffu : ~0u;
  const uint32_t flip = operand.neg ? 0x80000000u : 0u;
  for (uint32_t &lane : to.lane)
    lane = (lane & keep) ^ flip;
}

enum class Target { Float, LowHalf, HighHalf };

/// One fused operation in f32; half results are rounded a second time, from f32.
template <Target To> void mix(Wave &wave, const Instruction &in) {
  LaneDwords rows[3], result;
  for (size_t s = 0; s < 3; ++s)
    mixedRow(wave, in.src[s], rows[s]);
  for (int l = 0; l < waveSize; ++l) {
    float value =
        __builtin_fmaf(std::bit_cast<float>(rows[0].lane[l]), std::bit_cast<float>(rows[1].lane[l]),
                       std::bit_cast<float>(rows[2].lane[l]));
    if (in.clamp)
      value = clampUnit(value, wave.mode.dx10Clamp);
    result.lane[l] = std::bit_cast<uint32_t>(value);
  }
  if (wave.mode.flush32)
    flushDenormals<Format::F32>(result.lane, nullptr);
  uint32_t *to = wave.vgpr[in.dst.index].lane;
  if (To != Target::Float)
    for (int l = 0; l < waveSize; ++l) {
      uint32_t half = floatToHalf(std::bit_cast<float>(result.lane[l]));
      half = wave.mode.flush16And64 ? flushHalf(half) : half;
      result.lane[l] =
          To == Target::LowHalf ? (to[l] & 0xffff0000u) | half : (to[l] & 0xffffu) | half << 16;
    }
  blendLanes(to, result.lane, wave.exec());
}

constexpr HandlerEntry mixes[] = {
    {"v_fma_mix_f32", mix<Target::Float>},
    {"v_fma_mixhi_f16", mix<Target::HighHalf>},
    {"v_fma_mixlo_f16", mix<Target::LowHalf>},
};

} // namespace

std::span<const HandlerEntry> packedDot() { return dots; }
std::span<const HandlerEntry> packedMix() { return mixes; }

} // namespace zorse::emulator
