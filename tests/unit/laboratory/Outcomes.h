//===- Outcomes.h - runs a laboratory and keeps what it said -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Laboratory.h"

#include <gtest/gtest.h>

namespace zorse::test {

/// What compileAll() said of each configuration.
struct Outcomes {
  std::vector<int> begun, ended; ///< how often
  std::vector<Compiled> compiled;

  int64_t count(TrialState state) const {
    int64_t found = 0;
    for (size_t i = 0; i < compiled.size(); ++i)
      found += ended[i] > 0 && compiled[i].state == state;
    return found;
  }
};

inline Outcomes compileAll(Laboratory &laboratory, const Problem &problem,
                           std::span<const KernelConfig> configs,
                           const std::atomic<bool> *stop = nullptr) {
  Outcomes outcomes;
  outcomes.begun.resize(configs.size());
  outcomes.ended.resize(configs.size());
  outcomes.compiled.resize(configs.size());
  Status status = laboratory.compileAll(
      problem, configs,
      [&](size_t i) {
        ++outcomes.begun[i];
        return Status::success();
      },
      [&](size_t i, Compiled compiled) {
        EXPECT_EQ(outcomes.begun[i], 1);
        ++outcomes.ended[i];
        outcomes.compiled[i] = std::move(compiled);
        return Status::success();
      },
      stop);
  EXPECT_TRUE(status.ok()) << status.error().message;
  return outcomes;
}

inline MeasureOptions quickMeasure() {
  MeasureOptions measure;
  measure.minSamples = 3;
  measure.maxSamples = 5;
  measure.budgetSeconds = 0.2;
  measure.screenSamples = 3;
  measure.sampleSeconds = 1e-5;
  return measure;
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

} // namespace zorse::test
