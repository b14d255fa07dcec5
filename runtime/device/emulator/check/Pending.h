//===- Pending.h - what memory instructions have not done yet ---*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulator completes every access at once; hardware completes it some time
// before an s_waitcnt that covers it. What may be relied upon:
//
//   vmcnt    counts global, buffer and scratch accesses, stores as well as
//            loads; they complete in order. So do loads into LDS.
//   lgkmcnt  counts LDS accesses, in order among themselves, and scalar loads,
//            in any order: only 0 covers those.
//   flat     instructions count in both and in no order: only 0 of both covers.
//
// Between a memory instruction and that wait, reading or overwriting a register
// that it fills is a fault; only a load of the same kind may overwrite it, since
// they fill in order. What a store reads it has read when it is issued, so its
// sources may be overwritten at once. A counter at its maximum asks for nothing.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "check/Flow.h"
#include "execute/Wave.h"

namespace zorse::emulator {

/// Streams of accesses that complete in order, or all at once.
enum class Stream : uint8_t { None, Vector, Local, Scalar, Flat };

Stream streamOf(const Instruction &instruction);

class Pending {
public:
  /// Stops the wave on a fault, else counts what the instruction starts, or waits.
  void before(Wave &wave, const Instruction &instruction, Flow flow);

  /// Accesses started so far; the number of one is the count after it.
  uint32_t issued(Stream stream) const { return counts[size_t(stream)].issued; }
  /// Accesses up to this number have completed.
  uint32_t done(Stream stream) const { return counts[size_t(stream)].done; }

private:
  struct Fill {
    Stream stream = Stream::None;
    uint32_t number = 0;
    const Instruction *by = nullptr;
  };
  struct Count {
    uint32_t issued = 0, done = 0;
  };
  void wait(uint32_t simm16);
  void settle();
  bool requireFilled(Wave &wave, Operand::Kind kind, uint16_t first, uint8_t count,
                     Stream overwrites, const char *verb);
  void note(const Instruction &instruction, Stream stream);
  std::string missingWait(const Fill &fill) const;

  Count counts[5];
  uint32_t flatVectorDone = 0, flatLocalDone = 0;
  int numPending = 0; ///< registers whose fill has a stream
  uint64_t pendingVectors[8] = {}, pendingScalars[2] = {};
  Fill vectors[512], scalars[sreg::Count];
};

} // namespace zorse::emulator
