//===- Meter.cpp - how a time is taken -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "measure/Meter.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>

namespace zorse::tuner {

namespace {
constexpr int64_t maxCopies = 16, maxLaunches = 2000;
using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration elapsed) {
  return std::chrono::duration<double, std::micro>(elapsed).count();
}
} // namespace

Result<Meter> Meter::create(Device &device, const OpDesc &op, const MeasureOptions &options,
                            uint64_t seed) {
  Sizes sizes = consistentSizes(op, {});
  Result<OperandSet> pristine = OperandSet::create(op, sizes);
  if (!pristine)
    return pristine.takeError();
  if (Status status = fillOperands(op, sizes, seed, pristine->pointers(), Lengths::Full); !status)
    return status.takeError();
  Result<int64_t> bytes = op.operandBytes(sizes);
  if (!bytes)
    return bytes.takeError();
  Result<int64_t> flops = op.spec().flops.evaluate(op.scope(sizes));
  if (!flops)
    return flops.takeError();

  Meter meter(device, options, pristine.take());
  meter.bytes = double(*bytes);
  meter.flops = double(*flops);
  int64_t wanted = options.rotateBytes / std::max<int64_t>(*bytes, 1) + 1;
  int64_t copies = options.rotateBytes > 0 ? std::min(maxCopies, wanted) : 1;
  for (int64_t i = 0; i < copies; ++i) {
    Result<DeviceOperands> copy = DeviceOperands::create(device, op, sizes);
    if (!copy)
      return copy.takeError();
    if (Status status = copy->upload(device, meter.pristine); !status)
      return status.takeError();
    meter.copies.push_back(copy.take());
  }
  for (const OperandSpec *operand : op.operands())
    meter.inPlace |= operand->role == OperandSpec::Role::InOut;
  return meter;
}

Result<Contender> Meter::prepare(std::unique_ptr<Module> module) {
  Contender contender;
  contender.module = std::move(module);
  for (DeviceOperands &copy : copies) {
    Result<Binding> binding = copy.bind(*device, contender.module->object());
    if (!binding)
      return binding.takeError();
    contender.bindings.push_back(binding.take());
  }
  const Sizes &sizes = copies[0].sizes();
  if (Status status = device->launch(*contender.module, contender.bindings[0].slots, sizes);
      !status)
    return status.takeError();
  if (Status status = device->synchronize(); !status)
    return status.takeError();
  // Enough launches for a sample, from the faster of two; one will do where a launch is a sample.
  double fastest = 0, sampleUs = options.sampleSeconds * 1e6;
  for (int i = 0; i < 2 && (i == 0 || fastest < 5 * sampleUs); ++i) {
    Clock::time_point start = Clock::now();
    size_t copy = size_t(i) % copies.size();
    if (Status status = device->launch(*contender.module, contender.bindings[copy].slots, sizes);
        !status)
      return status.takeError();
    if (Status status = device->synchronize(); !status)
      return status.takeError();
    double elapsed = std::max(0.05, microseconds(Clock::now() - start));
    fastest = i ? std::min(fastest, elapsed) : elapsed;
  }
  contender.launches = std::clamp<int64_t>(std::llround(sampleUs / fastest), 1, maxLaunches);
  return contender;
}

Status Meter::sample(Contender &contender) {
  if (inPlace)
    for (DeviceOperands &copy : copies)
      if (Status status = copy.restore(*device, pristine); !status)
        return status;
  const Sizes &sizes = copies[0].sizes();
  size_t copy = contender.samples.size() % copies.size();
  if (Status status = device->synchronize(); !status) // the restored operands
    return status;
  Clock::time_point start = Clock::now();
  for (int64_t i = 0; i < contender.launches; ++i) {
    if (Status status = device->launch(*contender.module, contender.bindings[copy].slots, sizes);
        !status)
      return status;
    copy = copy + 1 == copies.size() ? 0 : copy + 1;
  }
  if (Status status = device->synchronize(); !status)
    return status;
  contender.samples.push_back(microseconds(Clock::now() - start) / double(contender.launches));
  return Status::success();
}

Status Meter::screen(Contender &contender, int64_t count, double hopelessUs) {
  while (int64_t(contender.samples.size()) < count) {
    if (Status status = sample(contender); !status)
      return status;
    double least = *std::min_element(contender.samples.begin(), contender.samples.end());
    bool hopeless = contender.samples.size() == 3 ? least > hopelessUs : least > 2 * hopelessUs;
    if (hopelessUs > 0 && hopeless)
      break;
  }
  return Status::success();
}

Status Meter::rounds(std::vector<Contender> &contenders, int64_t count,
                     const std::atomic<bool> *stop) {
  for (Contender &contender : contenders)
    contender.samples.clear();
  for (int64_t round = 0; round < count; ++round) {
    if (round > 0 && stop && *stop)
      break;
    // Another one begins each round: whoever follows a heavy kernel finds the caches worse.
    for (size_t i = 0; i < contenders.size(); ++i)
      if (Status status = sample(contenders[(i + size_t(round)) % contenders.size()]); !status)
        return status;
  }
  return Status::success();
}

Measurement Meter::measurement(const Contender &contender, std::string_view how) const {
  Summary summary = summarise(contender.samples);
  Measurement result;
  result.source = Source::Measured;
  result.device = device->description();
  result.method = fmt::format(
      "median of {} {}, {} launches each, {}", summary.samples, how, contender.launches,
      copies.size() > 1 ? fmt::format("rotating over {} copies", copies.size()) : "one copy");
  result.medianUs = summary.median;
  result.lowUs = summary.low;
  result.highUs = summary.high;
  result.samples = summary.samples;
  result.flops = flops;
  result.bytes = bytes;
  return result;
}

} // namespace zorse::tuner
