//===- RunArguments.cpp - the command line of run -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RunArguments.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse::tool {

static void addSampling(CLI::App &verb, RunArguments &arguments) {
  SamplingOptions &sampling = arguments.generate.sampling;
  CLI::Option *greedy =
      verb.add_flag("--greedy", arguments.greedy, "take the largest logit (the default)");
  verb.add_option("--temperature", sampling.temperature, "sample at this temperature, 0 is greedy")
      ->excludes(greedy)
      ->option_text("T");
  verb.add_option("--top-k", sampling.topK, "sample from the k largest, 0 is all")
      ->option_text("K");
  verb.add_option("--top-p", sampling.topP, "sample from the smallest set of this probability")
      ->option_text("P");
  verb.add_option("--min-p", sampling.minP,
                  "leave out what is less likely than this share of the "
                  "likeliest")
      ->option_text("P");
  verb.add_option("--repetition-penalty", sampling.repetitionPenalty, "weaken tokens seen before")
      ->option_text("R");
  verb.add_option("--seed", sampling.seed, "of the random numbers")->option_text("N");
}

static void addEngineOptions(CLI::App &verb, RunArguments &arguments) {
  verb.add_option("--max-len", arguments.maxLen, "tokens that the caches have room for")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  verb.add_option("--prefill-chunk", arguments.prefillChunk, "most prompt tokens in one pass")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  verb.add_option("--page-size", arguments.pageSize,
                  "tokens of a page of the caches, 16 to 4096; 0: no pages")
      ->check(CLI::NonNegativeNumber)
      ->option_text("N");
  verb.add_option("--cache-dtype", arguments.cacheDType,
                  "type of latents, keys and values (default: as --dtype)")
      ->option_text("f32|f16|bf16");
  verb.add_option("--state-dtype", arguments.stateDType,
                  "type of the states of Mamba2 layers (default: as --dtype)")
      ->option_text("f32|f16|bf16");
}

void addRunOptions(CLI::App &verb, RunArguments &arguments) {
  addModelOptions(verb, arguments);
  verb.add_option("--prompt", arguments.prompt,
                  "text to continue; - is stdin (default: stdin, or a conversation where that is a "
                  "terminal)")
      ->option_text("TEXT");
  verb.add_flag("--chat", arguments.isChat,
                "the prompt is a message to the model, which answers it");
  addChatOptions(verb, arguments.chat);
  verb.add_option("--max-new-tokens", arguments.generate.maxNewTokens,
                  "stop after N tokens, in a conversation each answer")
      ->check(CLI::NonNegativeNumber)
      ->option_text("N");
  verb.add_flag("--ignore-eos", arguments.generate.ignoreEos,
                "go on after an end-of-sequence token");
  verb.add_flag("--logits", arguments.logits, "put the last logits of the prompt into the JSON");
  addSampling(verb, arguments);
  addEngineOptions(verb, arguments);
  verb.add_flag("--times", arguments.times, "show the time of each kind of kernel on stderr");
}

static Result<std::optional<DType>> parseOption(const char *option, const std::string &text) {
  if (text.empty())
    return std::optional<DType>();
  std::optional<DType> dtype = parseDType(text);
  if (!dtype || *dtype == DType::I32)
    return usageError(fmt::format("{} is f32, f16 or bf16, found '{}'", option, text));
  return dtype;
}

Status checkArguments(const RunArguments &arguments) {
  const bool hasChatOption = !arguments.chat.system.empty() || !arguments.chat.format.empty() ||
                             !arguments.chat.date.empty();
  if (hasChatOption && !arguments.isChat)
    return usageError(
        "--system, --chat-template and --chat-date are for conversations; add --chat");
  if (arguments.prompt && arguments.prompt->empty())
    return usageError("the prompt is empty; give some text with --prompt or on stdin");
  for (const auto &[option, text] : {std::pair("--cache-dtype", &arguments.cacheDType),
                                     std::pair("--state-dtype", &arguments.stateDType)})
    if (Result<std::optional<DType>> dtype = parseOption(option, *text); !dtype)
      return dtype.takeError();
  return arguments.generate.sampling.check();
}

Result<EngineOptions> engineOptions(const RunArguments &arguments, const ModelConfig &config,
                                    int64_t promptTokens) {
  EngineOptions options;
  options.prefillChunk = arguments.prefillChunk;
  options.pageSize = arguments.pageSize;
  options.maxLen = arguments.maxLen;
  if (options.maxLen == 0)
    options.maxLen =
        std::min(config.maxPositions,
                 std::max<int64_t>(4096, promptTokens + arguments.generate.maxNewTokens));
  if (promptTokens > options.maxLen)
    return usageError(fmt::format(
        "the prompt has {} tokens, the caches have room for {}; make it shorter or the caches "
        "larger with --max-len (the model knows {} positions)",
        promptTokens, options.maxLen, config.maxPositions));
  Result<std::optional<DType>> cache = parseOption("--cache-dtype", arguments.cacheDType);
  Result<std::optional<DType>> state = parseOption("--state-dtype", arguments.stateDType);
  if (!cache || !state)
    return !cache ? cache.takeError() : state.takeError();
  options.cacheDType = *cache;
  options.stateDType = *state;
  return options;
}

} // namespace zorse::tool
