//===- HostPeaks.h - what this machine can do at most --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GPU's peaks stand in its data sheet and in TargetDesc. A host row describes an
// instruction set, not a machine, so the peaks of a host are measured where it is.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/TargetDesc.h"

#include <string>

namespace zorse::tuner {

struct HostPeaks {
  int threads = 1;
  double readGBs1 = 0, readGBs = 0;     ///< reading memory, by one thread and by all
  double fmaGflops1 = 0, fmaGflops = 0; ///< f32 multiply-adds; one counts two
  double dotGflops1 = 0;                ///< bf16 dot products, one thread; 0 without them
  std::string source;                   ///< how these are known, for Measurement::method

  /// Peaks that the rates of HostWork.h were fitted with, for as many threads as `target` has; the
  /// same everywhere.
  static HostPeaks nominal(const TargetDesc &target);
};

/// Measures this machine once a process, in about 50 ms and 64 MiB; later calls return the same.
/// A lower bound on a machine that is busy with other work.
const HostPeaks &probeHost();

} // namespace zorse::tuner
