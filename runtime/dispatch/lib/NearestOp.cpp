//===- NearestOp.cpp - what the database has instead ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "KernelSource.h"

#include "zorse/desc/StrictJson.h"

#include <cmath>
#include <fmt/format.h>
#include <set>

namespace zorse::dispatch {

namespace {

struct Difference {
  double distance = 0;
  std::vector<std::string> fields; ///< "num_heads (32 there)"
};

} // namespace

/// Field by field: numbers by the ratio, everything else by being equal.
static Difference compare(const nlohmann::json &wanted, const nlohmann::json &there) {
  Difference difference;
  for (const auto &[name, value] : wanted.items()) {
    if (!there.contains(name) || there[name] == value)
      continue;
    const nlohmann::json &other = there[name];
    difference.fields.push_back(fmt::format("{} ({} there)", name, other.dump()));
    difference.distance += 1;
    if (value.is_number() && other.is_number() && value.get<double>() > 0 &&
        other.get<double>() > 0)
      difference.distance += std::abs(std::log2(value.get<double>() / other.get<double>()));
  }
  return difference;
}

Result<std::string> describeNearestOp(const OpDesc &op, const TargetDesc &target,
                                      Database &database) {
  RecordFilter filter;
  filter.opKind = op.kind();
  filter.arch = target.arch;
  filter.winnersOnly = true;
  Result<std::vector<KernelRecord>> records = database.list(filter);
  if (!records)
    return records.takeError();
  Result<nlohmann::json> wanted = parseStrictJson(op.canonicalJson());
  if (!wanted)
    return wanted.takeError();
  std::optional<Difference> best;
  std::string nearest;
  std::set<std::string> seen;
  for (const KernelRecord &record : *records) {
    if (!seen.insert(record.opJson).second)
      continue;
    Result<nlohmann::json> there = parseStrictJson(record.opJson);
    if (!there || !there->is_object())
      continue;
    Difference difference = compare(*wanted, *there);
    if (!best || difference.distance < best->distance) {
      best = std::move(difference);
      nearest = record.opJson;
    }
  }
  if (!best)
    return std::string();
  if (best->fields.empty())
    return fmt::format("the op has winners, but none with usable code");
  return fmt::format("the nearest is {}, which differs in {}", nearest,
                     fmt::join(best->fields, ", "));
}

} // namespace zorse::dispatch
