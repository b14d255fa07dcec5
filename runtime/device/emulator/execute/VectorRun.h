//===- VectorRun.h - turns an expression into a handler ---------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tables of vector instructions write one lane as a lambda; the templates here
// fetch, loop, and write back:
//
//   {"v_add_f32", run<[](float a, float b) { return a + b; }, F32, F32, F32>}
//
// The first format is the result's. A lambda that wants to know clamp or MODE
// takes `const Modes &` first. Integer operations that saturate must look at
// `modes.clamp`; any other integer operation with clamp stops the wave.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/VectorSources.h"

#include <span>
#include <type_traits>
#include <utility>

namespace zorse::emulator {

using enum Format;

struct Modes {
  bool clamp; ///< of the instruction
  bool ieee;
};

/// A value and the carry or condition of its lane.
template <class Value> struct WithBit {
  Value value;
  bool bit;
};

template <auto op, class... Args> inline auto apply(const Modes &modes, Args... args) {
  if constexpr (std::is_invocable_v<decltype(op), const Modes &, Args...>)
    return op(modes, args...);
  else
    return op(args...);
}

template <Format format, class Value> inline void storeLane(RowSpace &to, int l, Value value) {
  if constexpr (format == F32) {
    to.low.lane[l] = std::bit_cast<uint32_t>(float(value));
  } else if constexpr (format == F16 || format == F16Kept) {
    to.low.lane[l] = std::bit_cast<uint16_t>(_Float16(value));
  } else if constexpr (is16(format)) {
    to.low.lane[l] = uint16_t(value);
  } else if constexpr (is64(format)) {
    uint64_t bits;
    if constexpr (format == F64)
      bits = std::bit_cast<uint64_t>(double(value));
    else
      bits = uint64_t(value);
    to.low.lane[l] = uint32_t(bits);
    to.high.lane[l] = uint32_t(bits >> 32);
  } else {
    to.low.lane[l] = uint32_t(value);
  }
}

/// The lanes that an instruction may write.
inline uint64_t writeMask(Wave &wave, const Instruction &inst) {
  uint64_t mask = wave.exec();
  if (inst.isDpp) [[unlikely]]
    mask &= dppWriteMask(wave, inst.dpp);
  return mask;
}

/// omod, clamp and flushing of a float result, in place.
template <Format format>
void changeFloatResult(const Wave &wave, const Instruction &inst, RowSpace &result) {
  static_assert(isFloat(format));
  constexpr Format source = is16(format) ? F16 : format;
  const bool flush = flushes<source>(wave.mode);
  // The ISA ignores omod while denormals are kept or IEEE behaviour is on.
  const bool scaled = inst.omod && flush && !wave.mode.ieee;
  const double factor = inst.omod == 1 ? 2 : inst.omod == 2 ? 4 : 0.5;
  const bool nanToZero = wave.mode.dx10Clamp;
  Rows rows{result.low.lane, result.high.lane};
  if (scaled || inst.clamp)
    for (int l = 0; l < waveSize; ++l) {
      auto value = laneValue<source>(rows, l);
      using Value = decltype(value);
      if (scaled)
        value = value * Value(factor);
      if (inst.clamp) {
        // Of -0 and 0 the maximum is 0; a NaN fails both comparisons.
        Value low = value > 0 ? value : Value(0);
        Value clamped = low < 1 ? low : Value(1);
        value = value != value && !nanToZero ? value : clamped;
      }
      storeLane<source>(result, l, value);
    }
  if (flush)
    flushDenormals<source>(result.low.lane, result.high.lane);
}

/// Writes `result` to the destination, through SDWA or a half select where there is one.
template <Format format>
inline void writeResult(Wave &wave, const Instruction &inst, RowSpace &result, uint64_t mask) {
  if constexpr (isFloat(format)) {
    if (inst.omod | inst.clamp | flushes<format>(wave.mode)) [[unlikely]]
      changeFloatResult<format>(wave, inst, result);
  }
  uint32_t *to = wave.vgpr[inst.dst.index].lane;
  if (inst.isSdwa) [[unlikely]] {
    if (is64(format) && inst.sdwa.dst != SubDwordSelect::Dword)
      return wave.stop("SDWA selects no part of a 64-bit result");
    sdwaMerge(inst.sdwa, to, result.low.lane);
  } else if (is16(format) && inst.opSelDst) [[unlikely]] {
    for (int l = 0; l < waveSize; ++l)
      result.low.lane[l] = result.low.lane[l] << 16 | (to[l] & 0xffff);
  } else if (keepsHalf(format)) {
    for (int l = 0; l < waveSize; ++l)
      result.low.lane[l] |= to[l] & 0xffff0000;
  }
  blendLanes(to, result.low.lane, mask);
  if constexpr (is64(format))
    blendLanes(wave.vgpr[inst.dst.index + 1].lane, result.high.lane, mask);
}

/// Lanes whose byte is set, as a mask.
inline uint64_t packMask(const uint8_t *bytes) {
  auto half = [&](int first) {
    __m256i v = _mm256_load_si256(reinterpret_cast<const __m256i *>(bytes + first));
    return uint64_t(uint32_t(_mm256_movemask_epi8(v)));
  };
  return half(0) | half(32) << 32;
}

/// Calls `body(space, rows...)` with the sources fetched.
template <Format... in, class Body>
inline void withSources(Wave &wave, const Instruction &inst, Body body) {
  [&]<size_t... i>(std::index_sequence<i...>) {
    RowSpace space[sizeof...(in) ? sizeof...(in) : 1];
    const Rows rows[] = {sourceRows<in>(wave, inst, int(i), space[i])...};
    body(rows);
  }(std::make_index_sequence<sizeof...(in)>());
}

inline Modes modesOf(const Wave &wave, const Instruction &inst) {
  return {inst.clamp, wave.mode.ieee};
}

template <class Op, class... Args>
constexpr bool wantsModes = std::is_invocable_v<Op, const Modes &, Args...>;

/// Value types by format, for asking whether an operation takes modes.
template <Format format> using LaneValue = decltype(laneValue<format>(Rows{}, 0));

/// dst = op(src0, src1, …) in every active lane.
template <auto op, Format out, Format... in> void run(Wave &wave, const Instruction &inst) {
  const uint64_t mask = writeMask(wave, inst);
  if (!mask)
    return;
  if constexpr (!isFloat(out) && !wantsModes<decltype(op), LaneValue<in>...>)
    if (inst.clamp) [[unlikely]]
      return wave.stop("clamp is not defined for this integer operation");
  const Modes modes = modesOf(wave, inst);
  [&]<size_t... i>(std::index_sequence<i...>) {
    withSources<in...>(wave, inst, [&](const Rows *rows) {
      RowSpace result;
      for (int l = 0; l < waveSize; ++l)
        storeLane<out>(result, l, apply<op>(modes, laneValue<in>(rows[i], l)...));
      writeResult<out>(wave, inst, result, mask);
    });
  }(std::make_index_sequence<sizeof...(in)>());
}

/// dst = op(src0, src1, …, lane of carryIn).
template <auto op, Format out, Format... in> void runMasked(Wave &wave, const Instruction &inst) {
  const uint64_t mask = writeMask(wave, inst);
  if (!mask)
    return;
  const Modes modes = modesOf(wave, inst);
  LaneDwords chosen;
  expandMask(wave.scalar(inst.carryIn), chosen.lane);
  [&]<size_t... i>(std::index_sequence<i...>) {
    withSources<in...>(wave, inst, [&](const Rows *rows) {
      RowSpace result;
      for (int l = 0; l < waveSize; ++l)
        storeLane<out>(result, l,
                       apply<op>(modes, laneValue<in>(rows[i], l)..., chosen.lane[l] != 0));
      writeResult<out>(wave, inst, result, mask);
    });
  }(std::make_index_sequence<sizeof...(in)>());
}

/// dst, scalarDst = op(src0, src1, …[, lane of carryIn]); op gives a WithBit. Inactive lanes get 0
/// in the mask.
template <auto op, bool carries, Format out, Format... in>
void runWithBit(Wave &wave, const Instruction &inst) {
  const uint64_t mask = writeMask(wave, inst);
  const Modes modes = modesOf(wave, inst);
  LaneDwords carry;
  expandMask(carries ? wave.scalar(inst.carryIn) : 0, carry.lane);
  alignas(32) uint8_t bits[waveSize];
  [&]<size_t... i>(std::index_sequence<i...>) {
    withSources<in...>(wave, inst, [&](const Rows *rows) {
      RowSpace result;
      for (int l = 0; l < waveSize; ++l) {
        auto lane = [&] {
          if constexpr (carries)
            return apply<op>(modes, laneValue<in>(rows[i], l)..., carry.lane[l]);
          else
            return apply<op>(modes, laneValue<in>(rows[i], l)...);
        }();
        storeLane<out>(result, l, lane.value);
        bits[l] = lane.bit ? 0xff : 0;
      }
      writeResult<out>(wave, inst, result, mask);
    });
  }(std::make_index_sequence<sizeof...(in)>());
  // A lane that DPP masks keeps its old bit: it does not execute.
  const uint64_t skipped = wave.exec() & ~mask;
  wave.setPair(inst.scalarDst.index,
               (packMask(bits) & mask) | (wave.pair(inst.scalarDst.index) & skipped));
}

/// A mask of the lanes where op holds; v_cmpx (setsExec) makes it the new EXEC too.
template <auto op, bool setsExec, Format... in> void compare(Wave &wave, const Instruction &inst) {
  const Modes modes = modesOf(wave, inst);
  alignas(32) uint8_t bits[waveSize];
  [&]<size_t... i>(std::index_sequence<i...>) {
    withSources<in...>(wave, inst, [&](const Rows *rows) {
      for (int l = 0; l < waveSize; ++l)
        bits[l] = apply<op>(modes, laneValue<in>(rows[i], l)...) ? 0xff : 0;
    });
  }(std::make_index_sequence<sizeof...(in)>());
  const uint64_t result = packMask(bits) & wave.exec();
  wave.setPair(inst.dst.index, result);
  if (setsExec)
    wave.setPair(sreg::Exec, result);
}

} // namespace zorse::emulator
