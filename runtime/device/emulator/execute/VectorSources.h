//===- VectorSources.h - operands of vector instructions --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A source of a vector instruction is one row of 64 dwords (two for 64-bit
// types). A plain register is read in place; DPP, SDWA, op_sel, neg, abs and
// flushed denormals make a changed copy.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Lanes.h"

#include <bit>

namespace zorse::emulator {

/// What the bits of a source or result mean; decides how modifiers apply.
enum class Format : uint8_t {
  B32,
  B16, ///< the low half of a dword, or the high one by op_sel; as a result: the high half is zeroed
  B64,
  F32,
  F16,
  F16Bits, ///< an F16 whose bits the operation wants to see
  F64,
  // Results only: the other half of the register stays.
  B16Kept,
  F16Kept,
  F16BitsKept
};

constexpr bool is64(Format format) { return format == Format::B64 || format == Format::F64; }
constexpr bool is16(Format format) {
  return format == Format::B16 || format == Format::F16 || format == Format::F16Bits ||
         format == Format::B16Kept || format == Format::F16Kept || format == Format::F16BitsKept;
}
constexpr bool isFloat(Format format) {
  return format == Format::F32 || format == Format::F16 || format == Format::F16Bits ||
         format == Format::F64 || format == Format::F16Kept || format == Format::F16BitsKept;
}
/// Whether the half of the register that a 16-bit result leaves alone stays as it is.
constexpr bool keepsHalf(Format format) {
  return format == Format::B16Kept || format == Format::F16Kept || format == Format::F16BitsKept;
}

/// Pointers to the lanes of a source; high is null unless it has 64 bits.
struct Rows {
  const uint32_t *low = nullptr, *high = nullptr;
};

/// Where a changed copy lives.
struct RowSpace {
  LaneDwords low, high;
};

/// Which lanes a DPP instruction may write: those its masks name and, unless bound_ctrl says that
/// they read 0, that have a source.
uint64_t dppWriteMask(Wave &wave, const DppControl &dpp);
/// to[l] = from[source of l]; without one 0 if bound_ctrl says so. `to` must not be `from`.
void dppGather(const DppControl &dpp, const uint32_t *from, uint32_t *to);

/// The selected bytes, extended to a dword. May work in place.
void sdwaSelect(SubDwordSelect select, bool sext, const uint32_t *from, uint32_t *to);
/// Puts the low bits of `result` where dst_sel says, and fills the rest from `old` or as told.
void sdwaMerge(const SdwaControl &sdwa, const uint32_t *old, uint32_t *result);

/// Bit l of a lane mask to lane l: 0 or 1.
inline void expandMask(uint64_t mask, uint32_t *to) {
  for (int group = 0; group < 8; ++group) {
    auto bits = uint32_t(mask >> (8 * group)) & 0xff;
    for (int l = 0; l < 8; ++l)
      to[8 * group + l] = bits >> l & 1;
  }
}

/// The exponent field and the sign of a format, within the dword that holds them.
constexpr uint32_t exponentBits(Format format) {
  return is16(format) ? 0x7c00 : is64(format) ? 0x7ff00000 : 0x7f800000;
}
constexpr uint32_t signBit(Format format) { return is16(format) ? 0x8000 : 0x80000000; }

/// Replaces denormals by zeros of their sign.
template <Format format> inline void flushDenormals(uint32_t *low, uint32_t *high) {
  if constexpr (is64(format)) {
    for (int l = 0; l < waveSize; ++l) {
      bool tiny = (high[l] & exponentBits(format)) == 0;
      low[l] = tiny ? 0 : low[l];
      high[l] = tiny ? high[l] & signBit(format) : high[l];
    }
  } else {
    for (int l = 0; l < waveSize; ++l)
      low[l] = (low[l] & exponentBits(format)) == 0 ? low[l] & signBit(format) : low[l];
  }
}

template <Format format> inline bool flushes(const FloatMode &mode) {
  return format == Format::F32 ? mode.flush32 : isFloat(format) && mode.flush16And64;
}

/// Applies DPP, SDWA and the modifiers of source `i`.
template <Format format>
void changeSource(Wave &wave, const Instruction &inst, int i, RowSpace &space, Rows &rows) {
  const Operand &operand = inst.src[i];
  auto own = [&] { // moves the rows into the space before they change
    if (rows.low != space.low.lane)
      std::memcpy(space.low.lane, rows.low, sizeof(LaneDwords));
    if (is64(format) && rows.high != space.high.lane)
      std::memcpy(space.high.lane, rows.high, sizeof(LaneDwords));
    rows.low = space.low.lane;
    rows.high = is64(format) ? space.high.lane : nullptr;
  };
  if (inst.isDpp && i == 0) {
    if (!operand.isVgpr())
      return wave.stop("DPP exchanges lanes of vector registers only");
    dppGather(inst.dpp, rows.low, space.low.lane);
    if (is64(format))
      dppGather(inst.dpp, rows.high, space.high.lane);
    rows.low = space.low.lane;
    rows.high = is64(format) ? space.high.lane : nullptr;
  }
  if (inst.isSdwa && i < 2) {
    if (is64(format))
      return wave.stop("SDWA has no 64-bit sources");
    if (inst.sdwa.src[i] != SubDwordSelect::Dword) {
      sdwaSelect(inst.sdwa.src[i], inst.sdwa.sext[i], rows.low, space.low.lane);
      rows.low = space.low.lane;
    }
  }
  if (is16(format) && operand.opSel) {
    own();
    for (uint32_t &lane : space.low.lane)
      lane >>= 16;
  }
  if (operand.abs || operand.neg) {
    own();
    uint32_t *signs = is64(format) ? space.high.lane : space.low.lane;
    const uint32_t keep = operand.abs ? ~signBit(format) : ~0u;
    const uint32_t flip = operand.neg ? signBit(format) : 0;
    for (int l = 0; l < waveSize; ++l)
      signs[l] = (signs[l] & keep) ^ flip;
  }
  if (flushes<format>(wave.mode)) {
    own();
    flushDenormals<format>(space.low.lane, space.high.lane);
  }
}

/// Source `i` with everything that the encoding does to it.
template <Format format>
inline Rows sourceRows(Wave &wave, const Instruction &inst, int i, RowSpace &space) {
  const Operand &operand = inst.src[i];
  Rows rows;
  rows.low = lanesOf(wave, operand, space.low, 0);
  if constexpr (is64(format))
    rows.high = lanesOf(wave, operand, space.high, 1);
  const bool plain = !(inst.isDpp | inst.isSdwa | operand.neg | operand.abs | operand.opSel) &&
                     !flushes<format>(wave.mode);
  if (!plain) [[unlikely]]
    changeSource<format>(wave, inst, i, space, rows);
  return rows;
}

/// Lane `l` as the operation sees it: uint32_t (zero-extended for B16), uint64_t, float, double.
template <Format format> inline auto laneValue(const Rows &rows, int l) {
  if constexpr (format == Format::F32)
    return std::bit_cast<float>(rows.low[l]);
  else if constexpr (format == Format::F16)
    return float(std::bit_cast<_Float16>(uint16_t(rows.low[l])));
  else if constexpr (format == Format::B16 || format == Format::F16Bits)
    return rows.low[l] & 0xffff;
  else if constexpr (format == Format::B64)
    return rows.low[l] | uint64_t(rows.high[l]) << 32;
  else if constexpr (format == Format::F64)
    return std::bit_cast<double>(rows.low[l] | uint64_t(rows.high[l]) << 32);
  else
    return rows.low[l];
}

} // namespace zorse::emulator
