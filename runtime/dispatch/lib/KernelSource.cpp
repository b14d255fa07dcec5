//===- KernelSource.cpp - which code runs an op at these sizes ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "KernelSource.h"

#include "Bucket.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <tuple>

namespace zorse::dispatch {

Result<std::vector<Candidate>> KernelSource::candidates(const OpDesc &op) {
  std::vector<Candidate> found;
  if (!database)
    return found;
  Result<std::vector<KernelRecord>> winners = database->winners(op, target, deviceName);
  if (!winners)
    return winners.takeError();
  for (KernelRecord &record : *winners)
    if (std::optional<Sizes> sizes = parseTuningPoint(record.tuningPoint))
      found.push_back({std::move(record), std::move(*sizes)});
  return found;
}

/// Candidates in the order in which they should be tried: by distance of the sizes, then of the
/// number of compute units.
static std::vector<const Candidate *> byDistance(const std::vector<Candidate> &candidates,
                                                 const Sizes &bucket, const TargetDesc &target) {
  struct Entry {
    double sizes, units;
    const Candidate *candidate;
  };
  std::vector<Entry> entries;
  for (const Candidate &candidate : candidates) {
    double sizes = distance(bucket, candidate.tunedAt);
    if (!std::isfinite(sizes))
      continue; // the op has other sizes by now
    double units = distance({{"", target.computeUnits}}, {{"", candidate.record.computeUnits}});
    entries.push_back({sizes, units, &candidate});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::tuple(a.sizes, a.units, a.candidate->record.id) <
           std::tuple(b.sizes, b.units, b.candidate->record.id);
  });
  std::vector<const Candidate *> sorted;
  for (const Entry &entry : entries)
    sorted.push_back(entry.candidate);
  return sorted;
}

KernelSource::Obstacle KernelSource::whyUnusable(const KernelRecord &record, const Error *failure) {
  if (failure)
    return {failure->message};
  Result<std::optional<StoredCode>> stored = database->inspectCode(record);
  if (!stored)
    return {stored.error().message};
  if (!*stored)
    return {fmt::format("its code {} is not stored", record.codeHash),
            !record.layer.empty() && record.layer != "user"};
  std::string where = record.layer.empty() ? database->path() : "the " + record.layer + " database";
  return {
      fmt::format("its code {} (trial {} of {}) was built by somebody else and is not signed by "
                  "a key that you trust; trust the key with `zorse key trust`, or build it "
                  "again with `zorse db audit --rebuild`",
                  record.codeHash, record.id, where)};
}

void KernelSource::note(const KernelRecord &record, std::string text) {
  if (noted.insert({record.layer, record.id}).second)
    sentences.push_back(fmt::format("{}: {}", record.opKind, text));
}

Result<CodeObject> KernelSource::buildAgain(const OpDesc &op, const Candidate &candidate,
                                            const Obstacle &obstacle) {
  const KernelRecord &record = candidate.record;
  RecordKey key(record.layer, record.id);
  auto known = rebuilt.find(key);
  if (known != rebuilt.end())
    return known->second;
  Result<CodeObject> object = rebuild(op.withTuningPoint(candidate.tunedAt), record);
  bool isOther = object && object->codeHash().hex() != record.codeHash;
  // Shipped winners are often of another compiler or device: where to begin, not what to expect.
  if (isOther && record.layer != "shipped")
    note(record, fmt::format("the winner {} at {} was built again and is other code ({}) than was "
                             "measured ({}), so its time may differ; tune it again",
                             record.configText, record.tuningPoint, object->codeHash().hex(),
                             record.codeHash));
  else if (object && !isOther && !obstacle.cameWithoutCode)
    note(record, fmt::format("the winner {} at {} was built again: {}", record.configText,
                             record.tuningPoint, obstacle.text));
  return rebuilt.emplace(key, std::move(object)).first->second;
}

std::vector<Dispatcher::Winner> KernelSource::winners(const OpDesc &op,
                                                      const std::vector<Candidate> &candidates,
                                                      const Sizes &bucket) {
  std::vector<Dispatcher::Winner> winners;
  for (const Candidate *candidate : byDistance(candidates, bucket, target)) {
    const KernelRecord &record = candidate->record;
    winners.push_back({op.withTuningPoint(candidate->tunedAt), record, {}});
    Result<std::optional<CodeObject>> code = database->loadCode(record);
    if (code.ok() && *code)
      break;
    Obstacle obstacle = whyUnusable(record, code.ok() ? nullptr : &code.error());
    winners.back().obstacle = std::move(obstacle.text);
    winners.back().cameWithoutCode = obstacle.cameWithoutCode;
  }
  return winners;
}

Result<CodeObject> KernelSource::find(const OpDesc &op, const std::vector<Candidate> &candidates,
                                      const Sizes &bucket) {
  std::vector<std::string> reasons;
  for (const Candidate *candidate : byDistance(candidates, bucket, target)) {
    const KernelRecord &record = candidate->record;
    Result<std::optional<CodeObject>> code = database->loadCode(record);
    if (code.ok() && *code)
      return std::move(**code);
    Obstacle obstacle = whyUnusable(record, code.ok() ? nullptr : &code.error());
    if (rebuild) {
      Result<CodeObject> object = buildAgain(op, *candidate, obstacle);
      if (object)
        return object;
      obstacle.text += "; building it again failed: " + object.error().message;
    }
    std::string reason = fmt::format("the winner {} at {} was passed over: {}", record.configText,
                                     record.tuningPoint, obstacle.text);
    note(record, reason);
    reasons.push_back(std::move(reason));
  }
  if (onMiss)
    return onMiss(op, bucket);
  return noKernel(op, bucket, reasons);
}

Error KernelSource::noKernel(const OpDesc &op, const Sizes &bucket,
                             const std::vector<std::string> &reasons) {
  std::string message =
      fmt::format("no kernel for {} on {} with {} compute units at {}", op.canonicalJson(),
                  target.arch, target.computeUnits, op.withTuningPoint(bucket).tuningPointJson());
  for (const std::string &reason : reasons)
    message += "; " + reason;
  if (!database) {
    message += "; no database was given";
  } else {
    Result<std::string> nearest = describeNearestOp(op, target, *database);
    if (!nearest)
      return nearest.takeError();
    message += "; in " + database->path() + " " +
               (nearest->empty() ? fmt::format("there is no {} for {}", op.kind(), target.arch)
                                 : *nearest);
  }
  message += "; make one with `zorse tune`";
  return runtimeError(std::move(message));
}

} // namespace zorse::dispatch
