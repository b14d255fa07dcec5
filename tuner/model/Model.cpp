//===- Model.cpp - an estimate where there is no device -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "model/Model.h"
#include "model/HostWork.h"
#include "zorse/tuner/Predict.h"

#include "zorse/reference/Fill.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace zorse::tuner {

namespace {

constexpr double launchUs = 5;

int64_t wavesOf(const KernelInfo &kernel, const TargetDesc &target) {
  int64_t threads = kernel.block[0] * kernel.block[1] * kernel.block[2];
  return std::max<int64_t>(1, (threads + target.waveSize - 1) / target.waveSize);
}

Result<int64_t> groupsAt(const KernelInfo &kernel, const Sizes &sizes) {
  ExprScope scope;
  for (const auto &[name, value] : sizes)
    scope[name] = value;
  int64_t groups = 1;
  for (const Expr &formula : kernel.grid) {
    Result<int64_t> extent = formula.evaluate(scope);
    if (!extent)
      return extent.takeError();
    groups *= std::max<int64_t>(*extent, 0);
  }
  return groups;
}

/// Work of the grid over useful work, at least 1.
Result<double> paddingOf(const KernelInfo &kernel, const Sizes &sizes) {
  constexpr int64_t many = 64;
  Result<int64_t> groups = groupsAt(kernel, sizes);
  if (!groups)
    return groups.takeError();
  double padding = 1;
  for (const auto &[name, value] : sizes) {
    Sizes larger = sizes;
    larger[name] = many * value;
    Result<int64_t> more = groupsAt(kernel, larger);
    if (!more)
      return more.takeError();
    if (*more > *groups) // the grid depends on this size
      padding *= std::max(1.0, double(many) * double(*groups) / double(*more));
  }
  return padding;
}

struct Issue {
  double useful = 1;
  bool matrix = false;
};

/// The share of the issue slots that do useful arithmetic; class names as in CodeObject.h.
Issue issueOf(const std::map<std::string, int64_t> &mix) {
  double matrix = 0, vector = 0, other = 0;
  for (const auto &[name, count] : mix) {
    if (name == "mfma" || name == "wmma")
      matrix += 8 * double(count);
    else if (name == "valu")
      vector += double(count);
    else if (name == "salu" || name == "branch" || name == "smem" || name == "wait")
      other += 0.25 * double(count);
    else
      other += 4 * double(count);
  }
  double all = matrix + vector + other;
  if (all == 0)
    return {};
  return {(matrix > 0 ? matrix : std::max(vector, 1.0)) / all, matrix > 0};
}

/// Operand bytes, and what the kernels hand to one another, written and read.
Result<double> trafficOf(const CodeObject &object, const Sizes &sizes, int64_t operandBytes) {
  ExprScope scope;
  for (const auto &[name, value] : sizes)
    scope[name] = value;
  double traffic = double(operandBytes);
  for (const WorkspaceInfo &workspace : object.workspaces) {
    Result<int64_t> extra = workspace.bytes.evaluate(scope);
    if (!extra)
      return extra.takeError();
    traffic += 2 * double(*extra);
  }
  return traffic;
}

/// The kernel that does the work, which has the name of the op; others prepare for it or join its
/// parts.
const KernelInfo &mainKernel(const OpDesc &op, const CodeObject &object) {
  for (const KernelInfo &kernel : object.kernels)
    if (kernel.symbol == "zorse_" + op.kind())
      return kernel;
  return object.kernels.front();
}

} // namespace

Result<Measurement> estimateOnHost(const OpDesc &op, const TargetDesc &target,
                                   const CodeObject &object, const HostPeaks &peaks) {
  if (object.kernels.empty())
    return usageError("the model needs at least one kernel, the code object has none");
  Result<KernelConfig> config = KernelConfig::parse(object.configText, op, target);
  if (!config)
    return config.takeError();
  Sizes sizes = consistentSizes(op, {});
  Result<int64_t> flops = op.spec().flops.evaluate(op.scope(sizes));
  if (!flops)
    return flops.takeError();
  Result<int64_t> bytes = op.operandBytes(sizes);
  if (!bytes)
    return bytes.takeError();
  Result<double> traffic = trafficOf(object, sizes, *bytes);
  if (!traffic)
    return traffic.takeError();
  Result<int64_t> counted = groupsAt(mainKernel(op, object), sizes);
  if (!counted)
    return counted.takeError();

  const HostRates rates;
  double groups = double(std::max<int64_t>(1, *counted)), threads = peaks.threads;
  double slower = HostPeaks::nominal(target).fmaGflops1 / peaks.fmaGflops1;
  HostWork work = hostWorkOf(op, target, *config);
  double instructions = 0;
  for (const auto &[name, count] : object.instructionMix)
    instructions += double(count);
  double group = work.nanoseconds(rates) * slower;
  double issued = instructions * rates.instruction * slower;
  double share = tailOf(int64_t(groups), peaks.threads) / threads * 1e-3;
  double compute = groups * std::max(group, issued) * share;
  compute += work.joined * rates.joinPart * slower / threads * 1e-3;
  // One workgroup reads no faster than one thread.
  double reading = std::min(peaks.readGBs, peaks.readGBs1 * std::min(groups, threads)) * 1e3;
  double memory = *traffic / (reading * work.memoryShare);

  Measurement result;
  result.source = Source::Model;
  result.device = fmt::format("model of {}, {} threads", target.arch, peaks.threads);
  result.method = fmt::format(
      "{:.0f} % memory, {} workgroups, {}; {}", 100 * memory / (memory + compute), *counted,
      issued > group ? "by counted instructions" : "by counted work", peaks.source);
  result.medianUs = rates.launchUs * double(object.kernels.size()) + memory + compute;
  result.lowUs = result.highUs = result.medianUs;
  result.flops = double(*flops);
  result.bytes = double(*bytes);
  return result;
}

