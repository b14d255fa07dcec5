//===- LocalOrder.h - who wrote and read which byte of LDS ------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Accesses of one wave through LDS instructions happen in order. Those of two
// waves are ordered by a barrier, if the earlier one had completed (by an
// s_waitcnt of its wave) before that wave came to it. Two accesses of a byte
// that are not ordered, one of them a write, are a race; atomics among
// themselves are not. Whether a race is found does not depend on the order in
// which the emulator runs waves.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "check/Checker.h"
#include "check/Pending.h"

#include <vector>

namespace zorse::emulator {

class LocalOrder {
public:
  LocalOrder(uint32_t numWaves, uint32_t bytes);

  struct Access {
    uint32_t wave = 0; ///< in its group, below 16
    LdsUse use = LdsUse::Read;
    const Instruction *by = nullptr;
    const Pending *pending = nullptr;    ///< of the wave, which has counted this instruction
    const uint32_t *addresses = nullptr; ///< of the lanes of the mask, for messages
    uint64_t mask = 0;
    uint32_t laneBytes = 0;
    int laneAt(uint32_t byte) const;
  };
  /// Before the parts of an instruction.
  void begin(Wave &wave, const Access &access);
  /// One part: some bytes in a row.
  void access(Wave &wave, const Access &access, uint32_t address, uint32_t bytes) {
    if (access.use == LdsUse::Read)
      read(wave, access, address, bytes);
    else
      write(wave, access, address, bytes);
  }
  /// All waves have met.
  void atBarrier(const std::vector<const Pending *> &waves);
  /// The wave has waited: what has completed can no longer cross a barrier.
  void afterWait(uint32_t wave, const Pending &pending);

private:
  /// An access whose completion its wave has not waited for.
  struct Unfinished {
    Stream stream;
    bool isAtomic;
    uint32_t number, address, bytes;
  };
  void read(Wave &wave, const Access &access, uint32_t address, uint32_t bytes);
  void write(Wave &wave, const Access &access, uint32_t address, uint32_t bytes);
  bool isOrdered(uint32_t word, uint32_t wave, const Pending &mine) const;
  void reportWriter(Wave &wave, const Access &access, uint32_t byte, const char *verb) const;
  void reportMask(Wave &wave, const Access &access, uint32_t byte, uint32_t mask, const char *verb,
                  const char *other) const;
  void mark(std::vector<uint32_t> &masks, uint32_t address, uint32_t bytes, uint32_t wave);
  void keep(const Access &access, uint32_t address, uint32_t bytes);

  uint32_t numWaves;
  uint32_t current = 0; ///< the word that the writes of this instruction leave
  uint32_t epoch = 1;   ///< barriers passed, in 16 bits; what older epochs marked does not count
  bool anyAtomics = false;
  /// By byte: number of the last write in its stream, the stream and the wave; 0: never written.
  std::vector<uint32_t> writers;
  /// By byte: the epoch and a mask of waves that read, or changed by an atomic, in it.
  std::vector<uint32_t> readers, atomics;
  struct WaveState {
    uint32_t doneAtBarrier[5] = {}; ///< by stream
    std::vector<Unfinished> unfinished;
    std::vector<const Instruction *> lastWrites[5]; ///< by stream, a ring over numbers
  };
  std::vector<WaveState> waves;
};

} // namespace zorse::emulator
