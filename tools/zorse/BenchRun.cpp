//===- BenchRun.cpp - times prompts and decode steps of a model -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "BenchRun.h"

#include "Interrupt.h"

#include "bench/Work.h"

#include "zorse/tuner/HostPeaks.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <random>
#include <sys/utsname.h>

namespace zorse::tool {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::vector<int32_t> randomTokens(const ModelConfig &config, int64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  for (int32_t &token : tokens)
    token = static_cast<int32_t>(random() % static_cast<uint64_t>(config.vocabSize));
  return tokens;
}

CostTypes costTypes(const Engine &engine) {
  const DType dtype = engine.model().dtype();
  return {.weights = dtype,
          .cache = engine.options().cacheDType.value_or(dtype),
          .ssm = engine.options().stateDType.value_or(dtype)};
}

Result<std::unique_ptr<RandomSequences>> RandomSequences::open(Engine &engine, int64_t batch,
                                                               int64_t depth, uint64_t seed) {
  std::unique_ptr<RandomSequences> made(new RandomSequences(engine));
  for (int64_t i = 0; i < batch; ++i) {
    Result<int32_t> slot = engine.open();
    if (!slot)
      return slot.takeError();
    made->slots.push_back(*slot);
    if (depth > 0)
      if (Status status = engine.fillRandom(*slot, depth, seed + static_cast<uint64_t>(i)); !status)
        return status.takeError();
  }
  made->tokens = randomTokens(engine.model().config(), batch, seed);
  if (depth > 0)
    return made;
  std::vector<Engine::Run> runs;
  for (size_t i = 0; i < made->slots.size(); ++i)
    runs.push_back({made->slots[i], std::span(&made->tokens[i], 1)});
  if (Status status = engine.prefill(runs); !status)
    return status.takeError();
  return made;
}

RandomSequences::~RandomSequences() {
  for (int32_t slot : slots)
    engine.close(slot);
}

Result<double> RandomSequences::step() {
  const auto begin = Clock::now();
  if (Status status = engine.decodeStep(slots, tokens); !status)
    return status.takeError();
  Result<std::vector<int32_t>> next = engine.argmax();
  if (!next)
    return next.takeError();
  tokens = next.take();
  return secondsSince(begin);
}

/// Seconds of one repetition of a row.
static Result<double> repeatOnce(Engine &engine, const BenchRow &row, uint64_t seed) {
  if (row.decode) {
    Result<std::unique_ptr<RandomSequences>> sequences =
        RandomSequences::open(engine, row.batch, row.depth, seed);
    if (!sequences)
      return sequences.takeError();
    double sum = 0;
    for (int64_t step = 0; step < row.tokens; ++step) {
      Result<double> seconds = (*sequences)->step();
      if (!seconds)
        return seconds;
      sum += *seconds;
    }
    return sum;
  }
  std::vector<std::vector<int32_t>> prompts;
  std::vector<Engine::Run> runs;
  Status status;
  for (int64_t i = 0; i < row.batch && status; ++i) {
    Result<int32_t> slot = engine.open();
    if (!slot) {
      status = slot.takeError();
      break;
    }
    prompts.push_back(randomTokens(engine.model().config(), row.tokens, seed + uint64_t(i)));
    runs.push_back({*slot, prompts.back()});
    if (row.depth > 0)
      status = engine.fillRandom(*slot, row.depth, seed + static_cast<uint64_t>(i));
  }
  const auto begin = Clock::now();
  if (status)
    status = engine.prefill(runs);
  const double seconds = secondsSince(begin);
  for (const Engine::Run &run : runs)
    engine.close(run.slot);
  if (!status)
    return status.takeError();
  return seconds;
}

Result<BenchRow> measureRow(Runner &runner, const BenchRow &wanted, int64_t repetitions,
                            uint64_t seed) {
  Engine &engine = *runner.engine;
  BenchRow row = wanted;
  std::vector<double> seconds;
  for (int64_t i = -1; i < repetitions; ++i) {
    if (stopRequested)
      return Error{ErrorCode::Interrupted, "stopped before the end; nothing was printed"};
    Result<double> one = repeatOnce(engine, row, seed);
    if (!one)
      return one.takeError();
    if (i >= 0) // the first loads kernels
      seconds.push_back(*one);
  }
  summarise(row, seconds);
  const Model &model = engine.model();
  if (row.decode) {
    const int64_t before = std::max<int64_t>(row.depth, 1);
    row.bytes = static_cast<double>(
        decodeBytes(model.config(), costTypes(engine), row.batch, before, row.tokens).total());
  } else {
    Result<double> flops = prefillFlops(model.config(), engine.opTypes(), row.batch, row.depth,
                                        row.tokens, engine.options().prefillChunk);
    if (!flops)
      return flops.takeError();
    row.flops = *flops;
  }
  row.cacheBytes = engine.cacheBytes();
  row.memoryPeak = peakMemory();
  return row;
}

Result<BenchPeaks> peaksOf(const Device &device) {
  if (!device.timesAreReal())
    return usageError("the times of an emulator are not those of its target; `zorse run --device "
                      "emulator` counts instead, and bench takes --device host or hip");
  const TargetDesc &target = device.target();
  BenchPeaks peaks;
  if (!target.isHost()) {
    peaks.readGBs = target.peakGBs;
    peaks.fmaGflops = 1e3 * target.peakTflopsF32;
    peaks.dotGflops = 1e3 * target.peakTflopsMatrix16;
    peaks.source = fmt::format("data sheet: {:.0f} GB/s, {:.0f} TFLOP/s f32, {:.0f} bf16",
                               target.peakGBs, target.peakTflopsF32, target.peakTflopsMatrix16);
    return peaks;
  }
  const tuner::HostPeaks &host = tuner::probeHost();
  const double threads = std::clamp(target.computeUnits, 1, host.threads);
  const bool all = target.computeUnits >= host.threads;
  peaks.readGBs = all ? host.readGBs : std::min(host.readGBs, threads * host.readGBs1);
  peaks.fmaGflops = all ? host.fmaGflops : threads * host.fmaGflops1;
  peaks.dotGflops = threads * host.dotGflops1;
  peaks.source =
      fmt::format("peaks measured in this run, {} of {} threads: {:.1f} GB/s read, "
                  "{:.0f} GFLOP/s f32 multiply-add, {:.0f} bf16 dot",
                  threads, host.threads, peaks.readGBs, peaks.fmaGflops, peaks.dotGflops);
  return peaks;
}

std::string systemLine() {
  utsname system = {};
  ::uname(&system);
  double load[1] = {};
  ::getloadavg(load, 1);
  return fmt::format("{} {}, load {:.2f}", system.sysname, system.release, load[0]);
}

/// A number of kB in a file of /proc, in bytes; 0 without it.
static int64_t readKilobytes(const char *path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name))
      return std::strtoll(line.c_str() + name.size(), nullptr, 10) * 1024;
  return 0;
}

int64_t peakMemory() { return readKilobytes("/proc/self/status", "VmHWM:"); }
int64_t availableMemory() { return readKilobytes("/proc/meminfo", "MemAvailable:"); }

} // namespace zorse::tool
