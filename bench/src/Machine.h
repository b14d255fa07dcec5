//===- Machine.h - what this machine can do at most -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string>

namespace zorse::bench {

/// Measured here, next to the numbers that are to be judged by it.
struct MachinePeaks {
  double readGBs = 0;    ///< one thread reading 256 MiB again and again
  double readAllGBs = 0; ///< all threads, each its own 256 MiB
  double fmaGflops = 0;  ///< one thread, f32 multiply-adds on registers, widest vectors
  double bf16Gflops = 0; ///< the same with the bf16 dot instruction; 0 if the CPU has none
};

MachinePeaks measurePeaks(int threads);

/// CPU, threads, kernel and the load average, which must be near 0 for the times to mean much.
std::string machineLine();

} // namespace zorse::bench
