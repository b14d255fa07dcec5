//===- Environment.h - under which conditions a time was taken -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace zorse::tuner {

/// The processors' time since they started, in ticks of /proc/stat.
struct CpuTimes {
  int64_t total = 0, steal = 0;
};

/// What could be read of the machine; the rest is absent.
struct Environment {
  std::optional<double> clockMhz;   ///< mean over the processors, now
  std::optional<double> load;       ///< average of the last minute
  std::optional<double> celsius;    ///< of the hottest sensor
  std::optional<double> stealShare; ///< of all processor time, taken by other guests of the host
};

/// Reads the files of Linux under `root` ("" for this machine, a folder for a test).
Environment readEnvironment(const CpuTimes &since, const std::string &root = "");
CpuTimes readCpuTimes(const std::string &root = "");

/// Of the outermost cache of the first processor; 0 if nobody tells.
int64_t readLastLevelCacheBytes(const std::string &root = "");

} // namespace zorse::tuner
