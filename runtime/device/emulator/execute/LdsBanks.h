//===- LdsBanks.h - bank conflicts of LDS accesses --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LDS has 32 banks of one dword; an access of a wave takes place in groups of
// lanes that together ask for 32 dwords. Within a group each bank serves one
// dword a cycle, to any number of lanes. The groups, as AMD and measurements on
// an MI300X tell them:
//
//   up to 4 bytes  two of 32 lanes in order
//   8 bytes        four of 16 lanes in order
//   12, 16, store  eight of 8 lanes in order
//   12, 16, load   eight: 0-3 with 20-23, 4-7 with 16-19, 8-11 with 28-31,
//                  12-15 with 24-27, and the same 32 lanes later
//
// Two-address instructions are two accesses. Atomics of several lanes on one
// dword are serialised too, but by another unit: no bank conflict.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace zorse::emulator {

/// Cycles beyond those of a conflict-free access: over all groups, the sum of (the most distinct
/// dwords in one bank) - 1. `offsets` are of 64 lanes; `bytes` is 1, 2, 4, 8, 12 or 16.
uint64_t ldsConflictCycles(const uint32_t *offsets, uint64_t mask, uint32_t bytes, bool isWrite);

} // namespace zorse::emulator
