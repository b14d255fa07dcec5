//===- CompileTimes.h - how long compile() takes ----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <map>
#include <string>
#include <vector>

namespace zorse::bench {

struct CompileTime {
  std::string kind, arch;
  double medianMs = 0;
  size_t codeBytes = 0;
  std::string error; ///< why there is no time
};

/// Compiles the example of every op kind for each target `repeats` times after one warm-up, on the
/// calling thread, with the default configuration. Kinds without a lowering for a target are left
/// out; a compilation that fails is a row with its error.
Result<std::vector<CompileTime>> measureCompileTimes(const std::vector<std::string> &targets,
                                                     int repeats);

/// The median over the op kinds, by target.
std::map<std::string, double> medianByTarget(const std::vector<CompileTime> &times);

} // namespace zorse::bench
