//===- Main.cpp - zorse-bench: our kernels beside their peers -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompileRate.h"
#include "CompileTimes.h"
#include "Counts.h"
#include "EmulatorSpeed.h"
#include "MeterChecks.h"
#include "Ours.h"
#include "Peer.h"
#include "Report.h"
#include "Stream.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

using namespace zorse;
using namespace zorse::bench;

namespace {

struct Options {
  std::vector<std::string> suites = {"linear",        "mla_decode",  "mla_prefill",
                                     "gqa_decode",    "gqa_prefill", "ssm_update",
                                     "ssd_scan",      "mamba2_step", "causal_conv1d_update",
                                     "gated_rmsnorm", "rmsnorm",     "swiglu"};
  std::string directory = ZORSE_BENCH_DIR;
  std::string python = "/usr/bin/python3";
  std::string database;
  std::string format = "human";
  std::vector<int> threads;
  std::vector<std::string> compileTargets, countTargets, rateTargets, checkedOps;
  int rounds = 11, compileRepeats = 9, candidates = 32, sameTwiceRuns = 0;
  double roundMs = 30, tuneSeconds = 0;
  int64_t rotateMib = 256;
  bool hot = false, noPeers = false, emulatorSpeed = false, cacheTimes = false;
};

int fail(const Error &error) {
  std::cerr << "zorse-bench: error: " << error.message << '\n';
  return static_cast<int>(error.code);
}

/// The commands of the children that answer for a peer.
std::vector<std::vector<std::string>> peerCommands(const Case &benchCase, const Options &options) {
  if (benchCase.peer == "torch")
    return {{options.python, options.directory + "/peers/torch_ops.py"}};
  const std::string binary =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "zorse-bench-onednn";
  return {{binary}, {binary, "--isa", "avx512_core_bf16"}};
}

/// One process a command and thread count, started when first needed.
class Peers {
public:
  Result<std::shared_ptr<PeerProcess>> get(const std::vector<std::string> &command, int threads) {
    std::shared_ptr<PeerProcess> &slot = started[{command, threads}];
    if (!slot) {
      Result<std::shared_ptr<PeerProcess>> process = PeerProcess::start(command, threads);
      if (!process)
        return process.takeError();
      slot = process.take();
    }
    return slot;
  }

private:
  std::map<std::pair<std::vector<std::string>, int>, std::shared_ptr<PeerProcess>> started;
};

Result<CaseResult> runCase(const Case &benchCase, const Setup &setup, const Options &options,
                           const MachinePeaks &peaks, Device &device, Database *database,
                           Peers &peers) {
  std::vector<std::unique_ptr<Side>> sides;
  std::vector<std::string> absent;
  std::string note;
  Result<std::unique_ptr<Side>> ours =
      ourSide(benchCase, setup, device, {database, options.tuneSeconds}, note);
  if (ours)
    sides.push_back(ours.take());
  else
    absent.push_back("zorse: " + ours.error().message);

  if (benchCase.stream) {
    Result<std::unique_ptr<Side>> stream = streamSide(benchCase, setup);
    if (!stream)
      return stream.takeError();
    sides.push_back(stream.take());
  }

  if (!options.noPeers)
    for (const std::vector<std::string> &command : peerCommands(benchCase, options)) {
      Result<std::shared_ptr<PeerProcess>> peer = peers.get(command, setup.threads);
      if (!peer)
        return peer.takeError();
      Result<std::vector<std::unique_ptr<Side>>> more = peerSides(*peer, benchCase, setup);
      if (!more) {
        absent.push_back(more.error().message);
        continue;
      }
      for (std::unique_ptr<Side> &side : *more)
        sides.push_back(std::move(side));
    }
  Result<std::vector<Summary>> summaries = measure(sides, options.rounds, options.roundMs * 1e3);
  if (!summaries)
    return summaries.takeError();
  CaseResult result = makeResult(benchCase, setup, peaks, sides, *summaries, note);
  result.absent = std::move(absent);
  return result;
}

Result<std::vector<CaseResult>> runSuites(const std::vector<Suite> &suites, const Options &options,
                                          const MachinePeaks &peaks, Database *database) {
  std::vector<CaseResult> results;
  for (const int threads : options.threads) {
    Result<std::unique_ptr<Device>> device = createHostDevice({.threads = threads});
    if (!device)
      return device.takeError();
    const Setup setup{threads, options.hot ? 0 : options.rotateMib << 20};
    Peers peers;
    for (const Suite &suite : suites)
      for (const Case &benchCase : suite.cases) {
        Result<CaseResult> result =
            runCase(benchCase, setup, options, peaks, **device, database, peers);
        if (!result)
          return result.takeError();
        result->source = suite.source;
        printCase(options.format == "json" ? std::cerr : std::cout, *result);
        results.push_back(result.take());
      }
  }
  return results;
}

/// The table of exact counts; nothing is timed, so nothing else runs beside it.
int runCounts(const Options &options) {
  Result<std::vector<Launch>> launches = loadLaunches(options.directory + "/counts/launches.json");
  if (!launches)
    return fail(launches.error());
  Status status =
      printCounts(std::cout, *launches, options.countTargets,
                  options.threads.empty() ? 0 : options.threads.front(), options.format == "json");
  return status ? 0 : fail(status.error());
}

int runCompileRates(const Options &options) {
  Result<std::vector<CompileRate>> rates =
      measureCompileRates(options.rateTargets, options.candidates);
  if (!rates)
    return fail(rates.error());
  printCompileRates(std::cout, *rates, options.format == "json");
  return 0;
}

int runMeterChecks(const Options &options) {
  Result<std::unique_ptr<Device>> device =
      createHostDevice({.threads = options.threads.empty() ? 0 : options.threads.front()});
  if (!device)
    return fail(device.error());
  const bool json = options.format == "json";
  if (options.cacheTimes) {
    Result<std::vector<CacheTimes>> rows = measureCacheTimes(**device, options.checkedOps);
    if (!rows)
      return fail(rows.error());
    printCacheTimes(std::cout, *rows, machineLine(), json);
  }
  if (options.sameTwiceRuns > 0) {
    Result<std::vector<SameTwice>> rows =
        measureSameTwice(**device, options.sameTwiceRuns, options.checkedOps);
    if (!rows)
      return fail(rows.error());
    printSameTwice(std::cout, *rows, machineLine(), json);
  }
  return 0;
}

int run(Options options) {
  if (options.cacheTimes || options.sameTwiceRuns > 0)
    return runMeterChecks(options);
  if (!options.rateTargets.empty())
    return runCompileRates(options);
  if (!options.countTargets.empty())
    return runCounts(options);
  const int all = std::max(1u, std::thread::hardware_concurrency());
  if (options.threads.empty())
    options.threads = all > 1 ? std::vector<int>{1, all} : std::vector<int>{1};
  if (options.emulatorSpeed) {
    Result<std::vector<EmulatorSpeed>> rows =
        measureEmulatorSpeed(ZORSE_BENCH_LOOPS, options.threads, options.rounds, options.roundMs);
    if (!rows)
      return fail(rows.error());
    printEmulatorSpeed(std::cout, *rows, options.format == "json");
    return 0;
  }

  std::vector<CompileTime> compileTimes;
  const std::string line = machineLine();
  if (!options.compileTargets.empty()) {
    Result<std::vector<CompileTime>> times =
        measureCompileTimes(options.compileTargets, options.compileRepeats);
    if (!times)
      return fail(times.error());
    compileTimes = times.take();
  }
  Result<std::vector<Suite>> suites = loadSuites(options.directory + "/suites", options.suites);
  if (!suites)
    return fail(suites.error());
  if (options.tuneSeconds > 0 && options.database.empty())
    return fail(usageError("--tune keeps what it learns; give it a database with --db FILE"));
  std::unique_ptr<Database> database;
  if (!options.database.empty()) {
    Result<std::unique_ptr<Database>> opened =
        Database::open(options.database, options.tuneSeconds > 0 ? Database::Mode::ReadWrite
                                                                 : Database::Mode::ReadOnly);
    if (!opened)
      return fail(opened.error());
    database = opened.take();
  }
  const bool json = options.format == "json";
  const MachinePeaks peaks = measurePeaks(all);
  printMachine(json ? std::cerr : std::cout, line, peaks);
  if (!compileTimes.empty())
    printCompileTimes(json ? std::cerr : std::cout, compileTimes);
  Result<std::vector<CaseResult>> results = runSuites(*suites, options, peaks, database.get());
  if (!results)
    return fail(results.error());
  if (json)
    printJson(std::cout, line, peaks, *results, compileTimes);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  if (argc == 2 && std::string_view(argv[1]) == workerFlag)
    return serveAsWorker();
  Options options;
  CLI::App app{"Measures the host kernels of Zorse beside oneDNN and PyTorch, side by side, in "
               "interleaved rounds.\n\n"
               "  zorse-bench                                  every suite, one thread and all\n"
               "  zorse-bench --suite linear --threads 1 --format json\n"
               "  zorse-bench --suite mla_decode --tune 60 --db kernels.db\n"
               "  zorse-bench --suite '' --compile-time host,gfx942\n"
               "  zorse-bench --compile-rate host,gfx942\n"
               "  zorse-bench --counts gfx942,gfx90a\n"
               "  zorse-bench --aa 100 --threads 1\n"
               "  zorse-bench --cache --threads 1\n"
               "  zorse-bench --emulator-speed --threads 1\n"};
  app.add_option("--suite", options.suites, "suites of bench/suites, '' for none")->delimiter(',');
  app.add_option("--threads", options.threads, "thread counts, default 1 and all")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_option("--rounds", options.rounds, "interleaved rounds")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--round-ms", options.roundMs, "length of a round of one side, milliseconds")
      ->check(CLI::Range(0.1, 1e5))
      ->capture_default_str();
  app.add_option("--rotate-mib", options.rotateMib, "size of all copies of the operands together")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_flag("--hot", options.hot, "one copy of the operands, again and again");
  app.add_option("--db", options.database, "take the winners of this database");
  app.add_option("--tune", options.tuneSeconds, "first tune each case for so many seconds")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_flag("--no-peers", options.noPeers, "our side only");
  app.add_flag("--emulator-speed", options.emulatorSpeed,
               "only time the emulator: wave instructions a second, by kind");
  app.add_option("--aa", options.sameTwiceRuns,
                 "only enter one kernel twice into the tuner's finals, so many times, for three "
                 "ops, hot and cold")
      ->check(CLI::Range(1, 100000))
      ->option_text("RUNS");
  app.add_flag("--cache", options.cacheTimes,
               "only show what the tuner measures with operands in the caches and in memory");
  app.add_option("--ops", options.checkedOps, "with --aa and --cache: only these ops")
      ->delimiter(',')
      ->option_text("OP,...");
  app.add_option("--compile-time", options.compileTargets, "time compile() for these targets")
      ->delimiter(',');
  app.add_option("--compile-rate", options.rateTargets,
                 "only time how fast a worker process of the tuner compiles candidates for these "
                 "targets")
      ->delimiter(',')
      ->option_text("ARCH,...");
  app.add_option("--candidates", options.candidates, "of each op, evenly over its space")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--counts", options.countTargets,
                 "execute the kernels of the published models on emulated GPUs and print exact "
                 "counts, nothing else")
      ->delimiter(',')
      ->option_text("ARCH,...");
  app.add_option("--compile-repeats", options.compileRepeats, "compilations of each op")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--format", options.format, "human or json (then the table goes to stderr)")
      ->check(CLI::IsMember({"human", "json"}));
  app.add_option("--python", options.python, "a Python that has PyTorch")->capture_default_str();
  app.add_option("--bench-dir", options.directory, "the folder with suites and peers");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ErrorCode::Usage);
  }
  std::erase(options.suites, "");
  return run(std::move(options));
}
