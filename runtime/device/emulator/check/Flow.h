//===- Flow.h - from which registers a result comes -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "decode/Instruction.h"

namespace zorse::emulator {

/// How checkers follow an instruction; worked out once, because it goes by mnemonic.
enum class Flow : uint8_t {
  Unclassified,
  Nothing, ///< reads and writes no register that matters
  // Vector: lane by lane.
  All,       ///< every dword of the result from every dword of every source
  Dwords,    ///< dword i from dword i: v_mov_b64
  Halves,    ///< likewise as op_sel says: packed f32
  Crossed,   ///< v_pk_mov_b32: low from the first source, high from the second
  CarryUp,   ///< the low dword from low dwords, the high one from all
  CarryDown, ///< the high dword from high dwords, the low one from all
  // What puts parts of two dwords into one.
  Insert,  ///< by a mask: v_bfi_b32
  Combine, ///< (first and second) or third, where second may shift: v_and_or_b32, v_lshl_or_b32
  Pack,    ///< halves of both: v_pack_b32_f16
  Permute, ///< bytes by a selector: v_perm_b32
  Select,
  Compare,
  CompareExec,
  ReadLane,
  ReadFirstLane,
  WriteLane,
  Swap,
  Matrix, ///< all 64 lanes, whatever EXEC says
  // Through the LDS crossbar, not its memory.
  BackwardPermute,
  ForwardPermute,
  Swizzle,
  // Scalar: bit by bit where a bit of the result comes from bits at its place.
  ScalarAll,
  ScalarCopy,
  ScalarAnd, ///< and, nand
  ScalarOr,  ///< or, nor
  ScalarXor,
  ScalarAndNot, ///< first and not second
  ScalarOrNot,
  ScalarShiftLeft,
  ScalarShiftRight,
  SaveExecAnd, ///< result: EXEC; EXEC: source and EXEC
  SaveExecOr,
  SaveExecXor,
  SaveExecAndNot,  ///< source and not EXEC
  SaveExecOrNot,   ///< source or not EXEC
  SaveExecNotAnd,  ///< not source, and EXEC
  SaveExecNotOr,   ///< not source, or EXEC
  WriteExecAndNot, ///< SaveExecAndNot, whose result is the new EXEC
  WriteExecNotAnd,
  ScalarSelect,
  ScalarMoveIf, ///< only when SCC
  ScalarDecide, ///< comparisons, jumps, modes: what they read decides how the wave goes on
  BranchOnVcc,
  // Memory.
  ScalarLoad,
  Load,
  Store,
  Atomic,
  WaitCount
};

Flow flowOf(const Instruction &instruction);

} // namespace zorse::emulator
