//===- EmulatorSpeed.cpp - wave instructions a second -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmulatorSpeed.h"
#include "Side.h"

#include "zorse/emulator/Machine.h"

#include <fmt/ostream.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <fstream>
#include <iterator>

namespace zorse::bench {

using Clock = std::chrono::steady_clock;

namespace {

/// What the loops are assembled for.
constexpr const char *loopTarget = ZORSE_BENCH_LOOP_TARGET;

struct Timed {
  double seconds = 0;
  emulator::Counts counts;
};

Result<Timed> launchOnce(emulator::Machine &machine, const emulator::Image &image,
                         const std::string &kernel, uint32_t workgroups) {
  const auto start = Clock::now();
  Result<emulator::Counts> counts =
      machine.launch(image, kernel, {{workgroups * 256, 1, 1}, {256, 1, 1}, 0}, {});
  if (!counts)
    return counts.takeError();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return Timed{seconds, counts.take()};
}

Result<EmulatorSpeed> measureKernel(emulator::Machine &machine, const emulator::Image &image,
                                    const std::string &kernel, int threads, int rounds,
                                    double roundMs) {
  // As many workgroups as fill a round, the same number for each thread.
  uint32_t workgroups = uint32_t(threads);
  Result<Timed> warm = launchOnce(machine, image, kernel, workgroups);
  if (!warm)
    return warm.takeError();
  workgroups *= uint32_t(std::max(1.0, roundMs * 1e-3 / warm->seconds));
  std::vector<double> nanoseconds; // for one instruction
  EmulatorSpeed row{kernel, threads, 0, 0, 0, 0};
  double flopsPerInstruction = 0;
  for (int round = 0; round < rounds; ++round) {
    Result<Timed> timed = launchOnce(machine, image, kernel, workgroups);
    if (!timed)
      return timed.takeError();
    const auto instructions = static_cast<double>(timed->counts.instructions);
    nanoseconds.push_back(timed->seconds * 1e9 / instructions);
    flopsPerInstruction = static_cast<double>(timed->counts.matrixFlopsIssued) / instructions;
  }
  const Summary summary = summarise(std::move(nanoseconds));
  row.instructionsPerSecond = 1e9 / summary.medianUs;
  row.low = 1e9 / summary.highUs;
  row.high = 1e9 / summary.lowUs;
  row.matrixGflops = flopsPerInstruction * row.instructionsPerSecond * 1e-9;
  return row;
}

} // namespace

Result<std::vector<EmulatorSpeed>> measureEmulatorSpeed(const std::string &path,
                                                        const std::vector<int> &threads, int rounds,
                                                        double roundMs) {
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(in), {}};
  const std::vector<uint8_t> bytes(text.begin(), text.end());
  if (bytes.empty())
    return usageError(fmt::format("expected the loops of the emulator at {}; build zorse-bench "
                                  "again to assemble them",
                                  path));
  Result<TargetDesc> target = findTarget(loopTarget);
  if (!target)
    return target.takeError();
  std::vector<EmulatorSpeed> rows;
  for (const int count : threads) {
    Result<std::unique_ptr<emulator::Machine>> machine =
        emulator::Machine::create(*target, {.threads = count});
    if (!machine)
      return machine.takeError();
    Result<std::unique_ptr<emulator::Image>> image = (*machine)->load(bytes);
    if (!image)
      return image.takeError();
    for (const emulator::KernelDescription &kernel : (*image)->kernels()) {
      Result<EmulatorSpeed> row =
          measureKernel(**machine, **image, kernel.name, count, rounds, roundMs);
      if (!row)
        return row.takeError();
      rows.push_back(row.take());
    }
  }
  return rows;
}

void printEmulatorSpeed(std::ostream &out, const std::vector<EmulatorSpeed> &rows, bool json) {
  if (json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const EmulatorSpeed &row : rows)
      list.push_back({{"kernel", row.kernel},
                      {"threads", row.threads},
                      {"wave_instructions_per_second", row.instructionsPerSecond},
                      {"low", row.low},
                      {"high", row.high},
                      {"matrix_gflops", row.matrixGflops},
                      {"source", "measured"}});
    out << list.dump(1) << '\n';
    return;
  }
  fmt::print(out, "wave instructions of {} executed on this machine, millions a second\n",
             loopTarget);
  fmt::print(out, "  {:<22} {:>7} {:>9} {:>19} {:>10}\n", "kernel", "threads", "M/s",
             "95 % interval", "GFLOP/s");
  for (const EmulatorSpeed &row : rows) {
    const std::string interval = fmt::format("{:.1f} - {:.1f}", row.low * 1e-6, row.high * 1e-6);
    const std::string gflops =
        row.matrixGflops > 0 ? fmt::format("{:.2f}", row.matrixGflops) : std::string("-");
    fmt::print(out, "  {:<22} {:>7} {:>9.1f} {:>19} {:>10}\n", row.kernel, row.threads,
               row.instructionsPerSecond * 1e-6, interval, gflops);
  }
}

} // namespace zorse::bench
