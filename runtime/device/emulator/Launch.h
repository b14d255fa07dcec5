//===- Launch.h - one kernel over its grid ----------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Wave.h"
#include "load/LoadedImage.h"
#include "memory/AddressSpace.h"

#include <atomic>
#include <mutex>

namespace zorse::emulator {

/// What all workgroups of a launch share.
struct LaunchState {
  const TargetDesc &target;
  const MachineOptions &options;
  const LoadedImage &image;
  const LoadedKernel &kernel;
  LaunchShape shape;
  std::array<uint32_t, 3> groups = {1, 1, 1};
  uint32_t ldsBytes = 0;
  uint64_t kernargAddress = 0, packetAddress = 0;
  std::span<const uint8_t> kernarg;
  AddressSpace &memory;
  TrafficMeter &traffic;

  uint64_t numGroups() const { return uint64_t(groups[0]) * groups[1] * groups[2]; }
  uint32_t threadsOf(const std::array<uint32_t, 3> &group, int dimension) const {
    uint32_t first = group[dimension] * shape.block[dimension];
    return std::min(shape.block[dimension], shape.grid[dimension] - first);
  }
};

/// Runs workgroups one after another on one host thread.
class GroupRunner {
public:
  explicit GroupRunner(const LaunchState &launch);
  ~GroupRunner();
  /// Runs one workgroup; false after a fault, which `fault()` tells with kernel, PC and wave.
  bool run(uint64_t groupIndex);
  const std::string &fault() const { return message; }
  const ThreadCounts &counts() const { return tally; }
  uint64_t wavesRun() const { return numWavesRun; }

private:
  void startWave(Wave &wave, uint32_t index, uint32_t firstThread, uint32_t numThreads);
  void runWave(Wave &wave);
  void describeFault(const Wave &wave);

  const LaunchState &launch;
  Workgroup group;
  std::array<uint32_t, 3> groupBlock = {1, 1, 1}; ///< work-items of this group; smaller at edges
  std::unique_ptr<Wave[]> waves;
  std::vector<uint8_t> scratch;
  std::unique_ptr<Checker> checker;
  ThreadCounts tally;
  uint32_t maxWaves = 0;
  uint32_t faultAt = 0; ///< instruction index
  uint64_t numWavesRun = 0;
  std::string message;
};

/// Counts of the threads as one report.
Counts reportOf(const LaunchState &launch, std::span<const ThreadCounts *const> threads,
                uint64_t numWaves);

} // namespace zorse::emulator
