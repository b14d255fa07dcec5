//===- PackedSources.h - operands of packed instructions --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// VOP3P: op_sel and neg_lo say which half of a source feeds the low result and
// with which sign; op_sel_hi and neg_hi say so of the high result.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Half.h"
#include "execute/Handlers.h"
#include "execute/Lanes.h"

#include <span>

namespace zorse::emulator {

std::span<const HandlerEntry> packedArithmetic(); ///< v_pk_*
std::span<const HandlerEntry> packedDot();        ///< v_dot*, VOP3P encoding
std::span<const HandlerEntry> packedMix();        ///< v_fma_mix*

/// The 16-bit factors of one half of the result, zero-extended.
template <bool High>
inline void halfRow(const uint32_t *from, const Operand &operand, bool isFloat, bool flush,
                    uint32_t *to) {
  const int shift = (High ? operand.opSelHi : operand.opSel) ? 16 : 0;
  const uint32_t flip = isFloat && (High ? operand.negHi : operand.neg) ? 0x8000u : 0u;
  for (int l = 0; l < waveSize; ++l)
    to[l] = (from[l] >> shift & 0xffffu) ^ flip;
  if (isFloat && flush)
    for (int l = 0; l < waveSize; ++l)
      to[l] = flushHalf(to[l]);
}

/// Of -0 and 0 the maximum is 0; a NaN becomes 0 or, without DX10_CLAMP, stays.
inline float clampUnit(float value, bool nanToZero) {
  float low = value > 0 ? value : 0.0f;
  float clamped = low < 1 ? low : 1.0f;
  return value != value && !nanToZero ? value : clamped;
}

} // namespace zorse::emulator
