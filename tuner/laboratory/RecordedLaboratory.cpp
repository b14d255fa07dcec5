//===- RecordedLaboratory.cpp - a sweep once more, without a device -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sweep may hold rows of several revisions and devices. One of each speaks here: that
// with the most results, so that times are of one machine; of equals the first by name.
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Laboratory.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unordered_map>

namespace zorse {

namespace {

bool isAnswer(const KernelRecord &record) {
  return record.state != TrialState::Queued && record.state != TrialState::Running &&
         record.state != TrialState::Interrupted && record.stale.empty();
}

std::string keyOf(const std::string &opJson, const std::string &arch, int64_t computeUnits,
                  const std::string &tuningPoint, const std::string &configText) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", opJson, arch, computeUnits, tuningPoint, configText);
}

std::string mostFrequent(const std::map<std::string, int64_t> &counts) {
  auto most = counts.begin();
  for (auto each = counts.begin(); each != counts.end(); ++each)
    if (each->second > most->second)
      most = each;
  return most == counts.end() ? std::string() : most->first;
}

class RecordedLaboratory final : public Laboratory {
public:
  explicit RecordedLaboratory(std::vector<KernelRecord> records);

  std::string compilerRevision() const override { return revision; }
  Source source() const override { return kind; }
  std::string deviceDescription() const override { return device; }
  bool isHarmless() const override { return true; }

  Status compileAll(const Problem &problem, std::span<const KernelConfig> configs,
                    const std::function<Status(size_t)> &begun,
                    const std::function<Status(size_t, Compiled)> &ended,
                    const std::atomic<bool> *stop) override;
  Result<Tried> tryOut(const Problem &problem, const Specimen &specimen, double hopelessUs,
                       const std::atomic<bool> *stop) override;
  Result<std::vector<Tried>> rounds(const Problem &problem, std::span<const Specimen> specimens,
                                    const std::atomic<bool> *stop) override;

private:
  const KernelRecord *find(const Problem &problem, const KernelConfig &config) const;

  std::string revision, device;
  Source kind = Source::Measured;
  std::unordered_map<std::string, KernelRecord> rows;
};

RecordedLaboratory::RecordedLaboratory(std::vector<KernelRecord> records) {
  std::erase_if(records, [](const KernelRecord &record) { return !isAnswer(record); });
  std::map<Source, int64_t> sources;
  for (const KernelRecord &record : records)
    if (record.measurement)
      ++sources[record.measurement->source];
  for (const auto &[source, count] : sources)
    if (!sources.contains(kind) || count > sources[kind])
      kind = source;
  std::map<std::string, int64_t> devices, revisions;
  for (const KernelRecord &record : records)
    if (record.measurement && record.measurement->source == kind)
      ++devices[record.measurement->device];
  device = mostFrequent(devices);
  std::erase_if(records, [&](const KernelRecord &record) {
    return record.measurement &&
           (record.measurement->source != kind || record.measurement->device != device);
  });
  for (const KernelRecord &record : records)
    ++revisions[record.compilerRevision];
  revision = mostFrequent(revisions);

  auto worth = [&](const KernelRecord &record) {
    return std::tuple(record.compilerRevision == revision, record.createdAt, record.id);
  };
  for (KernelRecord &record : records) {
    std::string key = keyOf(record.opJson, record.arch, record.computeUnits, record.tuningPoint,
                            record.configText);
    auto [place, isNew] = rows.try_emplace(std::move(key), record);
    if (!isNew && worth(place->second) < worth(record))
      place->second = std::move(record);
  }
}

const KernelRecord *RecordedLaboratory::find(const Problem &problem,
                                             const KernelConfig &config) const {
  auto row =
      rows.find(keyOf(problem.op.canonicalJson(), problem.target.arch, problem.target.computeUnits,
                      problem.op.tuningPointJson(), config.text()));
  return row == rows.end() ? nullptr : &row->second;
}

Status RecordedLaboratory::compileAll(const Problem &problem, std::span<const KernelConfig> configs,
                                      const std::function<Status(size_t)> &begun,
                                      const std::function<Status(size_t, Compiled)> &ended,
                                      const std::atomic<bool> *stop) {
  for (size_t i = 0; i < configs.size() && !(stop && *stop); ++i) {
    if (Status status = begun(i); !status)
      return status;
    Compiled compiled;
    const KernelRecord *row = find(problem, configs[i]);
    if (!row) {
      compiled.state = TrialState::Failed;
      compiled.error = "the recorded sweep has no result of this configuration";
    } else if (row->codeHash.empty()) { // it ended before there was code
      compiled.state = row->state == TrialState::Ok ? TrialState::Failed : row->state;
      compiled.error = row->error;
    } else {
      compiled.codeHash = row->codeHash;
    }
    if (Status status = ended(i, std::move(compiled)); !status)
      return status;
  }
  return Status();
}

Result<Tried> RecordedLaboratory::tryOut(const Problem &problem, const Specimen &specimen,
                                         double /*hopelessUs*/,
                                         const std::atomic<bool> * /*stop*/) {
  Tried tried;
  const KernelRecord *row = find(problem, specimen.config);
  if (!row || (row->state == TrialState::Ok && !row->measurement)) {
    tried.state = TrialState::Failed;
    tried.error = row ? "the recorded sweep compiled this configuration and did not measure it"
                      : "the recorded sweep has no result of this configuration";
    return tried;
  }
  tried.state = row->state;
  tried.error = row->error;
  tried.verification = row->verification;
  if (row->state != TrialState::Ok)
    return tried;
  tried.measurement = row->measurement;
  // The sweep's search noted things about itself; its time is the one of the row.
  nlohmann::json environment = nlohmann::json::parse(row->measurement->environment, nullptr, false);
  if (environment.is_object()) {
    environment.erase("screened_us");
    environment.erase("trial_ms");
    tried.measurement->environment = environment.dump();
  }
  return tried;
}

Result<std::vector<Tried>> RecordedLaboratory::rounds(const Problem &problem,
                                                      std::span<const Specimen> specimens,
                                                      const std::atomic<bool> *stop) {
  std::vector<Tried> results;
  for (const Specimen &specimen : specimens) {
    Result<Tried> tried = tryOut(problem, specimen, 0, stop);
    if (!tried)
      return tried.takeError();
    results.push_back(tried.take());
  }
  return results;
}

} // namespace

std::unique_ptr<Laboratory> createRecordedLaboratory(std::vector<KernelRecord> records) {
  return std::make_unique<RecordedLaboratory>(std::move(records));
}

} // namespace zorse
