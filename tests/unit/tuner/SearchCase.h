//===- SearchCase.h - a search of forty scripted configurations -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ScriptedLaboratory.h"

#include "zorse/tuner/Tuner.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

namespace zorse::test {

class SearchCase : public testing::Test {
protected:
  static constexpr size_t numConfigs = 40;

  SearchCase() : space(firstConfigs()) {
    problem.target.computeUnits = 2;
    // Thousands of commits: in memory where the machine has a folder for that.
    const char *memory = "/dev/shm";
    path = std::filesystem::path(access(memory, W_OK) == 0 ? memory : testing::TempDir()) /
           ("zorse-search-" + std::to_string(getpid()) + "-" +
            testing::UnitTest::GetInstance()->current_test_info()->name() + ".db");
    removeDatabase();
    reopen();
    // Each its own time; the best is far from the default.
    for (size_t i = 0; i < space.size(); ++i)
      at(i).screenedUs = 100 + double((i * 17 + 3) % numConfigs) * 10;
    at(0).screenedUs = 300;
    at(best).screenedUs = 50;
    options.strategy = "exhaustive";
    options.configs = &space;
    options.stop = &laboratory.stop;
    options.onProgress = [this](const TuneProgress &progress) {
      last = progress;
      if (progress.trial)
        ended.push_back(progress.trial->configText);
    };
  }
  ~SearchCase() override { removeDatabase(); }

  void removeDatabase() {
    database.reset();
    for (const char *suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(path + suffix);
  }
  void reopen() {
    database.reset();
    database = must(Database::open(path, Database::Mode::ReadWrite));
  }
  void startAgain() {
    removeDatabase();
    reopen();
  }

  Space firstConfigs() {
    problem = {must(OpDesc::parse(R"({"op":"linear","in_features":512,"out_features":512,
                                      "dtype":"f32","tuning":{"tokens":8}})")),
               must(findTarget("x86_64-avx2"))};
    Space all = must(Space::of(problem.op, problem.target, SearchSpace::Exhaustive));
    std::vector<KernelConfig> configs;
    for (size_t i = 0; i < numConfigs; ++i)
      configs.push_back(all[i]);
    return Space(std::move(configs));
  }

  std::string text(size_t index) const { return space[index].text(); }
  Script &at(size_t index) { return laboratory.scripts[text(index)]; }

  /// One run of the search; the stop flag is down again.
  TuneOutcome search() {
    laboratory.stop = false;
    return must(tune(problem, laboratory, *database, options));
  }
  std::vector<KernelRecord> rows(const std::string &config = "") {
    RecordFilter filter;
    filter.configText = config;
    return must(database->list(filter));
  }
  KernelRecord row(size_t index) {
    std::vector<KernelRecord> found = rows(text(index));
    if (found.size() != 1)
      throw std::runtime_error(text(index) + " has " + std::to_string(found.size()) + " rows");
    return found[0];
  }

  Problem problem;
  Space space;
  static constexpr size_t best = 29;
  std::string path;
  std::unique_ptr<Database> database;
  ScriptedLaboratory laboratory;
  TuneOptions options;
  TuneProgress last;
  std::vector<std::string> ended;
};

} // namespace zorse::test
