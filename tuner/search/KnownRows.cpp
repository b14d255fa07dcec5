//===- KnownRows.cpp - answers that need no trial -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "search/KnownRows.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace zorse::tuner {

/// The key of the screened time in the environment of a measurement, microseconds.
static constexpr const char *screenedKey = "screened_us";

bool isFinished(TrialState state) {
  return state != TrialState::Queued && state != TrialState::Running &&
         state != TrialState::Interrupted;
}

static nlohmann::json environmentOf(const Measurement &measurement) {
  nlohmann::json environment = nlohmann::json::parse(measurement.environment, nullptr, false);
  return environment.is_object() ? environment : nlohmann::json::object();
}

double answerOf(const KernelRecord &row) {
  if (row.state != TrialState::Ok || !row.measurement)
    return std::numeric_limits<double>::infinity();
  nlohmann::json environment = environmentOf(*row.measurement);
  auto screened = environment.find(screenedKey);
  return screened != environment.end() && screened->is_number() ? screened->get<double>()
                                                                : row.measurement->medianUs;
}

void keepScreenedTime(Measurement &measurement, double screenedUs) {
  nlohmann::json environment = environmentOf(measurement);
  if (measurement.medianUs == screenedUs)
    environment.erase(screenedKey);
  else
    environment[screenedKey] = screenedUs;
  measurement.environment = environment.dump();
}

bool isOfRounds(const Measurement &measurement) {
  return measurement.method.find("interleaved rounds") != std::string::npos;
}

Result<KnownRows> KnownRows::load(Database &database, const Problem &problem, Source source,
                                  const std::string &device, const TuneOptions &options) {
  RecordFilter filter;
  filter.opJson = problem.op.canonicalJson();
  filter.arch = problem.target.arch;
  filter.tuningPoint = problem.op.tuningPointJson();
  Result<std::vector<KernelRecord>> rows = database.list(filter);
  if (!rows)
    return rows.takeError();
  KnownRows known;
  known.computeUnits = problem.target.computeUnits;
  known.source = source;
  known.device = device;
  known.retune = options.retune;
  known.retuneBefore = options.retuneBefore;
  known.retry = options.retry;
  for (KernelRecord &row : *rows)
    if (row.computeUnits == known.computeUnits && row.stale.empty() && isFinished(row.state))
      known.byConfig[row.configText].push_back(std::move(row));
  return known;
}

bool KnownRows::counts(const KernelRecord &row) const {
  // Times are to the second, and both come from clocks that name the same zone.
  if (retune && (retuneBefore.empty() || row.createdAt < retuneBefore))
    return false;
  if (row.state != TrialState::Ok)
    return !retry.contains(row.state);
  // A prediction is no reason not to measure, and a row that only says "compiled" is unfinished.
  if (!row.measurement || row.measurement->source != source)
    return false;
  return source == Source::Model ||
         (row.measurement->device == device && row.verification && row.verification->passed);
}

/// Of two rows that answer, the one that was made last.
static bool isNewer(const KernelRecord &a, const KernelRecord *b) {
  return !b || std::pair(a.createdAt, a.id) > std::pair(b->createdAt, b->id);
}

const KernelRecord *KnownRows::answerFor(const KernelRecord &asked) const {
  auto found = byConfig.find(asked.configText);
  const KernelRecord *answer = nullptr;
  if (found != byConfig.end())
    for (const KernelRecord &row : found->second)
      if (row.compilerRevision == asked.compilerRevision && counts(row) && isNewer(row, answer))
        answer = &row;
  return answer;
}

const KernelRecord *KnownRows::sameCode(const KernelRecord &compiled) const {
  // A prediction costs nothing, and the model may have changed with the revision.
  if (source == Source::Model || compiled.codeHash.empty())
    return nullptr;
  auto found = byConfig.find(compiled.configText);
  const KernelRecord *answer = nullptr;
  if (found != byConfig.end())
    for (const KernelRecord &row : found->second)
      if (row.codeHash == compiled.codeHash && counts(row) && isNewer(row, answer))
        answer = &row;
  return answer;
}

} // namespace zorse::tuner
