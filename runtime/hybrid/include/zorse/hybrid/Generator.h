//===- Generator.h - from prompt to continuation ----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/Engine.h"

#include <functional>
#include <random>

namespace zorse {

/// How the next token is chosen. Filters apply in this order: repetition penalty, temperature,
/// top-k, top-p, min-p; what is left is sampled.
struct SamplingOptions {
  double temperature = 0; ///< 0: greedy, the largest logit; else in (0, 100]
  int64_t topK = 0;       ///< keep the k largest; 0: all
  double topP = 1;        ///< keep the smallest set that holds this probability, (0, 1]
  double minP = 0;        ///< keep what has at least minP times the largest probability
  double repetitionPenalty =
      1;             ///< of tokens seen, prompt included: positive logits / p, others * p
  uint64_t seed = 0; ///< row i draws from its own stream (seed, i)

  Status check() const;
};

/// Chooses tokens of one row.
class Sampler {
public:
  Sampler(const SamplingOptions &options, uint64_t row = 0);
  /// `logits` [vocab] is scratch; `seen`: the tokens of the row so far, prompt included.
  int32_t sample(std::span<float> logits, std::span<const int32_t> seen);

private:
  SamplingOptions options;
  std::mt19937_64 random;
};

struct GenerateOptions {
  int64_t maxNewTokens = 128;
  bool ignoreEos = false;
  bool keepPromptLogits = false; ///< fill GeneratedRow::lastPromptLogits
  SamplingOptions sampling;
};

enum class StopReason { MaxTokens, EndOfSequence, CacheFull, Cancelled };
std::string_view name(StopReason reason);

struct GeneratedRow {
  std::vector<int32_t> promptIds, outputIds; ///< an end-of-sequence token is not in outputIds
  std::string text; ///< of outputIds on their own, as Tokenizer::decode() gives it
  StopReason stop = StopReason::MaxTokens;
  std::vector<float> lastPromptLogits; ///< [vocab], if kept
};

struct GenerateResult {
  std::vector<GeneratedRow> rows;
  double prefillSeconds = 0, decodeSeconds = 0; ///< wall clock, sampling included
  int64_t prefillTokens = 0;                    ///< prompt tokens of all rows
  int64_t decodeTokens = 0; ///< tokens made by decode steps, of all rows (the first token of a row
                            ///< comes from the prefill)
  double prefillTokensPerSecond() const;
  double decodeTokensPerSecond() const;
};

/// Called for each new token of each row with the text that follows what came before, the leading
/// space after the prompt included; return false to stop the row. A last call with id -1 gives the
/// rest of a text that ended within a character.
using TokenCallback = std::function<bool(size_t row, int32_t id, std::string_view text)>;

/// Continues every prompt until its own end: end of sequence, maxNewTokens, a full cache, or the
/// callback. Rows stop one by one; the others go on as a smaller batch. At most
/// EngineOptions::numSlots prompts, each at least one token.
Result<GenerateResult> generate(Engine &engine, const std::vector<std::vector<int32_t>> &prompts,
                                const GenerateOptions &options, const TokenCallback &callback = {});

} // namespace zorse