Result<Occupancy> occupancyOf(const KernelInfo &kernel, const TargetDesc &target,
                              const Sizes &sizes) {
  Result<int64_t> groups = groupsAt(kernel, sizes);
  if (!groups)
    return groups.takeError();
  Occupancy result;
  result.groups = *groups;

  int64_t waves = wavesOf(kernel, target), wanted = target.maxWavesPerSimd * target.simdsPerCu;
  int64_t registers =
      std::max<int64_t>(1, (kernel.resources.vgprs + kernel.resources.agprs + 7) / 8 * 8);
  int64_t byRegisters = std::min<int64_t>(target.maxWavesPerSimd, target.vgprsPerLane / registers) *
                        target.simdsPerCu;
  int64_t byLds =
      kernel.resources.ldsBytes > 0 ? target.ldsBytes / kernel.resources.ldsBytes * waves : wanted;
  if (byRegisters < waves || byLds < waves)
    return usageError(fmt::format(
        "kernel '{}' does not fit a compute unit of {}: {} waves of {} registers and {} bytes of "
        "LDS; it has {} registers a lane and {} bytes of LDS",
        kernel.symbol, target.arch, waves, registers, kernel.resources.ldsBytes,
        target.vgprsPerLane, target.ldsBytes));
  int64_t resident = std::min({wanted, byRegisters, byLds});
  result.limitedBy = resident == wanted ? "hardware" : resident == byLds ? "lds" : "registers";
  result.groupsPerCu = std::max<int64_t>(1, resident / waves);
  int64_t spread = (result.groups + target.computeUnits - 1) / std::max(1, target.computeUnits);
  if (spread < result.groupsPerCu) {
    result.groupsPerCu = std::max<int64_t>(1, spread);
    result.limitedBy = "grid";
  }
  result.wavesPerSimd = double(result.groupsPerCu * waves) / std::max(1, target.simdsPerCu);
  return result;
}

Result<Measurement> estimate(const OpDesc &op, const TargetDesc &target, const CodeObject &object) {
  if (target.isHost())
    return estimateOnHost(op, target, object, probeHost());
  if (target.computeUnits <= 0 || target.peakGBs <= 0 || target.peakTflopsF32 <= 0)
    return usageError(fmt::format("the model needs the peaks of a GPU, {} has none", target.arch));
  if (object.kernels.empty())
    return usageError("the model needs at least one kernel, the code object has none");
  Sizes sizes = consistentSizes(op, {});
  Result<int64_t> flops = op.spec().flops.evaluate(op.scope(sizes));
  if (!flops)
    return flops.takeError();
  Result<int64_t> bytes = op.operandBytes(sizes);
  if (!bytes)
    return bytes.takeError();

  Result<double> between = trafficOf(object, sizes, *bytes);
  if (!between)
    return between.takeError();
  double traffic = *between;

  const KernelInfo &main = mainKernel(op, object);
  Result<Occupancy> occupancy = occupancyOf(main, target, sizes);
  if (!occupancy)
    return occupancy.takeError();
  Result<double> padding = paddingOf(main, sizes);
  if (!padding)
    return padding.takeError();
  int64_t waves = wavesOf(main, target);
  traffic +=
      double(main.resources.scratchBytes) * 2 * double(occupancy->groups * waves * target.waveSize);

  double units = target.computeUnits, groups = double(std::max<int64_t>(1, occupancy->groups));
  double active = std::min(1.0, groups / units);
  double slots = units * double(occupancy->groupsPerCu);
  double tail = groups > slots ? std::ceil(groups / slots) * slots / groups : 1;
  double hide = occupancy->wavesPerSimd / (occupancy->wavesPerSimd + 1);
  Issue issue = issueOf(object.instructionMix);
  double peak = (issue.matrix && target.peakTflopsMatrix16 > 0 ? target.peakTflopsMatrix16
                                                               : target.peakTflopsF32) *
                1e6; // flops per microsecond
  double residentWaves = std::min(groups, slots) * double(waves);
  double busy = std::min(1.0, residentWaves / (8 * units));

  double compute = double(*flops) * *padding / (peak * active * issue.useful * hide);
  double memory = traffic / (target.peakGBs * 1e3 * busy);
  Measurement result;
  result.source = Source::Model;
  result.device = fmt::format("model of {}", target.arch);
  result.method =
      fmt::format("{} bound, {:.1f} waves a SIMD limited by {}, {:.0f} % of the issue slots useful",
                  compute > memory ? "compute" : "memory", occupancy->wavesPerSimd,
                  occupancy->limitedBy, 100 * issue.useful);
  result.medianUs = launchUs * double(object.kernels.size()) + std::max(compute, memory) * tail;
  result.lowUs = result.highUs = result.medianUs;
  result.flops = double(*flops);
  result.bytes = double(*bytes);
  return result;
}

} // namespace zorse::tuner

namespace zorse {

Result<Measurement> estimateCompiled(const Problem &problem, const CodeObject &code) {
  return tuner::estimate(problem.op, problem.target, code);
}

} // namespace zorse
