//===- Sweeps.cpp - recorded trials as spaces with known times ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Sweeps.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <tuple>

namespace zorse {

namespace {

constexpr double failed = std::numeric_limits<double>::infinity();

using ProblemKey = std::tuple<std::string, std::string, int64_t, std::string>;
using Times = std::map<std::string, double>; ///< by text of the configuration

} // namespace

/// The time of a row, infinity if it failed, or nothing if it says nothing.
static std::optional<double> timeOf(const KernelRecord &record) {
  switch (record.state) {
  case TrialState::Ok:
    if (record.measurement && record.measurement->source == Source::Measured)
      return record.measurement->medianUs;
    return std::nullopt;
  case TrialState::Failed:
  case TrialState::TimedOut:
  case TrialState::Crashed:
  case TrialState::Wrong:
    return failed;
  case TrialState::Queued:
  case TrialState::Running:
  case TrialState::Interrupted:
    return std::nullopt;
  }
  return std::nullopt;
}

static Result<Sweep> sweepOf(const ProblemKey &key, const Times &times) {
  const auto &[opJson, arch, computeUnits, tuningPoint] = key;
  nlohmann::json request = nlohmann::json::parse(opJson, nullptr, false);
  nlohmann::json point = nlohmann::json::parse(tuningPoint, nullptr, false);
  if (!request.is_object() || !point.is_object())
    return usageError(fmt::format("sweep: expected JSON objects as op and tuning point, found {} "
                                  "and {}",
                                  opJson, tuningPoint));
  request["tuning"] = point;
  Result<OpDesc> op = OpDesc::parse(request.dump());
  if (!op)
    return op.takeError();
  Result<TargetDesc> target = findTarget(arch);
  if (!target)
    return target.takeError();
  Result<KernelConfig> defaults = KernelConfig::defaults(*op, *target);
  if (!defaults)
    return defaults.takeError();

  std::vector<KernelConfig> configs;
  std::vector<double> timesUs;
  auto take = [&](const std::string &text, double us) -> Status {
    Result<KernelConfig> config = KernelConfig::read(text);
    if (!config)
      return config.takeError();
    bool sameKnobs = configs.empty() || config->values().size() == configs[0].values().size();
    for (size_t k = 0; sameKnobs && !configs.empty() && k < config->values().size(); ++k)
      sameKnobs = config->values()[k].first == configs[0].values()[k].first;
    if (!sameKnobs)
      return usageError(fmt::format("sweep: expected the knobs of {} in every row of {}, found {}",
                                    configs[0].text(), opJson, text));
    configs.push_back(config.take());
    timesUs.push_back(us);
    return Status::success();
  };
  std::string first = defaults->text();
  if (auto found = times.find(first); found != times.end())
    if (Status taken = take(found->first, found->second); !taken)
      return taken.takeError();
  for (const auto &[text, us] : times)
    if (text != first)
      if (Status taken = take(text, us); !taken)
        return taken.takeError();
  return Sweep{
      std::string(op->kind()), target->isHost() ? "host" : "amdgpu", Space(std::move(configs)),
      std::move(timesUs),
      fmt::format("{} at {} on {} with {} compute units", opJson, tuningPoint, arch, computeUnits)};
}

Result<std::vector<Sweep>> sweepsOf(const std::vector<KernelRecord> &records) {
  std::map<ProblemKey, Times> problems;
  for (const KernelRecord &record : records)
    if (std::optional<double> us = timeOf(record)) {
      ProblemKey key(record.opJson, record.arch, record.computeUnits, record.tuningPoint);
      auto [entry, isNew] = problems[std::move(key)].emplace(record.configText, *us);
      if (!isNew)
        entry->second = std::min(entry->second, *us);
    }
  std::vector<Sweep> sweeps;
  for (const auto &[key, times] : problems) {
    Result<Sweep> sweep = sweepOf(key, times);
    if (!sweep)
      return sweep.takeError();
    sweeps.push_back(sweep.take());
  }
  return sweeps;
}

} // namespace zorse
