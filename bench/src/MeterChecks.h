//===- MeterChecks.h - whether the tuner's times can be trusted -*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"
#include "zorse/device/Device.h"

#include <ostream>
#include <string>
#include <vector>

namespace zorse::bench {

/// The same kernel entered twice into the finals of the tuner, again and again.
struct SameTwice {
  std::string op, cache; ///< "hot" or "cold"
  int runs = 0, firstWins = 0;
  double medianUs = 0;   ///< of the first entry, median over the runs
  double medianGain = 0; ///< of |first / second - 1|
  double gain95 = 0;     ///< its 95th percentile
  int tied = 0;          ///< runs in which the intervals overlap, as they should
  double seconds = 0;    ///< of one run, mean
};

/// One kernel with its operands in the caches and in memory.
struct CacheTimes {
  std::string op;
  double megabytes = 0; ///< operands of one launch
  double hotUs = 0, coldUs = 0, hotGBs = 0, coldGBs = 0;
  std::string hotMethod, coldMethod;
};

/// Runs linear at one token, ssm_update and rmsnorm in default configurations through the direct
/// laboratory of the tuner, hot and cold, or those of them whose kinds are given. Errors: Usage if
/// none is left; of compiling or running.
Result<std::vector<SameTwice>> measureSameTwice(Device &device, int runs,
                                                const std::vector<std::string> &kinds);
Result<std::vector<CacheTimes>> measureCacheTimes(Device &device,
                                                  const std::vector<std::string> &kinds);

/// With the load average before and after, which must be near 0 for the times to mean much.
void printSameTwice(std::ostream &out, const std::vector<SameTwice> &rows,
                    const std::string &machine, bool json);
void printCacheTimes(std::ostream &out, const std::vector<CacheTimes> &rows,
                     const std::string &machine, bool json);

} // namespace zorse::bench
