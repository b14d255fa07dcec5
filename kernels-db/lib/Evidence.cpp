//===- Evidence.cpp - which of two rows says more -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Evidence.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <tuple>

namespace zorse::db {

namespace {

/// Texts and numbers in a row, each told apart from its neighbours by its length.
class Canonical {
public:
  Canonical &operator<<(std::string_view text) {
    number(text.size());
    bytes.append(text);
    return *this;
  }
  Canonical &operator<<(int64_t value) { return number(static_cast<uint64_t>(value)); }
  Canonical &operator<<(double value) {
    return number(std::bit_cast<uint64_t>(value == 0 ? 0.0 : value)); // one zero
  }
  Hash128 hash() const { return hashText(bytes); }

private:
  Canonical &number(uint64_t value) {
    for (int i = 0; i < 8; ++i)
      bytes += static_cast<char>(value >> (8 * i));
    return *this;
  }
  std::string bytes;
};

} // namespace

/// What was tried, up to the code.
static Canonical tried(const KernelRecord &record) {
  Canonical text;
  text << record.opKind << record.opJson << record.arch << record.computeUnits << record.tuningPoint
       << record.configText;
  return text;
}

static Hash128 codeKey(const KernelRecord &record) {
  Canonical text = tried(record);
  text << record.codeHash;
  return text.hash();
}

static Hash128 keyOf(const KernelRecord &record) {
  Canonical text = tried(record);
  text << record.codeHash << (record.codeHash.empty() ? record.compilerRevision : "");
  if (const auto &measurement = record.measurement)
    text << name(measurement->source) << measurement->device;
  return text.hash();
}

static Hash128 rowHash(const KernelRecord &record) {
  Canonical text = tried(record);
  text << record.codeHash << record.compilerRevision << name(record.state) << record.error
       << record.stale << record.createdAt;
  text << static_cast<int64_t>(record.measurement.has_value());
  if (const auto &measurement = record.measurement)
    text << name(measurement->source) << measurement->device << measurement->method
         << measurement->medianUs << measurement->lowUs << measurement->highUs
         << measurement->samples << measurement->flops << measurement->bytes
         << measurement->environment;
  text << static_cast<int64_t>(record.verification.has_value());
  if (const auto &verification = record.verification)
    text << static_cast<int64_t>(verification->passed) << verification->maxError
         << verification->cases << verification->detail;
  return text.hash();
}

void normalize(KernelRecord &record) {
  if (auto &measurement = record.measurement)
    if (measurement->lowUs == 0 && measurement->highUs == 0)
      measurement->lowUs = measurement->highUs = measurement->medianUs;
  if (auto &verification = record.verification)
    if (std::isnan(verification->maxError))
      verification->maxError = std::numeric_limits<double>::infinity();
}

static int rankOf(const KernelRecord &record) {
  if (record.state == TrialState::Ok && record.verification && record.verification->passed)
    return 4;
  if (record.state == TrialState::Wrong || record.verification)
    return 3;
  if (record.state == TrialState::Ok)
    return record.measurement ? 2 : 0;
  return 1;
}

Evidence evidenceOf(const KernelRecord &record) {
  Evidence evidence;
  evidence.rank = rankOf(record);
  evidence.stale = !record.stale.empty();
  if (const auto &measurement = record.measurement) {
    evidence.samples = measurement->samples;
    evidence.medianUs = measurement->medianUs;
    evidence.width = (measurement->highUs - measurement->lowUs) / measurement->medianUs;
  }
  evidence.createdAt = record.createdAt;
  evidence.row = rowHash(record);
  return evidence;
}

bool isStronger(const Evidence &a, const Evidence &b) {
  // Smaller is stronger on the right of each pair that is turned round.
  return std::tie(a.rank, b.stale, a.samples, b.width, b.medianUs, a.createdAt, a.row) >
         std::tie(b.rank, a.stale, b.samples, a.width, a.medianUs, b.createdAt, b.row);
}

EvidenceIndex::Verdict EvidenceIndex::offer(const KernelRecord &record, int64_t newId) {
  Verdict verdict;
  bool isBare = isBareCompilation(record);
  std::optional<Hash128> code;
  if (!record.codeHash.empty())
    code = codeKey(record);
  if (isBare && code && spoken.contains(*code))
    return verdict;
  Hash128 key = keyOf(record);
  auto [entry, added] = rows.try_emplace(key);
  Evidence evidence = evidenceOf(record);
  if (!added && !isStronger(evidence, entry->second.evidence))
    return verdict;
  verdict.taken = true;
  verdict.added = added;
  if (added)
    entry->second.id = newId;
  else
    verdict.displaced.push_back(entry->second.id);
  verdict.id = entry->second.id;
  entry->second.evidence = std::move(evidence);
  if (!code)
    return verdict;
  if (isBare) {
    bare[*code] = key;
    return verdict;
  }
  spoken.insert(*code);
  if (auto weak = bare.find(*code); weak != bare.end()) {
    if (weak->second != key) {
      auto row = rows.find(weak->second);
      verdict.displaced.push_back(row->second.id);
      rows.erase(row);
    }
    bare.erase(weak);
  }
  return verdict;
}

void EvidenceIndex::clear() {
  rows.clear();
  bare.clear();
  spoken.clear();
}

void EvidenceIndex::reserve(size_t count) {
  rows.reserve(count);
  spoken.reserve(count);
}

std::vector<Hash128> EvidenceIndex::rowHashes() const {
  std::vector<Hash128> hashes;
  hashes.reserve(rows.size());
  for (const auto &[key, entry] : rows)
    hashes.push_back(entry.evidence.row);
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

} // namespace zorse::db
