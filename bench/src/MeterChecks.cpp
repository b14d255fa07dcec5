//===- MeterChecks.cpp - whether the tuner's times can be trusted -------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MeterChecks.h"

#include "zorse/compiler/Compile.h"
#include "zorse/tuner/Laboratory.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace zorse::bench {

namespace {

/// Weights of 6 MB, a state of 1.5 MB that is updated in place, rows of 2 MB.
constexpr const char *checkedOps[] = {
    R"({"op": "linear", "in_features": 2048, "out_features": 1536, "dtype": "bf16",
        "tuning": {"tokens": 1}})",
    R"({"op": "ssm_update", "num_heads": 24, "num_kv_heads": 8, "head_dim": 128, "d_state": 128,
        "dt_stride": 8216, "dt_offset": 8192, "dtype": "bf16",
        "tuning": {"tokens": 1, "num_slots": 1}})",
    R"({"op": "rmsnorm", "hidden_size": 4096, "dtype": "bf16", "tuning": {"tokens": 128}})"};

const char *nameOf(CacheState cache) { return cache == CacheState::Cold ? "cold" : "hot"; }

/// One op on the device, compiled in its default configuration.
struct Subject {
  Problem problem;
  Specimen specimen;
};

Result<std::vector<Subject>> makeSubjects(const Device &device,
                                          const std::vector<std::string> &kinds) {
  std::vector<Subject> subjects;
  for (const char *json : checkedOps) {
    Result<OpDesc> op = OpDesc::parse(json);
    if (!op)
      return op.takeError();
    if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), op->kind()) == kinds.end())
      continue;
    Result<KernelConfig> config = KernelConfig::defaults(*op, device.target());
    if (!config)
      return config.takeError();
    Result<CompileOutput> output = compile(*op, device.target(), *config);
    if (!output)
      return output.takeError();
    subjects.push_back({{op.take(), device.target()}, {config.take(), std::move(output->object)}});
  }
  if (subjects.empty())
    return usageError("no such op here; expected linear, ssm_update, rmsnorm");
  return subjects;
}

std::unique_ptr<Laboratory> makeLaboratory(Device &device, CacheState cache) {
  DirectOptions options;
  options.device = &device;
  options.measure.cache = cache;
  return createDirectLaboratory(options);
}

