//===- Generator.cpp - from prompt to continuation ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Generator.h"

#include "Continuation.h"

#include <fmt/format.h>

#include <chrono>

namespace zorse {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// A prompt on its way; its slot is closed with it.
struct Row {
  Row(Engine &engine, const std::vector<int32_t> &prompt, const GenerateOptions &options,
      size_t index)
      : engine(engine), it(engine.model(), prompt, options, index) {}
  Row(const Row &) = delete;
  ~Row() {
    if (slot >= 0)
      engine.close(slot);
  }

  Engine &engine;
  Continuation it;
  int32_t slot = -1;
  bool running = true;
  Continuation::OnToken onToken;
};

} // namespace

std::string_view name(StopReason reason) {
  switch (reason) {
  case StopReason::MaxTokens:
    return "max_tokens";
  case StopReason::EndOfSequence:
    return "end_of_sequence";
  case StopReason::CacheFull:
    return "cache_full";
  case StopReason::Cancelled:
    return "cancelled";
  }
  return "";
}

double GenerateResult::prefillTokensPerSecond() const {
  return prefillSeconds > 0 ? static_cast<double>(prefillTokens) / prefillSeconds : 0;
}

double GenerateResult::decodeTokensPerSecond() const {
  return decodeSeconds > 0 ? static_cast<double>(decodeTokens) / decodeSeconds : 0;
}

Result<GenerateResult> generate(Engine &engine, const std::vector<std::vector<int32_t>> &prompts,
                                const GenerateOptions &options, const TokenCallback &callback) {
  if (Status status = options.sampling.check(); !status)
    return status.takeError();
  if (options.maxNewTokens < 0)
    return usageError(
        fmt::format("maxNewTokens: expected at least 0, found {}", options.maxNewTokens));
  if (prompts.empty())
    return usageError("expected at least one prompt");
  GenerateResult result;
  std::vector<std::unique_ptr<Row>> all;
  std::vector<Engine::Run> runs;
  for (const std::vector<int32_t> &prompt : prompts) {
    const size_t index = all.size();
    Row &row = *all.emplace_back(std::make_unique<Row>(engine, prompt, options, index));
    if (callback)
      row.onToken = [&callback, index](int32_t id, std::string_view text) {
        return callback(index, id, text);
      };
    Result<int32_t> slot = engine.open();
    if (!slot)
      return slot.takeError();
    row.slot = *slot;
    result.prefillTokens += static_cast<int64_t>(prompt.size());
    runs.push_back({.slot = row.slot, .tokens = prompt});
  }

  Clock::time_point begin = Clock::now();
  if (Status status = engine.prefill(runs); !status)
    return status.takeError();
  if (options.keepPromptLogits)
    for (size_t i = 0; i < all.size(); ++i) {
      Result<std::vector<float>> logits = engine.logits(static_cast<int64_t>(i), 1);
      if (!logits)
        return logits.takeError();
      all[i]->it.row.lastPromptLogits = logits.take();
    }

  // Takes the next token of every running row; a row that ends leaves the batch.
  auto advance = [&]() -> Status {
    std::vector<Continuation *> going;
    std::vector<Row *> rows;
    for (const auto &row : all)
      if (row->running) {
        rows.push_back(row.get());
        going.push_back(&row->it);
      }
    Result<std::vector<int32_t>> ids = chooseTokens(engine, going);
    if (!ids)
      return ids.takeError();
    for (size_t i = 0; i < rows.size(); ++i)
      rows[i]->running = !rows[i]->it.accept((*ids)[i], engine.length(rows[i]->slot),
                                             engine.options().maxLen, rows[i]->onToken);
    return Status::success();
  };

  if (options.maxNewTokens == 0)
    for (const auto &row : all)
      row->running = !row->it.stop(StopReason::MaxTokens);
  else if (Status status = advance(); !status)
    return status.takeError();
  result.prefillSeconds = secondsSince(begin);

  begin = Clock::now();
  for (;;) {
    std::vector<int32_t> slots, tokens;
    for (const auto &row : all)
      if (row->running) {
        slots.push_back(row->slot);
        tokens.push_back(row->it.tokens().back());
      }
    if (slots.empty())
      break;
    if (Status status = engine.decodeStep(slots, tokens); !status)
      return status.takeError();
    result.decodeTokens += static_cast<int64_t>(slots.size());
    if (Status status = advance(); !status)
      return status.takeError();
  }
  result.decodeSeconds = secondsSince(begin);
  for (const auto &row : all) {
    row->it.finish(row->onToken);
    result.rows.push_back(std::move(row->it.row));
  }
  return result;
}

} // namespace zorse
