//===- HostWork.h - what a configuration makes a host do -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counts for one workgroup, as the host lowering will make it (see HostDot.cpp of the
// compiler): products by the inner kernel, which keeps a vector of partial sums for each
// result, or by the column kernel, which wants its right side packed. Times follow from
// the counts by HostRates:
//
//   group   = products + loads + sums + packing + element-wise work + blocks, all added:
//             one thread overlaps little of them
//   compute = groups * group * tail / threads; tail = rounds of the grid / their filling
//   memory  = operand bytes / bandwidth, less of it where a block reads short pieces of
//             many rows, which defeats the prefetcher
//   time    = launches + memory + compute
//
//===----------------------------------------------------------------------===//
#pragma once

#include "model/Grid.h"

namespace zorse::tuner {

/// Nanoseconds of one thread, unless stated otherwise. Fitted on recorded sweeps of linear and
/// mla_decode (AMD EPYC with AVX-512 and bf16 dot products, 2 threads); see tuner/model/README.md
/// for how, and for what they are worth elsewhere.
struct HostRates {
  double product = 0.22;      ///< one vector product of the inner kernel
  double load = 0.22;         ///< one vector load for it
  double horizontalSum = 0.9; ///< adding up the lanes of one result
  double column = 0.11;       ///< one vector product of the column kernel
  double columnLoad = 0.06;   ///< one load or broadcast for it
  double pack = 0.095;        ///< packing one element, 4 times that for blocks of half a vector
  double accumulator = 0.5;   ///< a vector of results to memory and back
  double softmax = 1.4;       ///< exp or rescaling of one vector
  double element = 0.5;       ///< one vector of element-wise work
  double instruction = 0.25;  ///< issuing one of those counted in the code
  double block = 100;         ///< beginning one step of a loop over blocks
  double group = 40;          ///< beginning a workgroup
  double launchUs = 1;        ///< of one kernel, in microseconds
  double joinPart = 0.2;      ///< one number of one part, by the kernel that joins splits
  double readGBs = 33;        ///< from memory, by one thread
  double readGBsMost = 200;   ///< from memory, by all together
  double spilledL1 = 1.11;    ///< factor on the inner kernel whose rows leave the first cache
  double spilledL2 = 1.04;    ///< factor on it whose weight block leaves the second between rows
  double packedL1 = 1.25;     ///< factor on the column kernel whose packed block leaves it
  double ragged = 1.25;       ///< factor on code that masks its last block
};

/// Of one workgroup of the main kernel.
struct HostWork {
  double products = 0, loads = 0, sums = 0;           ///< inner kernel; sums over lanes
  double columnProducts = 0, columnLoads = 0;         ///< column kernel
  double packed = 0;                                  ///< elements
  double accumulators = 0, softmax = 0, elements = 0; ///< vectors
  double blocks = 1;
  bool rowsSpill = false;    ///< the rows of the inner kernel leave the first cache
  bool weightSpills = false; ///< the block that rows share leaves the second cache
  bool packedSpills = false; ///< so does the packed block of the column kernel
  bool raggedBlocks = false; ///< the code masks, because blocks do not divide what they cut
  double present = 1;        ///< share of the grid that has work
  double memoryShare = 1;    ///< of the bandwidth that its reads can use
  double joined = 0;         ///< numbers that the joining kernel reads, of the whole launch
  int64_t kernels = 1;

  double nanoseconds(const HostRates &rates) const;
};

HostWork hostWorkOf(const OpDesc &op, const TargetDesc &target, const KernelConfig &config);

/// Share of the rounds of `groups` over `threads` that is idle, as a factor of at least 1.
double tailOf(int64_t groups, int64_t threads);

} // namespace zorse::tuner
