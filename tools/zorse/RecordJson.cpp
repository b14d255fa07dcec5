//===- RecordJson.cpp - trials for people and programs --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RecordJson.h"

#include "CodeJson.h"

#include "zorse/desc/StrictJson.h"

#include <array>
#include <fmt/format.h>

namespace zorse::tool {

/// JSON of a text from the database, or the text itself where it is not JSON.
static Json parsedOrText(const std::string &text) {
  Result<nlohmann::json> parsed = parseStrictJson(text);
  return parsed ? Json(*parsed) : Json(text);
}

Json recordJson(const KernelRecord &record, bool isWinner) {
  Json json = {{"id", record.id},
               {"winner", isWinner},
               {"op", parsedOrText(record.opJson)},
               {"target", record.arch},
               {"compute_units", record.computeUnits},
               {"tuning_point", parsedOrText(record.tuningPoint)},
               {"config", configJson(record.configText)},
               {"config_text", record.configText},
               {"state", name(record.state)},
               {"error", record.error},
               {"stale", record.stale},
               {"compiler_revision", record.compilerRevision},
               {"code_hash", record.codeHash},
               {"created_at", record.createdAt}};
  json["measurement"] = Json();
  if (const auto &measurement = record.measurement)
    json["measurement"] = {{"source", name(measurement->source)},
                           {"device", measurement->device},
                           {"method", measurement->method},
                           {"median_us", measurement->medianUs},
                           {"low_us", measurement->lowUs},
                           {"high_us", measurement->highUs},
                           {"samples", measurement->samples},
                           {"flops", measurement->flops},
                           {"bytes", measurement->bytes},
                           {"environment", parsedOrText(measurement->environment)}};
  json["verification"] = Json();
  if (const auto &verification = record.verification)
    json["verification"] = {{"passed", verification->passed},
                            {"max_error", verification->maxError},
                            {"cases", verification->cases},
                            {"detail", verification->detail}};
  return json;
}

static std::string timeOf(const KernelRecord &record) {
  return record.measurement ? formatSeconds(record.measurement->medianUs * 1e-6) : "-";
}

static std::string_view verdict(const KernelRecord &record) {
  return !record.verification ? "no" : record.verification->passed ? "passed" : "failed";
}

std::string recordTable(const std::vector<KernelRecord> &records,
                        const std::set<int64_t> &winners) {
  constexpr size_t columns = 9;
  using Row = std::array<std::string, columns>;
  std::vector<Row> rows = {
      {"id", "op", "target", "tuned at", "config", "state", "verified", "time", "source"}};
  for (const KernelRecord &record : records)
    rows.push_back({fmt::format("{}{}", record.id, winners.contains(record.id) ? "*" : ""),
                    record.opKind, record.arch, record.tuningPoint, record.configText,
                    std::string(name(record.state)), std::string(verdict(record)), timeOf(record),
                    record.measurement ? std::string(name(record.measurement->source)) : "-"});
  std::array<size_t, columns> widths = {};
  for (const Row &row : rows)
    for (size_t i = 0; i < columns; ++i)
      widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const Row &row : rows) {
    for (size_t i = 0; i + 1 < columns; ++i)
      text += fmt::format("{:<{}}  ", row[i], widths[i]);
    text += row[columns - 1] + '\n';
  }
  return text;
}

std::string describeRecord(const KernelRecord &record, bool isWinner) {
  std::string text = fmt::format(
      "trial      {}{}, {}\nop         {}\ntarget     {}, {} compute units\n"
      "tuned at   {}\nconfig     {}\nstate      {}{}\ncompiler   {}\n",
      record.id, isWinner ? " (winner)" : "", record.createdAt, record.opJson, record.arch,
      record.computeUnits, record.tuningPoint, record.configText, name(record.state),
      record.error.empty() ? "" : ": " + record.error, record.compilerRevision);
  if (const auto &measurement = record.measurement)
    text += fmt::format("time       {} [{}, {}], {} ({}, {} samples, on {})\n", timeOf(record),
                        formatSeconds(measurement->lowUs * 1e-6),
                        formatSeconds(measurement->highUs * 1e-6), name(measurement->source),
                        measurement->method, measurement->samples, measurement->device);
  text += fmt::format("verified   {}", verdict(record));
  if (const auto &verification = record.verification)
    text += fmt::format(", {} cases, largest error {:.3g} of the allowed{}", verification->cases,
                        verification->maxError,
                        verification->detail.empty() ? "" : ", " + verification->detail);
  text += '\n';
  if (record.measurement && record.measurement->environment != "{}")
    text += fmt::format("conditions {}\n", record.measurement->environment);
  if (!record.stale.empty())
    text += fmt::format("stale      {}\n", record.stale);
  return text;
}

} // namespace zorse::tool
