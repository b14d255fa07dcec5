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

#include <immintrin.h>

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
inline void blendLanes(uint32_t *to, const uint32_t *from, uint64_t mask) {
  if (mask == ~uint64_t(0)) {
    std::memcpy(to, from, sizeof(LaneDwords));
    return;
  }
  // The bit of each lane moves to the sign, which is what a blend looks at.
  const __m256i shifts = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
  for (int l = 0; l < waveSize; l += 8) {
    __m256i chosen = _mm256_sllv_epi32(_mm256_set1_epi32(int(mask >> l & 0xff)), shifts);
    __m256 old = _mm256_loadu_ps(reinterpret_cast<const float *>(to + l));
    __m256 fresh = _mm256_loadu_ps(reinterpret_cast<const float *>(from + l));
    _mm256_storeu_ps(reinterpret_cast<float *>(to + l),
                     _mm256_blendv_ps(old, fresh, _mm256_castsi256_ps(chosen)));
  }
}

} // namespace zorse::emulator
