//===- Checker.h - faults that hardware lets pass ---------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One checker watches one workgroup. It sees every instruction before it runs,
// and every memory access through the handlers. A finding stops the wave.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Wave.h"

#include <memory>

namespace zorse::emulator {

enum class LdsUse : uint8_t { Read, Write, Atomic };

class Checker {
public:
  Checker(uint32_t numWaves, uint32_t ldsBytes);
  ~Checker();

  /// Before the first instruction: what the launch defined. Everything else is unwritten.
  void begin(const Wave &wave, uint32_t definedSgprs, uint32_t definedVgprs);
  /// Reads of registers never written, or of registers that a memory instruction has not filled
  /// yet; then notes what the instruction writes and starts.
  void before(Wave &wave, const Instruction &instruction);
  /// All waves of the group have met at a barrier.
  void atBarrier();

  /// An access to LDS of `bytes` by each lane of the mask: unwritten bytes, races between waves.
  /// Atomics of two waves on the same bytes are no race.
  void lds(Wave &wave, const uint32_t *addresses, uint64_t mask, uint32_t bytes, LdsUse use);
  /// Scratch of one lane: unwritten bytes.
  void scratchRead(Wave &wave, int lane, uint32_t address, uint32_t bytes);
  void scratchWrite(Wave &wave, int lane, uint32_t address, uint32_t bytes);
  /// Alignment of an access to global memory, LDS or scratch: dwords need 4 bytes, and so on up to
  /// the natural alignment of one element.
  void aligned(Wave &wave, int lane, uint64_t address, uint32_t elementBytes);

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace zorse::emulator
