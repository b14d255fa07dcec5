//===- Report.h - rows of results, as a table or as JSON --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "CompileTimes.h"
#include "Machine.h"
#include "Side.h"

#include <iosfwd>

namespace zorse::bench {

/// One side of one case.
struct Row {
  std::string side;
  std::string note; ///< the configuration, for our side
  Summary time;
  double gflops = 0, gbs = 0;
  /// Of the f32 multiply-add peak and of the read bandwidth of as many threads, in the same run.
  double ofFma = 0, ofRead = 0;
  /// Time of this side over the time of ours: above 1 we are faster. 0 without our side.
  double ratio = 0;
};

struct CaseResult {
  std::string suite, source;
  std::string sizes; ///< "num_heads=32 tokens=8 context=4096 …"
  int threads = 1;
  bool hot = false;
  std::vector<Row> rows;
  std::vector<std::string> absent; ///< sides that could not run, with the reason
};

/// Puts the summaries of the sides of a case into rows, ours (if any) first.
CaseResult makeResult(const Case &benchCase, const Setup &setup, const MachinePeaks &peaks,
                      const std::vector<std::unique_ptr<Side>> &sides,
                      const std::vector<Summary> &summaries, const std::string &note);

void printMachine(std::ostream &out, const std::string &line, const MachinePeaks &peaks);
void printCase(std::ostream &out, const CaseResult &result);
void printCompileTimes(std::ostream &out, const std::vector<CompileTime> &times);
/// One object with `schema_version`, `machine`, `results` and `compile`.
void printJson(std::ostream &out, const std::string &line, const MachinePeaks &peaks,
               const std::vector<CaseResult> &results, const std::vector<CompileTime> &times);

} // namespace zorse::bench
