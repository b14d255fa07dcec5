//===- Counts.cpp - what a launch executed and moved ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Launch.h"

#include <algorithm>

namespace zorse::emulator {

namespace {

Traffic &operator+=(Traffic &to, const Traffic &from) {
  to.requested += from.requested;
  to.moved64 += from.moved64;
  to.moved128 += from.moved128;
  to.first64 += from.first64;
  to.first128 += from.first128;
  return to;
}

/// Waves of a SIMD that the registers and the LDS of a compute unit have room for.
Occupancy occupancyOf(const LaunchState &launch) {
  const TargetDesc &target = launch.target;
  const KernelDescriptor &kernel = launch.kernel.descriptor;
  int64_t threads = int64_t(launch.shape.block[0]) * launch.shape.block[1] * launch.shape.block[2];
  int64_t wavesOfGroup = (threads + waveSize - 1) / waveSize;
  Occupancy best{target.maxWavesPerSimd, "hardware"};
  auto limit = [&](int64_t waves, const char *by) {
    if (waves < best.wavesPerSimd)
      best = {static_cast<int>(waves), by};
  };
  limit(target.vgprsPerLane / std::max<int64_t>(1, kernel.allocatedVgprs()), "vgprs");
  limit(target.sgprsPerSimd / std::max<int64_t>(1, kernel.allocatedSgprs()), "sgprs");
  if (launch.ldsBytes > 0) {
    int64_t groups = target.ldsBytes / launch.ldsBytes;
    int64_t waves = groups * wavesOfGroup;
    limit(std::max<int64_t>(1, (waves + target.simdsPerCu - 1) / target.simdsPerCu), "lds");
  }
  return best;
}

} // namespace

Counts &Counts::operator+=(const Counts &other) {
  if (workgroups == 0) {
    ldsBytes = other.ldsBytes;
    occupancy = other.occupancy;
  }
  instructions += other.instructions;
  for (const auto &[key, value] : other.byClass)
    byClass[key] += value;
  for (const auto &[key, value] : other.byMnemonic)
    byMnemonic[key] += value;
  activeLanes += other.activeLanes;
  matrixFlopsIssued += other.matrixFlopsIssued;
  matrixFlopsUseful += other.matrixFlopsUseful;
  emulator::operator+=(loads, other.loads);
  emulator::operator+=(stores, other.stores);
  scalarBytes += other.scalarBytes;
  scratchBytes += other.scratchBytes;
  ldsReadBytes += other.ldsReadBytes;
  ldsWrittenBytes += other.ldsWrittenBytes;
  ldsConflictCycles += other.ldsConflictCycles;
  barriers += other.barriers;
  waves += other.waves;
  workgroups += other.workgroups;
  return *this;
}

Counts reportOf(const LaunchState &launch, std::span<const ThreadCounts *const> threads,
                uint64_t numWaves) {
  Counts counts;
  const std::vector<Instruction> &code = launch.image.program().instructions;
  for (size_t i = 0; i < code.size(); ++i) {
    uint64_t issued = 0, lanes = 0;
    for (const ThreadCounts *thread : threads) {
      issued += thread->hits[i].issued;
      lanes += thread->hits[i].activeLanes;
    }
    if (issued == 0)
      continue;
    counts.instructions += issued;
    counts.byClass[name(code[i].cls)] += issued;
    counts.byMnemonic[code[i].mnemonic] += issued;
    if (code[i].cls == InstructionClass::Valu)
      counts.activeLanes += lanes;
    if (code[i].cls == InstructionClass::Barrier)
      counts.barriers += issued;
  }
  for (const ThreadCounts *thread : threads) {
    counts.matrixFlopsIssued += thread->matrixFlopsIssued;
    counts.matrixFlopsUseful += thread->matrixFlopsUseful;
    counts.loads.requested += thread->loadRequested;
    counts.loads.moved64 += thread->loadMoved64;
    counts.loads.moved128 += thread->loadMoved128;
    counts.stores.requested += thread->storeRequested;
    counts.stores.moved64 += thread->storeMoved64;
    counts.stores.moved128 += thread->storeMoved128;
    counts.scalarBytes += thread->scalarBytes;
    counts.scratchBytes += thread->scratchBytes;
    counts.ldsReadBytes += thread->ldsReadBytes;
    counts.ldsWrittenBytes += thread->ldsWrittenBytes;
    counts.ldsConflictCycles += thread->ldsConflictCycles;
  }
  TrafficMeter::Totals first = launch.traffic.totals();
  counts.loads.first64 = first.load64;
  counts.loads.first128 = first.load128;
  counts.stores.first64 = first.store64;
  counts.stores.first128 = first.store128;
  counts.waves = numWaves;
  counts.workgroups = launch.numGroups();
  counts.ldsBytes = launch.ldsBytes;
  counts.occupancy = occupancyOf(launch);
  return counts;
}

} // namespace zorse::emulator
