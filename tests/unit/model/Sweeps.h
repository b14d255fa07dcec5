//===- Sweeps.h - recorded problems for judging the model -------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Evaluate.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace zorse::test {

template <typename T> T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::abort();
  }
  return result.take();
}

struct NamedProblem {
  std::string name; ///< of the file
  RecordedProblem recorded;

  double bestUs() const {
    return *std::min_element(recorded.measuredUs.begin(), recorded.measuredUs.end());
  }
};

/// The problems in tests/data/sweeps, by name.
inline const std::vector<NamedProblem> &recordedSweeps() {
  static const std::vector<NamedProblem> sweeps = [] {
    std::vector<std::filesystem::path> paths;
    for (const auto &entry : std::filesystem::directory_iterator(
             std::filesystem::path(ZORSE_SOURCE_DIR) / "tests/data/sweeps"))
      if (entry.path().extension() == ".jsonl")
        paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::string scratch =
        (std::filesystem::temp_directory_path() / "zorse-model-test-XXXXXX").string();
    if (!mkdtemp(scratch.data()))
      std::abort();
    std::vector<NamedProblem> all;
    for (const std::filesystem::path &path : paths) {
      std::unique_ptr<Database> database =
          must(Database::open(scratch + "/" + path.stem().string(), Database::Mode::ReadWrite));
      std::ifstream stream(path);
      must(database->importText(stream, path.string()));
      for (RecordedProblem &problem : recordedProblems(must(database->list({})), 8))
        all.push_back({path.stem().string(), std::move(problem)});
    }
    std::filesystem::remove_all(scratch);
    return all;
  }();
  return sweeps;
}

} // namespace zorse::test
