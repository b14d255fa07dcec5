//===- Predict.cpp - how long a configuration will take ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hosts by HostWork.h. GPUs by the roofline of Model.h, with guesses for what only the
// compiler knows:
//
//   resident  workgroups that LDS holds: how often its size divides before the constraints
//             of the spec break
//   padding   of each axis of the grid
//   reread    blocks of rows that read the weight again, half of them from the cache
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Predict.h"
#include "model/HostWork.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace zorse {

using namespace tuner;

namespace {

constexpr double never = std::numeric_limits<double>::infinity();

/// Useful work of one launch.
struct Useful {
  double flops = 0, bytes = 0;
};

Useful usefulOf(const OpDesc &op) {
  Result<int64_t> flops = op.spec().flops.evaluate(op.scope(op.tuningPoint()));
  Result<int64_t> bytes = op.operandBytes(op.tuningPoint());
  return {flops ? double(*flops) : 0, bytes ? double(*bytes) : 0};
}

double hostUs(const Problem &problem, const KernelConfig &config, const Useful &useful) {
  const HostRates rates;
  HostWork work = hostWorkOf(problem.op, problem.target, config);
  int64_t groups = std::max<int64_t>(1, groupsOf(gridOf(problem.op, config)));
  int64_t threads = std::max(1, problem.target.computeUnits);
  double compute =
      double(groups) * work.nanoseconds(rates) * tailOf(groups, threads) / double(threads) * 1e-3;
  double reading = std::min(double(threads) * rates.readGBs, rates.readGBsMost) * 1e3;
  double memory = useful.bytes / (reading * work.memoryShare);
  double joining = work.joined * rates.joinPart * 1e-3 / double(threads);
  return double(work.kernels) * rates.launchUs + memory + compute + joining;
}

/// Workgroups that LDS can hold beside one another, up to 8.
int64_t residentByLds(const Problem &problem, const KernelConfig &config) {
  TargetDesc part = problem.target;
  int64_t resident = 1;
  for (int64_t count : {2, 4, 8}) {
    part.ldsBytes = problem.target.ldsBytes / count;
    if (!config.check(problem.op, part))
      break;
    resident = count;
  }
  return resident;
}

double gpuUs(const Problem &problem, const KernelConfig &config, const Useful &useful) {
  constexpr double launchUs = 5, wavesForBandwidth = 8, cachedReread = 0.5;
  const TargetDesc &target = problem.target;
  if (target.peakGBs <= 0 || target.peakTflopsF32 <= 0 || target.computeUnits <= 0)
    return never;
  std::vector<GridAxis> grid = gridOf(problem.op, config);
  double groups = double(std::max<int64_t>(1, groupsOf(grid))), units = target.computeUnits;
  double padding = 1;
  for (const GridAxis &axis : grid)
    padding *= axis.padding();
  double waves = config.has("waves") ? double(config.get("waves")) : 1;
  double most = double(target.maxWavesPerSimd) * target.simdsPerCu;
  double resident =
      std::clamp(std::floor(most / waves), 1.0, double(residentByLds(problem, config)));
  resident = std::min(resident, std::max(1.0, std::ceil(groups / units)));
  double slots = units * resident, active = std::min(1.0, groups / units);
  double tail = groups > slots ? std::ceil(groups / slots) * slots / groups : 1;
  double perSimd = resident * waves / std::max(1, target.simdsPerCu);
  double hide = perSimd / (perSimd + 1);
  double busy = std::min(1.0, std::min(groups, slots) * waves / (wavesForBandwidth * units));

  bool matrix = config.has("block_m") || config.has("block_h") || config.has("chunk");
  double peak =
      (matrix && target.peakTflopsMatrix16 > 0 ? target.peakTflopsMatrix16 : target.peakTflopsF32) *
      1e6;
  double traffic = useful.bytes;
  if (problem.op.kind() == "linear") {
    double rowBlocks =
        std::ceil(double(problem.op.tuningPoint().at("tokens")) / double(config.get("block_m")));
    traffic += (rowBlocks - 1) * cachedReread * double(problem.op.get("in_features")) *
               double(problem.op.get("out_features")) *
               double(byteWidth(problem.op.getDType("weight_dtype")));
  }
  int64_t kernels = config.has("kv_splits") && config.get("kv_splits") > 1     ? 2
                    : config.has("seq_splits") && config.get("seq_splits") > 1 ? 3
                                                                               : 1;
  double compute = useful.flops * padding / (peak * active * hide);
  double memory = traffic / (target.peakGBs * 1e3 * busy);
  return launchUs * double(kernels) + std::max(compute, memory) * tail;
}

double timeOf(const Problem &problem, const KernelConfig &config, const Useful &useful) {
  return problem.target.isHost() ? hostUs(problem, config, useful) : gpuUs(problem, config, useful);
}

} // namespace

double predictUs(const Problem &problem, const KernelConfig &config) {
  return timeOf(problem, config, usefulOf(problem.op));
}

double predictUs(const Problem &problem) {
  Result<KernelConfig> defaults = KernelConfig::defaults(problem.op, problem.target);
  return defaults ? predictUs(problem, *defaults) : never;
}

std::vector<double> predictTimes(const Problem &problem, const Space &space) {
  Useful useful = usefulOf(problem.op);
  std::vector<double> times(space.size());
  for (size_t i = 0; i < space.size(); ++i)
    times[i] = timeOf(problem, space[i], useful);
  return times;
}

} // namespace zorse
