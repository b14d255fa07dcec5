//===- CompileRate.h - candidates compiled a second -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace zorse::bench {

/// How fast one worker process of the tuner goes through the space of an op.
struct CompileRate {
  std::string kind, arch;
  int64_t space = 0, candidates = 0, ok = 0; ///< legal, compiled, of them usable
  double medianMs = 0, worstMs = 0;          ///< of one candidate, inside of the worker
  double wallPerSecond = 0;                  ///< candidates, messages and waiting included
  double cpuMs = 0; ///< mean CPU time of a candidate, its start-up included
};

/// The argument that makes zorse-bench a worker, and what it does then.
constexpr const char *workerFlag = "--worker";
int serveAsWorker();

/// Compiles up to `candidates` configurations, evenly over the space, of the example of every op
/// kind for each target, in one worker process that is started afresh for each of them.
Result<std::vector<CompileRate>> measureCompileRates(const std::vector<std::string> &targets,
                                                     int candidates);

void printCompileRates(std::ostream &out, const std::vector<CompileRate> &rates, bool asJson);

} // namespace zorse::bench
