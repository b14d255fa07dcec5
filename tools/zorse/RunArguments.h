//===- RunArguments.h - the command line of run -----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Chat.h"
#include "ModelRunner.h"

#include "zorse/hybrid/Generator.h"

namespace zorse::tool {

struct RunArguments : ModelChoice {
  std::optional<std::string> prompt;
  ChatChoice chat;
  std::string cacheDType, stateDType; ///< as typed; empty: the model's
  bool isChat = false, greedy = false, logits = false, times = false;
  int64_t maxLen = 0, prefillChunk = 512, pageSize = 0;
  GenerateOptions generate;
};

/// Everything but --format and --db.
void addRunOptions(CLI::App &verb, RunArguments &arguments);

/// What is wrong with the arguments alone, sampling included. Error: Usage.
Status checkArguments(const RunArguments &arguments);

/// The engine that they ask for, with room for the prompt and its answer, or for a conversation of
/// the length that the model knows, within reason. Error (Usage): the prompt is longer than that.
Result<EngineOptions> engineOptions(const RunArguments &arguments, const ModelConfig &config,
                                    int64_t promptTokens);

} // namespace zorse::tool
