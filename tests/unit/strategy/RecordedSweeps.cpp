//===- RecordedSweeps.cpp - the sweeps in tests/data/sweeps ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RecordedSweeps.h"

#include "zorse/tuner/Sweeps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace zorse::test {

[[noreturn]] static void giveUp(const std::string &file, const std::string &why) {
  fmt::print(stderr, "{}: {}\n", file, why);
  std::abort();
}

static std::vector<KernelRecord> readRows(const std::filesystem::path &path,
                                          const std::filesystem::path &scratch) {
  auto database = Database::open(scratch, Database::Mode::ReadWrite);
  if (!database)
    giveUp(path, database.error().message);
  std::ifstream stream(path);
  Result<MergeReport> report = (*database)->importText(stream, path.string());
  if (!report)
    giveUp(path, report.error().message);
  if (!report->refused.empty())
    giveUp(path, report->refused.front());
  Result<std::vector<KernelRecord>> rows = (*database)->list({});
  if (!rows)
    giveUp(path, rows.error().message);
  return rows.take();
}

static Problem problemOf(const std::filesystem::path &path, const KernelRecord &row) {
  std::string json = row.opJson;
  json.insert(json.size() - 1, ",\"tuning\":" + row.tuningPoint);
  Result<OpDesc> op = OpDesc::parse(json);
  if (!op)
    giveUp(path, op.error().message);
  Result<TargetDesc> target = findTarget(row.arch);
  if (!target)
    giveUp(path, target.error().message);
  target->computeUnits = static_cast<int>(row.computeUnits);
  return {op.take(), target.take()};
}

static std::vector<RecordedSweep> readAll() {
  std::vector<std::filesystem::path> paths;
  std::filesystem::path folder = std::filesystem::path(ZORSE_SOURCE_DIR) / "tests/data/sweeps";
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".jsonl")
      paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::string pattern = std::filesystem::temp_directory_path() / "zorse-sweeps-XXXXXX";
  if (!mkdtemp(pattern.data()))
    giveUp(pattern, "cannot make this folder");
  std::vector<RecordedSweep> sweeps;
  for (const std::filesystem::path &path : paths) {
    std::filesystem::path scratch =
        std::filesystem::path(pattern) / path.filename().replace_extension(".db");
    std::vector<KernelRecord> rows = readRows(path, scratch);
    Result<std::vector<Sweep>> read = sweepsOf(rows);
    if (!read)
      giveUp(path, read.error().message);
    if (read->size() != 1)
      giveUp(path, fmt::format("expected one problem, found {}", read->size()));
    sweeps.push_back({path.stem(), std::move(read->front()), problemOf(path, rows.front())});
  }
  std::filesystem::remove_all(pattern);
  return sweeps;
}

const std::vector<RecordedSweep> &recordedSweeps() {
  static const std::vector<RecordedSweep> sweeps = readAll();
  return sweeps;
}

Space leavingOneOut(const RecordedSweep &sweep) {
  std::vector<Sweep> others;
  for (const RecordedSweep &other : recordedSweeps())
    if (other.name != sweep.name && other.sweep.opKind == sweep.sweep.opKind &&
        other.sweep.family == sweep.sweep.family)
      others.push_back(other.sweep);
  Space space = sweep.sweep.space;
  space.favourites.clear();
  for (const std::string &text : quickList(others))
    if (std::optional<size_t> index = space.find(text); index && *index != 0)
      space.favourites.push_back(*index);
  return space;
}

} // namespace zorse::test
