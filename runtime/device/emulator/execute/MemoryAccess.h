//===- MemoryAccess.h - where 64 lanes reach --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every memory instruction has three steps: it works out an address for each
// lane; `reach…` looks these up, counts, runs the checks and turns them into
// addresses of this process; a transfer moves the data. A reach that finds a
// fault stops the wave before anything has moved.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Wave.h"

namespace zorse::emulator {

enum class Direction : uint8_t { Load, Store, Atomic };

/// What one lane asks for.
struct AccessShape {
  uint32_t bytes = 4;        ///< of a lane
  uint32_t elementBytes = 4; ///< natural alignment: 1, 2 or 4; for atomics all of it
  Direction direction = Direction::Load;
};

/// Where the lanes of `mask` reach, as addresses of this process. The other entries are undefined.
struct LaneAddresses {
  alignas(64) uint64_t lane[waveSize];
  uint64_t mask = 0;
  bool contiguous = false; ///< all 64 lanes, each right after the one before
};

/// Likewise offsets in LDS or in scratch.
struct LaneOffsets {
  alignas(64) uint32_t lane[waveSize];
  uint64_t mask = 0;
};

/// Global memory: `at` holds addresses already. False when the wave was stopped.
bool reachGlobal(Wave &wave, LaneAddresses &at, const AccessShape &shape);

/// The same where lanes differ in what they ask for: bytes of each lane of the mask.
bool reachGlobalRagged(Wave &wave, LaneAddresses &at, const uint32_t *bytes,
                       const AccessShape &shape);

/// LDS. Lanes that reach beyond the LDS of the workgroup are missing from the mask of `at`: their
/// loads give 0 and their stores are dropped, as hardware has it; with checks on they are a fault.
bool reachLocal(Wave &wave, const LaneOffsets &offsets, const AccessShape &shape,
                LaneAddresses &at);

/// Scratch, lane by lane in its private bytes.
bool reachScratch(Wave &wave, const LaneOffsets &offsets, const AccessShape &shape,
                  LaneAddresses &at);

} // namespace zorse::emulator
