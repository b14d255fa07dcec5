//===- HostileWorker.h - candidates that misbehave on request -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The program zorse_hostile_worker is a worker of a process laboratory whose "compiler"
// hands out ready kernels of swiglu, or does harm, by configuration. Which configuration
// does what stands in a script, one line each:
//
//   KIND CONFIG            such as: hang block_n=103
//
// A configuration without a line is good. A test may rewrite the script at any time. The
// kinds, by when they strike:
//
//   compile   hang      sleeps for ever
//             abort     llvm::report_fatal_error (without the compiler: the same text, abort)
//             memory    allocates until there is no more
//             crash     writes to address 0
//             fails     returns an error
//             spills    returns a kernel that spills
//             garbage   sends bytes that are no message, and sleeps
//             giant     announces a message of 2^60 bytes, and sleeps
//             lies      answers "ok" without code
//             closes    closes its socket, and sleeps
//             exits     exit(3)
//   trial     spin      a kernel that never ends
//             fault     a kernel that writes to address 0
//             nan       a kernel that writes a NaN
//             wrong     a kernel with one wrong element
//             slow      a right kernel that takes long
//
// Every compilation adds a line "PROCESS_ID KIND CONFIG" to the log.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "SwigluKernels.h"

#include "zorse/tuner/Laboratory.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace zorse::test {

inline Problem hostileProblem(int64_t tokens = 5) {
  return {swigluOp(tokens), must(findTarget("host"))};
}

/// Any number makes a configuration of its own; that no space has it does not matter here.
inline KernelConfig hostileConfig(int64_t number) {
  Problem problem = hostileProblem();
  return KernelConfig::fromValues(problem.op, problem.target, {number});
}

/// The script and the log of hostile workers, in files of their own.
class HostileScript {
public:
  HostileScript() {
    static int count;
    std::filesystem::path folder = std::filesystem::temp_directory_path();
    base = folder / ("zorse-hostile-" + std::to_string(getpid()) + "-" + std::to_string(count++));
    std::ofstream(base + ".script");
  }
  ~HostileScript() {
    std::filesystem::remove(base + ".script");
    std::filesystem::remove(base + ".log");
  }
  HostileScript(const HostileScript &) = delete;

  void add(std::string_view kind, const KernelConfig &config) {
    std::ofstream(base + ".script", std::ios::app) << kind << ' ' << config.text() << '\n';
  }
  void clear() { std::ofstream(base + ".script", std::ios::trunc); }

  /// For ProcessOptions::command. More arguments: --greeting garbage|old|none.
  std::vector<std::string> command(const std::vector<std::string> &more = {}) const {
    std::vector<std::string> result = {ZORSE_HOSTILE_WORKER, "--script", base + ".script", "--log",
                                       base + ".log"};
    result.insert(result.end(), more.begin(), more.end());
    return result;
  }

  struct Line {
    pid_t process = 0;
    std::string kind, config;
  };
  std::vector<Line> log() const {
    std::vector<Line> lines;
    std::ifstream stream(base + ".log");
    for (Line line; stream >> line.process >> line.kind >> line.config;)
      lines.push_back(line);
    return lines;
  }

private:
  std::string base;
};

} // namespace zorse::test
