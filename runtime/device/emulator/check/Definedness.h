//===- Definedness.h - which registers hold something -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A bit for each lane of each vector register and for each bit of each scalar
// register tells whether it was written with something that was itself written.
//
// Policy. Compilers copy and compute with what nobody wrote: lanes of a tuple
// that nobody uses, the high half of a product of which only the low half
// counts, a value on the side of a branch that a select then drops. So an
// arithmetic result of something unwritten is unwritten, no more. A fault is
// what makes a difference outside of the wave or to its way: an address, data
// that goes to global memory or LDS, a bit of EXEC, a condition of a branch, a
// scalar comparison, a factor or addend of a matrix instruction (which mixes
// lanes and reads all 64). The message names the register that was read, the
// one that was never written, and the instruction between them.
//
// Exact: lane masks (bit by bit through and, or, not), v_cndmask, readlane and
// writelane, DPP, permutes, op_sel halves, spills to scratch (a spilled value
// stays as unwritten as it was). Lenient: halves of a dword count as a whole, so
// what puts parts of two registers into one (v_bfi_b32, v_lshl_or_b32, …) leaves
// something written if either was; a lane mask spilled by v_writelane counts as
// written if any bit of it was, and SCC once anything set it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "check/Flow.h"
#include "execute/Wave.h"

namespace zorse::emulator {

class Definedness {
public:
  void begin(const Wave &wave, uint32_t definedSgprs, uint32_t definedVgprs);
  /// Stops the wave on a fault, else notes what the instruction writes.
  void before(Wave &wave, const Instruction &instruction, Flow flow);

  bool isDefined(uint16_t vgpr, int lane) const { return vectors[vgpr] >> lane & 1; }
  /// A load filled it with something unwritten.
  void setUndefined(uint16_t vgpr, int lane, const Instruction &by);

private:
  /// Where the unwritten part of a register came from. Registers are numbered as vector registers,
  /// scalar ones from 512.
  struct Origin {
    uint64_t lanes = 0;
    const Instruction *by = nullptr;
    uint16_t root = 0;
  };
  /// Lanes that are defined, of dwords [first, first + count) of an operand.
  uint64_t lanes(const Operand &operand, int first, int count) const;
  uint64_t lanes(const Operand &operand) const { return lanes(operand, 0, operand.dwords); }
  uint64_t bits(const Operand &operand) const;
  void writeLanes(const Operand &dst, int dword, uint64_t mask, uint64_t defined,
                  const Instruction &by);
  void writeBits(uint16_t sgpr, int dwords, uint64_t defined, const Instruction &by);
  uint16_t rootOf(const Instruction &by, uint64_t missing) const;

  void vector(Wave &wave, const Instruction &instruction, Flow flow);
  void crossbar(Wave &wave, const Instruction &instruction, Flow flow);
  void scalar(Wave &wave, const Instruction &instruction, Flow flow);
  void saveExec(Wave &wave, const Instruction &instruction, Flow flow);
  void memory(Wave &wave, const Instruction &instruction, Flow flow);

  /// Faults with the first dword of the operand that `mask` reads and nobody wrote.
  bool requireLanes(Wave &wave, const Operand &operand, uint64_t mask, const char *use);
  bool requireBits(Wave &wave, const Operand &operand, const char *use);
  void reportLane(Wave &wave, uint16_t vgpr, int lane, const char *use) const;
  void reportBit(Wave &wave, uint16_t sgpr, int bit, const char *use) const;

  uint64_t vectors[512] = {};
  uint32_t scalars[sreg::Count] = {};
  Origin vectorOrigins[512], scalarOrigins[sreg::Count];
};

/// "v3", "a0", "s7", "vcc_lo".
std::string vectorName(uint16_t index);
std::string scalarName(uint16_t index);

} // namespace zorse::emulator
