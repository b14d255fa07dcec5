//===- Counts.h - exact counts of emulated launches -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"
#include "zorse/emulator/Counts.h"

#include <ostream>
#include <string>
#include <vector>

namespace zorse::bench {

/// One launch of a model's kernel, from bench/counts.
struct Launch {
  std::string model, phase;
  OpDesc op; ///< its tuning point is the sizes of the launch
};

/// Reads a list of launches. Usage errors name the file and the entry.
Result<std::vector<Launch>> loadLaunches(const std::string &path);

/// Compiles each launch with its default configuration, executes it on an emulated GPU with random
/// operands, and prints a row as soon as it is done: a table, or a JSON object a line.
/// Source of all numbers: simulated.
Status printCounts(std::ostream &out, const std::vector<Launch> &launches,
                   const std::vector<std::string> &targets, int threads, bool json);

} // namespace zorse::bench
