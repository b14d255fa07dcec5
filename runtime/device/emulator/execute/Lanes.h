//===- Lanes.h - reading and writing 64 lanes at once -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Vector instructions are loops over 64 lanes that the compiler turns into
// vector code: sources come as pointers to 64 dwords, results are computed for
// all lanes and kept for those that EXEC names.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Wave.h"

namespace zorse::emulator {

/// 64 values of a dword operand: the register itself, or a copy in every lane of a scalar.
/// No modifiers. `part` takes dword `part` of a wider operand.
inline const uint32_t *lanesOf(const Wave &wave, const Operand &operand, LaneDwords &space,
                               int part = 0) {
  if (operand.isVgpr())
    return wave.vgpr[operand.index + part].lane;
  auto value = uint32_t(wave.scalar(operand) >> (32 * part));
  if (operand.isSgpr() && part >= 2)
    value = wave.sgpr[operand.index + part];
  for (uint32_t &lane : space.lane)
    lane = value;
  return space.lane;
}

/// Writes the lanes that `mask` names.
inline void writeLanes(LaneDwords &to, const uint32_t *from, uint64_t mask) {
  if (mask == ~uint64_t(0)) {
    std::memcpy(to.lane, from, sizeof to.lane);
    return;
  }
  for (int l = 0; l < waveSize; ++l)
    to.lane[l] = mask >> l & 1 ? from[l] : to.lane[l];
}

} // namespace zorse::emulator
