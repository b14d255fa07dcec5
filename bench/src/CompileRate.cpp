//===- CompileRate.cpp - candidates compiled a second -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompileRate.h"
#include "Side.h"

#include "zorse/compiler/Compile.h"
#include "zorse/tuner/Laboratory.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <sys/resource.h>

namespace zorse::bench {

using Clock = std::chrono::steady_clock;

int serveAsWorker() {
  auto compileHere = [](const OpDesc &op, const TargetDesc &target,
                        const KernelConfig &config) -> Result<CodeObject> {
    Result<CompileOutput> output = compile(op, target, config);
    if (!output)
      return output.takeError();
    return std::move(output->object);
  };
  return runWorker(3, compileHere, compilerRevision(),
                   [](const TargetDesc &) { return createHostDevice(); });
}

/// CPU time of all children that have ended, seconds.
static double childrenSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_CHILDREN, &usage);
  auto seconds = [](const timeval &time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

static Result<CompileRate> measureOne(const Problem &problem, int candidates) {
  const std::vector<KernelConfig> all = enumerateConfigs(problem.op, problem.target);
  const size_t count = std::min(all.size(), static_cast<size_t>(candidates));
  std::vector<KernelConfig> configs;
  for (size_t i = 0; i < count; ++i)
    configs.push_back(all[i * all.size() / count]);

  CompileRate rate;
  rate.kind = problem.op.kind();
  rate.arch = problem.target.arch;
  rate.space = static_cast<int64_t>(all.size());
  rate.candidates = static_cast<int64_t>(count);
  ProcessOptions options;
  options.command = {"/proc/self/exe", workerFlag};
  options.compilers = 1;
  options.measures = false;
  const double cpuBefore = childrenSeconds();
  Result<std::unique_ptr<Laboratory>> laboratory = createProcessLaboratory(options);
  if (!laboratory)
    return laboratory.takeError();
  std::vector<double> times;
  const auto start = Clock::now();
  Status status = (*laboratory)
                      ->compileAll(
                          problem, configs, [](size_t) { return Status::success(); },
                          [&](size_t, const Compiled &compiled) {
                            times.push_back(compiled.seconds * 1e3);
                            rate.ok += compiled.state == TrialState::Ok;
                            return Status::success();
                          },
                          nullptr);
  if (!status)
    return status.takeError();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  laboratory->reset(); // only what was waited for is in the account
  rate.cpuMs = (childrenSeconds() - cpuBefore) * 1e3 / static_cast<double>(count);
  rate.wallPerSecond = static_cast<double>(count) / seconds;
  rate.worstMs = *std::max_element(times.begin(), times.end());
  rate.medianMs = summarise(std::move(times)).medianUs;
  return rate;
}

Result<std::vector<CompileRate>> measureCompileRates(const std::vector<std::string> &targets,
                                                     int candidates) {
  std::vector<CompileRate> rates;
  for (const std::string &name : targets) {
    Result<TargetDesc> target = findTarget(name);
    if (!target)
      return target.takeError();
    for (const OpSpec &spec : allOpSpecs()) {
      Result<OpDesc> op = OpDesc::parse(spec.exampleJson);
      if (!op)
        return op.takeError();
      const Problem problem{op.take(), *target};
      if (enumerateConfigs(problem.op, problem.target).empty())
        continue;
      Result<CompileRate> rate = measureOne(problem, candidates);
      if (!rate)
        return rate.takeError();
      rates.push_back(rate.take());
    }
  }
  return rates;
}

void printCompileRates(std::ostream &out, const std::vector<CompileRate> &rates, bool asJson) {
  if (asJson) {
    nlohmann::json rows = nlohmann::json::array();
    for (const CompileRate &rate : rates)
      rows.push_back({{"op", rate.kind},
                      {"target", rate.arch},
                      {"space", rate.space},
                      {"candidates", rate.candidates},
                      {"ok", rate.ok},
                      {"median_ms", rate.medianMs},
                      {"worst_ms", rate.worstMs},
                      {"candidates_per_second", rate.wallPerSecond},
                      {"cpu_ms", rate.cpuMs}});
    fmt::print(out, "{}\n",
               nlohmann::json({{"schema_version", 1}, {"compile_rates", rows}}).dump(2));
    return;
  }
  fmt::print(out, "candidates of each op's example, cold start, in one worker process\n");
  fmt::print(out, "  {:<20} {:<20} {:>7} {:>6} {:>5} {:>10} {:>9} {:>9} {:>13}\n", "op", "target",
             "space", "tried", "ok", "median ms", "worst ms", "cpu ms", "candidates/s");
  struct Sum {
    std::vector<double> medians;
    double candidates = 0, cpuMs = 0, seconds = 0;
  };
  std::map<std::string, Sum> sums;
  for (const CompileRate &rate : rates) {
    fmt::print(out, "  {:<20} {:<20} {:>7} {:>6} {:>5} {:>10.1f} {:>9.1f} {:>9.1f} {:>13.1f}\n",
               rate.kind, rate.arch, rate.space, rate.candidates, rate.ok, rate.medianMs,
               rate.worstMs, rate.cpuMs, rate.wallPerSecond);
    const auto count = static_cast<double>(rate.candidates);
    Sum &sum = sums[rate.arch];
    sum.medians.push_back(rate.medianMs);
    sum.candidates += count;
    sum.cpuMs += rate.cpuMs * count;
    sum.seconds += count / rate.wallPerSecond;
  }
  for (auto &[arch, sum] : sums)
    fmt::print(out,
               "  {}: median over the ops {:.1f} ms; {:.1f} candidates a second of wall clock, "
               "{:.1f} a second of CPU\n",
               arch, summarise(std::move(sum.medians)).medianUs, sum.candidates / sum.seconds,
               sum.candidates * 1e3 / sum.cpuMs);
}

} // namespace zorse::bench
