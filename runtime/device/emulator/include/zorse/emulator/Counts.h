//===- Counts.h - what a launch executed and moved --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exact dynamic counts. They depend on the code, the launch and the data alone:
// neither on threads nor on the machine. Source of every number: simulated.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace zorse::emulator {

/// Bytes through the vector memory path in one direction.
struct Traffic {
  uint64_t requested = 0; ///< bytes asked for by active lanes
  uint64_t moved64 = 0;   ///< 64 for each line of 64 bytes that an instruction touches
  uint64_t moved128 = 0;  ///< likewise by lines of 128 bytes
  uint64_t first64 = 0;   ///< 64 for each line touched in this launch at all
  uint64_t first128 = 0;
  uint64_t repeat64() const { return moved64 - first64; }
  uint64_t repeat128() const { return moved128 - first128; }
};

/// Waves that one SIMD can hold, and what stands in the way of more.
struct Occupancy {
  int wavesPerSimd = 0;
  std::string limitedBy; ///< "vgprs", "sgprs", "lds" or "hardware"
};

struct Counts {
  uint64_t instructions = 0;                  ///< wave instructions issued
  std::map<std::string, uint64_t> byClass;    ///< "valu", "salu", "mfma", "lds", "vmem", …
  std::map<std::string, uint64_t> byMnemonic; ///< as an assembler would print it
  uint64_t activeLanes = 0;                   ///< of VALU instructions, summed
  uint64_t matrixFlopsIssued = 0;             ///< 2 m n k of every matrix instruction
  uint64_t matrixFlopsUseful = 0;             ///< of those, products of two factors that are not 0
  Traffic loads, stores;                      ///< an atomic counts in both
  uint64_t scalarBytes = 0;                   ///< through the scalar cache
  uint64_t scratchBytes = 0;
  uint64_t ldsReadBytes = 0, ldsWrittenBytes = 0;
  uint64_t ldsConflictCycles = 0; ///< cycles beyond those of a conflict-free access
  uint64_t barriers = 0;          ///< waves through s_barrier
  uint64_t waves = 0, workgroups = 0;
  int64_t ldsBytes = 0; ///< of a workgroup, static and dynamic
  Occupancy occupancy;

  /// Adds another launch; the footprint figures add too, the shape of the kernel stays that of the
  /// first.
  Counts &operator+=(const Counts &other);
};

} // namespace zorse::emulator
