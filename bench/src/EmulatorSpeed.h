//===- EmulatorSpeed.h - wave instructions a second -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <ostream>
#include <string>
#include <vector>

namespace zorse::bench {

/// One kernel of bench/emulator on so many threads of this machine.
struct EmulatorSpeed {
  std::string kernel;
  int threads = 1;
  double instructionsPerSecond = 0; ///< wave instructions, of all threads; median of the rounds
  double low = 0, high = 0;         ///< its 95 % interval
  double matrixGflops = 0;          ///< of matrix instructions, 0 without
};

/// Executes every kernel of a code object, in `rounds` rounds of about `roundMs` after one of
/// warming up. Errors: Usage for a file that is none, Runtime for a kernel that faults.
Result<std::vector<EmulatorSpeed>> measureEmulatorSpeed(const std::string &path,
                                                        const std::vector<int> &threads, int rounds,
                                                        double roundMs);

void printEmulatorSpeed(std::ostream &out, const std::vector<EmulatorSpeed> &rows, bool json);

} // namespace zorse::bench
