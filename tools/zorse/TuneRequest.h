//===- TuneRequest.h - what zorse tune was asked for ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "PlanRequest.h"

#include "zorse/tuner/Tuner.h"

namespace zorse::tool {

/// The command line as it was given.
struct TuneArguments {
  PlanArguments plan; ///< --model and what goes with it
  std::string opPath, arch, device, space = "quick", strategy = "auto", budget, simulate;
  std::string cache = "cold", shard, explainConfig, retuneBefore;
  std::string compileLimit, trialLimit, memoryLimit;
  std::vector<std::string> retry;
  double precision = 0;
  int64_t trials = 0;
  int threads = 0;
  uint64_t seed = 1;
  bool retune = false, dryRun = false, status = false;
};

/// What to tune, and how. Either one op or the plan of a model.
struct TuneRequest {
  std::optional<OpDesc> op;
  TuneOptions options; ///< with the shard of a single op; a model is divided by problems
  MeasureOptions measure;
  TrialLimits limits;
  int threads = 0;
  int64_t shard = 0, shards = 1;
  std::string resumeCommand; ///< continues a search that was stopped; without limits
};

void addTuneOptions(CLI::App &verb, Tool &tool, TuneArguments &arguments);

/// Checks and reads the arguments. Errors: Usage.
Result<TuneRequest> makeTuneRequest(const Tool &tool, const TuneArguments &arguments);

} // namespace zorse::tool
