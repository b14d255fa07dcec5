//===- Sequence.h - a text that grows turn by turn --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/Generator.h"

namespace zorse::tool {

/// What the model wrote in one turn.
struct Answer {
  std::vector<int32_t> promptIds, outputIds; ///< an id that ended the answer is in neither
  std::string text;                          ///< of outputIds on their own
  StopReason stop = StopReason::MaxTokens;
  std::vector<float> lastPromptLogits; ///< [vocab], if kept
  double prefillSeconds = 0, decodeSeconds = 0;
  int64_t prefillTokens = 0; ///< that the caches did not hold yet
  int64_t decodeTokens = 0;  ///< made by decode steps; the first token comes from the prefill
};

/// One sequence of an engine. Its caches stay from turn to turn: a turn computes only what is new.
class Sequence {
public:
  /// `stopIds` end an answer, beside the model's own end tokens. The engine must outlive it.
  Sequence(Engine &engine, const GenerateOptions &options, std::vector<int32_t> stopIds);
  Sequence(const Sequence &) = delete;
  ~Sequence() { reset(); }

  /// Called with each new token and the text that became certain; false stops the answer. A last
  /// call with id -1 gives the rest of a text that ended within a character.
  using OnToken = std::function<bool(int32_t id, std::string_view text)>;

  /// Appends `tokens`, then what the model writes. A turn that `stopped` says true to while its
  /// prompt is read ends there with StopReason::Cancelled, and the sequence begins anew. Errors
  /// (Usage): no tokens; more than the caches have room for, with nothing changed.
  Result<Answer> go(std::span<const int32_t> tokens, const OnToken &onToken,
                    const std::function<bool()> &stopped = {});

  /// Forgets everything.
  void reset();
  /// Tokens so far, those included that the caches do not hold yet.
  int64_t length() const { return static_cast<int64_t>(seen.size()); }

private:
  Result<int32_t> choose();
  Status prefill(std::span<const int32_t> tokens, const std::function<bool()> &stopped,
                 bool &cancelled);

  Engine &engine;
  GenerateOptions options;
  std::vector<int32_t> stopIds;
  Sampler sampler;
  int32_t slot = -1;
  std::vector<int32_t> seen; ///< all tokens; the last one may not be in the caches
};

} // namespace zorse::tool
