//===- TuneRequest.h - what zorse tune was asked for ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include "zorse/tuner/Tuner.h"

namespace zorse::tool {

/// The command line as it was given.
struct TuneArguments {
  std::string opPath, modelDir, arch = "host", space = "quick", budget, dtype;
  int64_t trials = 0, context = 1024;
  int threads = 0;
  uint64_t seed = 1;
  std::vector<int64_t> batches = {1}, prefillTokens = {512};
  bool retune = false, dryRun = false;
};

/// The ops to tune, each at its tuning point, and how.
struct TuneRequest {
  std::vector<OpDesc> ops;
  TuneOptions options;
  std::string resumeCommand; ///< continues a search that was stopped
};

void addTuneOptions(CLI::App &verb, Tool &tool, TuneArguments &arguments);

Result<TuneRequest> makeTuneRequest(const Tool &tool, TuneArguments &arguments);

} // namespace zorse::tool
