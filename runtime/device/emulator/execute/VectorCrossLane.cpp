//===- VectorCrossLane.cpp - between lanes and scalars -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VectorRun.h"
#include "execute/VectorTables.h"

namespace zorse::emulator {

namespace {
/// Writes a scalar register, m0 included.
void setScalar(Wave &wave, const Operand &to, uint32_t value) { wave.sgpr[to.index] = value; }

uint32_t laneOf(const Wave &wave, const Operand &from, uint32_t lane) {
  return from.isVgpr() ? wave.vgpr[from.index].lane[lane & 63] : uint32_t(wave.scalar(from));
}

// These look at EXEC not at all, or only for the first lane.
void readLane(Wave &wave, const Instruction &inst) {
  if (inst.src[1].isVgpr())
    return wave.stop("the lane to read must be a scalar, not a vector register");
  setScalar(wave, inst.dst, laneOf(wave, inst.src[0], uint32_t(wave.scalar(inst.src[1]))));
}

void readFirstLane(Wave &wave, const Instruction &inst) {
  uint64_t exec = wave.exec();
  setScalar(wave, inst.dst, laneOf(wave, inst.src[0], exec ? __builtin_ctzll(exec) : 0));
}

void writeLane(Wave &wave, const Instruction &inst) {
  if (inst.src[0].isVgpr() || inst.src[1].isVgpr())
    return wave.stop("value and lane must be scalars, not vector registers");
  auto lane = uint32_t(wave.scalar(inst.src[1])) & 63;
  wave.vgpr[inst.dst.index].lane[lane] = uint32_t(wave.scalar(inst.src[0]));
}

void swap(Wave &wave, const Instruction &inst) {
  LaneDwords old = wave.vgpr[inst.dst.index];
  blendLanes(wave.vgpr[inst.dst.index].lane, wave.vgpr[inst.src[0].index].lane, wave.exec());
  blendLanes(wave.vgpr[inst.src[0].index].lane, old.lane, wave.exec());
}

/// Bits of src0 that belong to lanes below this one; lanes 32… see all of the low word.
template <bool high> void maskedCount(Wave &wave, const Instruction &inst) {
  const uint64_t mask = writeMask(wave, inst);
  withSources<B32, B32>(wave, inst, [&](const Rows *rows) {
    RowSpace result;
    for (int l = 0; l < waveSize; ++l) {
      const int seen = high ? l - 32 : l;
      uint32_t below = seen <= 0 ? 0 : seen >= 32 ? ~0u : (1u << seen) - 1;
      result.low.lane[l] = uint32_t(__builtin_popcount(rows[0].low[l] & below)) + rows[1].low[l];
    }
    writeResult<B32>(wave, inst, result, mask);
  });
}

void nothing(Wave &, const Instruction &) {}

constexpr HandlerEntry table[] = {
    {"v_readlane_b32", readLane},
    {"v_readfirstlane_b32", readFirstLane},
    {"v_writelane_b32", writeLane},
    {"v_swap_b32", swap},
    {"v_mbcnt_lo_u32_b32", maskedCount<false>},
    {"v_mbcnt_hi_u32_b32", maskedCount<true>},
    {"v_nop", nothing},
};
} // namespace

HandlerTable vectorCrossLane() { return table; }

} // namespace zorse::emulator
