//===- Continuation.h - one prompt and what follows it ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/Generator.h"

#include <memory>

namespace zorse {

/// A prompt with its output so far: chooses tokens, streams text, and knows when to stop.
class Continuation {
public:
  using OnToken = std::function<bool(int32_t id, std::string_view text)>;
  /// `stream` numbers rows that share a seed. The model must outlive it.
  Continuation(const Model &model, std::vector<int32_t> prompt, const GenerateOptions &options,
               uint64_t stream);

  /// Takes the next token; true: it was the last one, for the reason in row().stop. `fed` tokens
  /// are in the caches, which hold `room`.
  bool accept(int32_t id, int64_t fed, int64_t room, const OnToken &onToken);
  bool stop(StopReason reason);
  /// Prompt and output: what the caches must hold but for the last one.
  const std::vector<int32_t> &tokens() const { return seen; }
  bool greedy() const;
  int32_t sample(std::span<float> logits) { return sampler.sample(logits, seen); }
  /// The rest of the text goes to the callback.
  void finish(const OnToken &onToken);

  GeneratedRow row; ///< text is filled in by finish()
  const GenerateOptions options;

private:
  const Model &model;
  Sampler sampler;
  std::vector<int32_t> seen;
  TextStream text;
};

/// The next token of each row of the engine's logits, from the sequence that the row belongs to.
Result<std::vector<int32_t>> chooseTokens(Engine &engine, std::span<Continuation *const> rows);

} // namespace zorse
