//===- Model.h - an estimate of compiled code ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A small model of a machine, for putting compiled candidates in order when it is not
// here. It sees what the compiler knows: the grid, the resources of a workgroup and the
// mix of instructions in the machine code. The time on a GPU is
//
//   launches * 5 us + max(compute, traffic) * tail
//
//   waves    resident a SIMD: the smallest of what registers allow (registers of a lane
//            / those of a wave, in blocks of 8), what LDS allows, and the hardware's
//            limit; a kernel that does not fit at all is an error
//   active   share of the compute units that get a workgroup
//   tail     rounds of the grid / their mean filling, at least 1
//   issue    share of the issue slots of the main kernel that do useful arithmetic:
//            matrix instructions count 8 slots, vector ones 1, scalar and branches 1/4,
//            LDS and memory instructions 4; without matrix instructions the useful share
//            is vector / all
//   hide     waves / (waves + 1): one wave waits where eight overlap
//   padding  work of the grid over useful work: with 64 times the tokens, how much less
//            than 64 times the workgroups are needed; the same for each other size
//   compute  flops * padding / (peak * active * issue * hide); peak is that of the matrix
//            units if the code has matrix instructions, else that of f32
//   traffic  (operand bytes + 2 * workspace bytes + spills) / (peak GB/s * share of the
//            memory system that the resident waves can keep busy: all of it from 8
//            waves a compute unit on)
//
// On a host, with the peaks probed where it runs and the counts of HostWork.h:
//
//   launches * 1 us + traffic / bandwidth + groups * max(work, issued) * tail / threads
//
//   bandwidth  of as many threads as have a workgroup
//   work       HostWork::nanoseconds, scaled by the probed rate of multiply-adds
//   issued     instructions of the code once, four a nanosecond: decides only where a
//              workgroup is straight code, since counts say nothing of loops
//   traffic    as above, without spills: they hit the first cache
//
// Good for order, not for time: static counts say nothing of how often a loop runs.
// Its rows are marked `model`, are never verified by it, and never win.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/HostPeaks.h"

#include "zorse/desc/CodeObject.h"
#include "zorse/desc/Measurement.h"
#include "zorse/desc/OpDesc.h"
#include "zorse/desc/TargetDesc.h"

namespace zorse::tuner {

/// Occupancy of one kernel of a code object.
struct Occupancy {
  int64_t groups = 0;      ///< of the launch
  int64_t groupsPerCu = 0; ///< resident together
  double wavesPerSimd = 0;
  std::string limitedBy; ///< "registers", "lds", "hardware", "grid"
};
Result<Occupancy> occupancyOf(const KernelInfo &kernel, const TargetDesc &target,
                              const Sizes &sizes);

/// Estimates one launch at the tuning point of `op`; for a host with the peaks of this machine.
/// Errors: Usage for a target without peaks, a kernel that does not fit the target, a formula that
/// lacks a size, a configuration that is not of the op.
Result<Measurement> estimate(const OpDesc &op, const TargetDesc &target, const CodeObject &object);

/// The same for a host with these peaks.
Result<Measurement> estimateOnHost(const OpDesc &op, const TargetDesc &target,
                                   const CodeObject &object, const HostPeaks &peaks);

} // namespace zorse::tuner
