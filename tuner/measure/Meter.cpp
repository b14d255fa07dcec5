//===- Meter.cpp - how a time is taken -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "measure/Meter.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <sys/resource.h>

namespace zorse::tuner {

namespace {
constexpr int64_t maxLaunches = 2000, maxStretches = 64;
/// Where no machine tells: 256 MB of Infinity Cache is the most that these GPUs have.
constexpr int64_t largestCache = int64_t(256) << 20;
/// A contender is clearly beaten if it is slower by more than this beside the intervals.
constexpr double beatenMargin = 1.05;
/// Below so many rounds there is no interval to speak of, whatever the budget.
constexpr int64_t leastRounds = 3;
/// Rounds over which the state of the machine counts as one.
constexpr size_t stateRounds = 61;

int64_t lastLevelCache(const TargetDesc &target) {
  int64_t bytes = target.isHost() ? readLastLevelCacheBytes() : largestCache;
  return bytes > 0 ? bytes : largestCache;
}

/// Of a stretch that other programs interrupt.
constexpr int mostAttempts = 4;

/// How often threads of this process had to leave a processor against their will so far.
int64_t interruptions() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

double rounded(double value, double unit) { return std::round(value / unit) * unit; }
} // namespace

Result<Meter> Meter::create(Device &device, const OpDesc &op, const MeasureOptions &options,
                            uint64_t seed, int64_t lastLevelCacheBytes) {
  if (!device.timesAreReal())
    return Error{ErrorCode::Device,
                 fmt::format("{} executes code for {} but not in its time, so nothing can be "
                             "measured on it; verify there, and rank by the model",
                             device.description(), device.target().arch)};
  Sizes sizes = consistentSizes(op, {});
  Result<int64_t> bytes = op.operandBytes(sizes);
  if (!bytes)
    return bytes.takeError();
  Result<int64_t> flops = op.spec().flops.evaluate(op.scope(sizes));
  if (!flops)
    return flops.takeError();
  if (lastLevelCacheBytes <= 0)
    lastLevelCacheBytes = lastLevelCache(device.target());
  // One more than twice the cache, so that the one that is used next is never among the last ones.
  bool cold = options.cache == CacheState::Cold;
  Result<OperandCopies> operands =
      OperandCopies::create(device, op, sizes, seed, cold ? 2 * lastLevelCacheBytes + 1 : 0);
  if (!operands)
    return operands.takeError();

  Meter meter(device, options, operands.take());
  meter.bytes = double(*bytes);
  meter.flops = double(*flops);
  // Restoring a state leaves it in the caches, however many copies there are.
  meter.flushes = cold && (meter.operands.inPlace() ||
                           meter.operands.rotatingBytes() <= 2 * lastLevelCacheBytes);
  if (meter.flushes) {
    size_t size = size_t(2 * lastLevelCacheBytes);
    meter.flushFrom.assign(std::min(size, size_t(1) << 20), 1);
    Result<std::unique_ptr<Buffer>> buffer = device.allocate(size);
    if (!buffer)
      return buffer.takeError();
    meter.flushTo = buffer.take();
  }
  if (Status status = meter.measureOverhead(); !status)
    return status.takeError();
  meter.begun = readCpuTimes();
  return meter;
}

Status Meter::measureOverhead() {
  std::vector<double> pauses;
  for (int i = 0; i < 21; ++i) {
    if (Status status = device->synchronize(); !status)
      return status;
    Result<std::unique_ptr<Event>> from = device->record(), to = device->record();
    if (!from || !to)
      return from ? to.takeError() : from.takeError();
    Result<double> seconds = device->seconds(**from, **to);
    if (!seconds)
      return seconds.takeError();
    pauses.push_back(*seconds * 1e6);
  }
  overheadUs = summarise(std::move(pauses)).median;
  return Status::success();
}

Status Meter::flushCaches() {
  // Piece by piece: copies that are longer than a cache go around it.
  for (size_t offset = 0; offset < flushTo->size(); offset += flushFrom.size()) {
    size_t bytes = std::min(flushFrom.size(), flushTo->size() - offset);
    if (Status status = device->upload(*flushTo, offset, std::span(flushFrom).first(bytes));
        !status)
      return status;
  }
  return Status::success();
}

/// Microseconds of all launches together.
Result<double> Meter::stretch(Contender &contender, int64_t launches, bool flush) {
  if (Status status = operands.restore(nextCopy, launches); !status)
    return status.takeError();
  if (flush)
    if (Status status = flushCaches(); !status)
      return status.takeError();
  if (Status status = device->synchronize(); !status)
    return status.takeError();
  Result<std::unique_ptr<Event>> from = device->record();
  if (!from)
    return from.takeError();
  for (int64_t i = 0; i < launches; ++i) {
    if (Status status = device->launch(*contender.module, operands.slots(contender.row, nextCopy),
                                       operands.sizes());
        !status)
      return status.takeError();
    nextCopy = nextCopy + 1 == operands.count() ? 0 : nextCopy + 1;
  }
  Result<std::unique_ptr<Event>> to = device->record();
  if (!to)
    return to.takeError();
  if (Status status = device->synchronize(); !status) // a fault of the kernel
    return status.takeError();
  Result<double> seconds = device->seconds(**from, **to);
  if (!seconds)
    return seconds.takeError();
  double us = *seconds * 1e6;
  // Where it is less than noise, a correction only adds its own.
  if (overheadUs > 0.01 * us)
    us = std::max(us - overheadUs, 0.1 * us);
  return std::max(us, 1e-3);
}

Result<Contender> Meter::prepare(std::unique_ptr<Module> module) {
  Contender contender;
  contender.module = std::move(module);
  Result<LaunchRow> row = operands.bind(contender.module->object());
  if (!row)
    return row.takeError();
  contender.row = row.take();

  // Code, pages, thread pool and clocks are warm when times stop falling. One launch will do where
  // that is many samples' worth.
  double sampleUs = options.sampleSeconds * 1e6;
  double fastest = std::numeric_limits<double>::infinity(), sum = 0;
  for (int launched = 0, still = 0; launched < 50 && still < 3; ++launched) {
    Result<double> us = stretch(contender, 1, false);
    if (!us)
      return us.takeError();
    still = *us < 0.98 * fastest ? 0 : still + 1;
    fastest = std::min(fastest, *us);
    if ((sum += *us) > 20 * sampleUs)
      break;
  }
  if (flushes) {
    Result<double> us = stretch(contender, 1, true);
    if (!us)
      return us.takeError();
    fastest = *us;
  }
  int64_t wanted = std::clamp<int64_t>(std::llround(sampleUs / fastest), 1, maxLaunches);
  // No copy of a state is updated twice, and where one flush must do, only the first launch on a
  // copy is cold.
  int64_t atOnce = operands.inPlace() || flushes ? operands.count() : maxLaunches;
  contender.launches = std::min(wanted, atOnce);
  contender.stretches = std::min((wanted + contender.launches - 1) / contender.launches,
                                 flushes ? int64_t(1) : maxStretches);
  return contender;
}

Status Meter::sample(Contender &contender) {
  double sum = 0;
  for (int64_t i = 0; i < contender.stretches; ++i) {
    // A stretch during which a processor was taken away says more of other programs than of the
    // kernel. Where that happens again and again it stays, for then it is how the machine is.
    for (int attempt = 0; attempt < mostAttempts; ++attempt) {
      int64_t before = interruptions();
      Result<double> us = stretch(contender, contender.launches, flushes);
      if (!us)
        return us.takeError();
      bool interrupted = device->target().isHost() && interruptions() != before;
      repeats += interrupted;
      if (interrupted && attempt + 1 < mostAttempts)
        continue;
      sum += *us;
      break;
    }
  }
  contender.samples.push_back(sum / double(contender.stretches * contender.launches));
  return Status::success();
}

Status Meter::screen(Contender &contender, double hopelessUs) {
  begun = readCpuTimes();
  repeats = 0;
  drift.reset();
  contender.samples.clear();
  while (int64_t(contender.samples.size()) < std::max<int64_t>(options.screenSamples, 1)) {
    if (Status status = sample(contender); !status)
      return status;
    double least = *std::min_element(contender.samples.begin(), contender.samples.end());
    bool hopeless = contender.samples.size() == 3 ? least > hopelessUs : least > 2 * hopelessUs;
    if (hopelessUs > 0 && hopeless)
      break;
  }
  contender.time = summarise(contender.samples);
  return Status::success();
}

namespace {

double medianOf(std::vector<double> &values) {
  auto middle = values.begin() + ptrdiff_t(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The samples of contender `which`, without what went up and down for all over many rounds: each
/// divided by the median of all relative times in the rounds around it.
std::vector<double> withoutDrift(const std::vector<Contender> &contenders, size_t which) {
  std::vector<double> medians, around, result = contenders[which].samples;
  for (const Contender &each : contenders) {
    std::vector<double> copy = each.samples;
    medians.push_back(medianOf(copy));
  }
  // Fewer than two such stretches are no trend.
  size_t rounds = result.size();
  if (rounds < 2 * stateRounds)
    return result;
  for (size_t round = 0; round < rounds; ++round) {
    around.clear();
    size_t from = round - std::min(round, stateRounds / 2);
    size_t to = std::min(rounds, round + stateRounds / 2 + 1);
    for (size_t i = 0; i < contenders.size(); ++i)
      if (contenders[i].samples.size() == rounds) // a median of all the rounds, not of the first
        for (size_t r = from; r < to; ++r)
          // What a sample is divided by must not follow it, or the noise would seem less.
          if (i != which || r != round)
            around.push_back(contenders[i].samples[r] / medians[i]);
    result[round] /= medianOf(around);
  }
  return result;
}

} // namespace

/// Fills in Contender::time. One contender is the base: its time is the median of its samples, with
/// the interval of its samples without drift. Another's time is the base's median times their
/// ratio.
void Meter::compare(std::vector<Contender> &contenders) const {
  size_t most = 0, base = 0;
  for (const Contender &each : contenders)
    most = std::max(most, each.samples.size());
  for (Contender &each : contenders)
    each.time = summarise(each.samples);
  // Who left early knows only the beginning.
  double fastest = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < contenders.size(); ++i)
    if (contenders[i].samples.size() == most && contenders[i].time.median < fastest) {
      fastest = contenders[i].time.median;
      base = i;
    }
  Summary steady = summarise(withoutDrift(contenders, base));
  Summary &level = contenders[base].time;
  level.low = level.median * (steady.low / steady.median);
  level.high = level.median * (steady.high / steady.median);
  for (size_t i = 0; i < contenders.size(); ++i) {
    if (i == base)
      continue;
    Summary ratio = pairedRatio(contenders[i].samples, contenders[base].samples);
    contenders[i].time = {level.median * ratio.median, level.median * ratio.low,
                          level.median * ratio.high, ratio.samples};
  }
}

/// Sends the beaten away and tells whether all others are known well enough.
bool Meter::settled(std::vector<Contender> &contenders) const {
  compare(contenders);
  const Summary leader =
      std::min_element(contenders.begin(), contenders.end(), [](const auto &a, const auto &b) {
        return a.time.median < b.time.median;
      })->time;
  bool enough = true;
  for (Contender &each : contenders) {
    const Summary &time = each.time;
    each.beaten |= time.low > beatenMargin * leader.high;
    enough &= !tied(time, leader) || (time.high - time.low) <= options.precision * time.median;
  }
  return enough;
}

Status Meter::rounds(std::vector<Contender> &contenders, const std::atomic<bool> *stop) {
  begun = readCpuTimes();
  repeats = 0;
  drift.reset();
  for (Contender &contender : contenders) {
    contender.samples.clear();
    contender.beaten = false;
  }
  Result<std::unique_ptr<Event>> start = device->record();
  if (!start)
    return start.takeError();
  size_t n = contenders.size();
  int64_t nextLook = options.minSamples;
  for (int64_t round = 0; n > 0 && round < options.maxSamples; ++round) {
    if (round > 0 && stop && *stop)
      break;
    // Forth and back, each time from another one: a machine that slows down evenly then slows all
    // alike, and nobody always follows the same one.
    for (size_t i = 0; i < n; ++i) {
      size_t place = round % 2 ? n - 1 - i : i;
      Contender &contender = contenders[(place + size_t(round / 2)) % n];
      if (contender.beaten)
        continue;
      if (Status status = sample(contender); !status)
        return status;
    }
    if (round + 1 < options.minSamples && round + 1 < leastRounds)
      continue;
    Result<std::unique_ptr<Event>> now = device->record();
    if (!now)
      return now.takeError();
    Result<double> seconds = device->seconds(**start, **now);
    if (!seconds)
      return seconds.takeError();
    if (*seconds >= options.budgetSeconds)
      break;
    if (round + 1 < options.minSamples)
      continue;

    // Asking after every round would find by chance what is not so, and takes its time.
    if (round + 1 < nextLook)
      continue;
    nextLook = round + 1 + (round + 1) / 5;
    if (settled(contenders))
      break;
  }
  if (n > 0)
    compare(contenders);
  noteDrift(contenders);
  return Status::success();
}

/// Whether the fastest contender ran otherwise in the first than in the last half of its rounds.
void Meter::noteDrift(const std::vector<Contender> &contenders) {
  const std::vector<double> *leader = nullptr;
  double fastest = std::numeric_limits<double>::infinity();
  for (const Contender &contender : contenders)
    if (!contender.samples.empty() && contender.time.median < fastest) {
      fastest = contender.time.median;
      leader = &contender.samples;
    }
  // With fewer samples the halves would differ by chance too often.
  if (!leader || leader->size() < 8)
    return;
  auto half = ptrdiff_t(leader->size() / 2);
  Summary first = summarise({leader->begin(), leader->begin() + half});
  Summary last = summarise({leader->end() - half, leader->end()});
  if (!tied(first, last))
    drift = last.median / first.median;
}

Measurement Meter::measurement(const Contender &contender, std::string_view how) const {
  const Summary &summary = contender.time;
  Measurement result;
  result.source = Source::Measured;
  result.device = device->description();
  result.method = fmt::format(
      "median of {} {}, {} launches each, {}", summary.samples, how,
      contender.launches * contender.stretches,
      operands.count() > 1 ? fmt::format("rotating over {} copies", operands.count()) : "one copy");
  if (flushes)
    result.method += contender.stretches * contender.launches > 1 ? ", caches flushed before"
                                                                  : ", caches flushed before each";
  if (operands.inPlace())
    result.method += ", state restored";
  result.medianUs = summary.median;
  result.lowUs = summary.low;
  result.highUs = summary.high;
  result.samples = summary.samples;
  result.flops = flops;
  result.bytes = bytes;

  // Its keys come out sorted, as canonical JSON has them.
  Environment now = readEnvironment(begun);
  nlohmann::json json = {
      {"cache", options.cache == CacheState::Cold ? "cold" : "hot"},
      {"rotating_bytes", operands.rotatingBytes()},
  };
  if (now.clockMhz)
    json["clock_mhz"] = int64_t(std::llround(*now.clockMhz));
  if (now.load)
    json["load"] = rounded(*now.load, 0.01);
  if (now.celsius)
    json["celsius"] = int64_t(std::llround(*now.celsius));
  if (now.stealShare)
    json["steal"] = rounded(*now.stealShare, 0.0001);
  if (repeats > 0)
    json["interrupted"] = repeats;
  if (drift)
    json["drift"] = rounded(*drift, 0.001);
  result.environment = json.dump();
  return result;
}

} // namespace zorse::tuner
