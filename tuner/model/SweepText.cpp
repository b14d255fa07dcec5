//===- SweepText.cpp - recorded sweeps as text ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Evaluate.h"

#include <fmt/format.h>
#include <istream>
#include <nlohmann/json.hpp>

namespace zorse {

using nlohmann::json;

namespace {

std::string textOf(const json &row, const char *key) {
  auto found = row.find(key);
  return found != row.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// The problem of a heading, or false.
bool readHeading(const json &row, KernelRecord &problem, std::string &device) {
  auto op = row.find("op"), units = row.find("compute_units"), point = row.find("tuning_point");
  if (!op->is_object() || units == row.end() || !units->is_number_integer() || point == row.end() ||
      !point->is_object() || textOf(row, "target").empty())
    return false;
  problem = {};
  problem.opKind = textOf(*op, "op");
  problem.opJson = op->dump();
  problem.arch = textOf(row, "target");
  problem.computeUnits = units->get<int64_t>();
  problem.tuningPoint = point->dump();
  problem.compilerRevision = textOf(row, "compiler_revision");
  device = textOf(row, "device");
  return true;
}

/// One configuration, or false.
bool readTrial(const json &row, const std::string &device, KernelRecord &record) {
  record.configText = textOf(row, "config");
  std::string state = textOf(row, "state");
  if (record.configText.empty() || state.empty())
    return false;
  record.state = state == name(TrialState::Ok) ? TrialState::Ok : TrialState::Failed;
  if (record.state != TrialState::Ok)
    return true;
  auto times = row.find("us");
  if (times == row.end() || !times->is_array() || times->size() != 3)
    return false;
  for (const json &time : *times)
    if (!time.is_number() || !(time.get<double>() > 0))
      return false;
  Measurement measurement;
  measurement.source = Source::Measured;
  measurement.device = device;
  measurement.lowUs = times->at(0).get<double>();
  measurement.medianUs = times->at(1).get<double>();
  measurement.highUs = times->at(2).get<double>();
  auto samples = row.find("samples");
  if (samples != row.end() && samples->is_number_integer())
    measurement.samples = samples->get<int64_t>();
  record.measurement = measurement;
  return true;
}

} // namespace

Result<std::vector<KernelRecord>> readSweep(std::istream &from, std::string_view name) {
  std::vector<KernelRecord> records;
  KernelRecord problem;
  std::string device;
  int64_t number = 0;
  for (std::string line; std::getline(from, line);) {
    ++number;
    if (line.empty())
      continue;
    json row = json::parse(line, nullptr, /*allow_exceptions=*/false);
    bool heading = row.is_object() && row.contains("op");
    KernelRecord record = problem;
    bool read = row.is_object() &&
                (heading ? readHeading(row, problem, device) : readTrial(row, device, record));
    if (read && !heading && problem.opJson.empty())
      return usageError(fmt::format(
          "{}:{}: expected a line with op, target and tuning_point before the first configuration",
          name, number));
    if (!read)
      return usageError(fmt::format("{}:{}: expected a JSON object that names a problem (op, "
                                    "target, compute_units, tuning_point) or a configuration "
                                    "(config, state, us of three positive numbers)",
                                    name, number));
    if (!heading)
      records.push_back(std::move(record));
  }
  return records;
}

} // namespace zorse
