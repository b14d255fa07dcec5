//===- PlanRequest.h - a model, and the sizes it is to serve ------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include "zorse/hybrid/OpList.h"
#include "zorse/tuner/Plan.h"

namespace zorse::tool {

/// The options --model, --dtype, --batch, --context and --prefill as they were given.
struct PlanArguments {
  std::string modelDir, dtype;
  std::string batches = "1", contexts = "1024", prefills = "512";
  /// The words that ask for the same again: "--batch 1..64 …".
  std::string options() const;
};

/// Adds them; returns --model.
CLI::Option *addPlanOptions(CLI::App &verb, PlanArguments &arguments);

/// Numbers from "8", "1,2,8", "1..64" (doubling, both ends included), "512..32K"; k and K are 1024.
/// Ascending, each once. Errors: Usage, naming `option`.
Result<std::vector<int64_t>> parseSizeList(const std::string &text, std::string_view option);

/// A model with all that it launches in the scenarios asked for.
struct ModelPlan {
  std::string modelDir;
  ModelConfig config;
  DType dtype = DType::BF16;
  std::vector<int64_t> batches, contexts, prefills;
  OpListOptions engine; ///< maxLen, numSlots and passTokens of an engine that serves them all
  Plan plan;
  std::vector<std::string> notes; ///< what was left out, as sentences
};

/// Every batch with every context, and every prompt. Sizes beyond what the model was made for are
/// left out with a note; an error if none is left.
Result<ModelPlan> makeModelPlan(const PlanArguments &arguments, const TargetDesc &target);

/// The type of activations: --dtype, else that of the checkpoint.
Result<DType> chooseDType(const std::string &text, const std::string &modelDir);

} // namespace zorse::tool