/// The finals of the entries of `specimens`; an entry that cannot run is an error.
Result<std::vector<Measurement>> finals(Laboratory &laboratory, const Subject &subject,
                                        size_t entries) {
  const std::vector<Specimen> specimens(entries, subject.specimen);
  Result<std::vector<Tried>> tried = laboratory.rounds(subject.problem, specimens, nullptr);
  if (!tried)
    return tried.takeError();
  std::vector<Measurement> times;
  for (Tried &each : *tried) {
    if (!each.measurement)
      return runtimeError(each.error);
    times.push_back(std::move(*each.measurement));
  }
  return times;
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  return values[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

} // namespace

Result<std::vector<SameTwice>> measureSameTwice(Device &device, int runs,
                                                const std::vector<std::string> &kinds) {
  Result<std::vector<Subject>> subjects = makeSubjects(device, kinds);
  if (!subjects)
    return subjects.takeError();
  std::vector<SameTwice> rows;
  for (const Subject &subject : *subjects) {
    for (const CacheState cache : {CacheState::Hot, CacheState::Cold}) {
      const std::unique_ptr<Laboratory> laboratory = makeLaboratory(device, cache);
      SameTwice row;
      row.op = subject.problem.op.kind();
      row.cache = nameOf(cache);
      row.runs = runs;
      std::vector<double> gains, medians;
      const auto start = std::chrono::steady_clock::now();
      for (int run = 0; run < runs; ++run) {
        Result<std::vector<Measurement>> times = finals(*laboratory, subject, 2);
        if (!times)
          return times.takeError();
        const Measurement &first = (*times)[0], &second = (*times)[1];
        row.firstWins += first.medianUs < second.medianUs;
        row.tied += first.lowUs <= second.highUs && second.lowUs <= first.highUs;
        gains.push_back(std::abs(first.medianUs / second.medianUs - 1));
        medians.push_back(first.medianUs);
      }
      row.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      row.seconds /= runs;
      row.medianUs = percentile(medians, 0.5);
      row.medianGain = percentile(gains, 0.5);
      row.gain95 = percentile(gains, 0.95);
      rows.push_back(row);
    }
  }
  return rows;
}

Result<std::vector<CacheTimes>> measureCacheTimes(Device &device,
                                                  const std::vector<std::string> &kinds) {
  Result<std::vector<Subject>> subjects = makeSubjects(device, kinds);
  if (!subjects)
    return subjects.takeError();
  std::vector<CacheTimes> rows;
  for (const Subject &subject : *subjects) {
    CacheTimes row;
    row.op = subject.problem.op.kind();
    for (const CacheState cache : {CacheState::Hot, CacheState::Cold}) {
      const std::unique_ptr<Laboratory> laboratory = makeLaboratory(device, cache);
      Result<std::vector<Measurement>> times = finals(*laboratory, subject, 1);
      if (!times)
        return times.takeError();
      const Measurement &time = times->front();
      const bool cold = cache == CacheState::Cold;
      row.megabytes = time.bytes * 1e-6;
      (cold ? row.coldUs : row.hotUs) = time.medianUs;
      (cold ? row.coldGBs : row.hotGBs) = time.bytes / time.medianUs * 1e-3;
      (cold ? row.coldMethod : row.hotMethod) = time.method;
    }
    rows.push_back(row);
  }
  return rows;
}

void printSameTwice(std::ostream &out, const std::vector<SameTwice> &rows,
                    const std::string &machine, bool json) {
  if (json) {
    nlohmann::json list = nlohmann::json::array();
    for (const SameTwice &row : rows)
      list.push_back({{"op", row.op},
                      {"cache", row.cache},
                      {"source", "measured"},
                      {"runs", row.runs},
                      {"first_wins", row.firstWins},
                      {"tied", row.tied},
                      {"median_us", row.medianUs},
                      {"median_gain", row.medianGain},
                      {"gain_95", row.gain95},
                      {"seconds_per_run", row.seconds}});
    fmt::print(out, "{}\n",
               nlohmann::json({{"schema_version", 1}, {"machine", machine}, {"same_twice", list}})
                   .dump(2));
    return;
  }
  fmt::print(out, "{}\none kernel entered twice into the tuner's finals (source: measured)\n",
             machine);
  fmt::print(out, "  {:<12} {:<5} {:>5} {:>11} {:>6} {:>11} {:>9} {:>9} {:>8}\n", "op", "cache",
             "runs", "first wins", "tied", "us", "median %", "95th %", "s/run");
  for (const SameTwice &row : rows)
    fmt::print(out, "  {:<12} {:<5} {:>5} {:>11} {:>6} {:>11.2f} {:>9.2f} {:>9.2f} {:>8.2f}\n",
               row.op, row.cache, row.runs, row.firstWins, row.tied, row.medianUs,
               100 * row.medianGain, 100 * row.gain95, row.seconds);
}

void printCacheTimes(std::ostream &out, const std::vector<CacheTimes> &rows,
                     const std::string &machine, bool json) {
  if (json) {
    nlohmann::json list = nlohmann::json::array();
    for (const CacheTimes &row : rows)
      list.push_back({{"op", row.op},
                      {"source", "measured"},
                      {"megabytes", row.megabytes},
                      {"hot_us", row.hotUs},
                      {"cold_us", row.coldUs},
                      {"hot_gb_s", row.hotGBs},
                      {"cold_gb_s", row.coldGBs},
                      {"hot_method", row.hotMethod},
                      {"cold_method", row.coldMethod}});
    fmt::print(out, "{}\n",
               nlohmann::json({{"schema_version", 1}, {"machine", machine}, {"cache_times", list}})
                   .dump(2));
    return;
  }
  fmt::print(out, "{}\noperands in the caches and in memory (source: measured)\n", machine);
  fmt::print(out, "  {:<12} {:>8} {:>10} {:>10} {:>10} {:>10}\n", "op", "MB", "hot us", "cold us",
             "hot GB/s", "cold GB/s");
  for (const CacheTimes &row : rows)
    fmt::print(out,
               "  {:<12} {:>8.2f} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f}\n"
               "    hot: {}\n    cold: {}\n",
               row.op, row.megabytes, row.hotUs, row.coldUs, row.hotGBs, row.coldGBs, row.hotMethod,
               row.coldMethod);
}

} // namespace zorse::bench
