//===- Generator.cpp - from prompt to continuation ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace zorse {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// A prompt on its way; its slot is closed with it.
struct Row {
  Row(Engine &engine, const SamplingOptions &options, size_t index)
      : engine(engine), sampler(options, index) {}
  Row(const Row &) = delete;
  ~Row() {
    if (slot >= 0)
      engine.close(slot);
  }

  Engine &engine;
  Sampler sampler;
  int32_t slot = -1;
  bool running = true;
  std::vector<int32_t> seen; ///< prompt and output
  std::unique_ptr<TextStream> text;
};

/// The next token of each row of logits.
Result<std::vector<int32_t>> choose(Engine &engine, const std::vector<Row *> &rows,
                                    const SamplingOptions &sampling) {
  // Plain greedy stays on the device: only the ids come back.
  if (sampling.temperature == 0 && sampling.repetitionPenalty == 1)
    return engine.argmax();
  Result<std::vector<float>> logits = engine.logits();
  if (!logits)
    return logits.takeError();
  const size_t vocab = logits->size() / rows.size();
  std::vector<int32_t> ids;
  for (size_t i = 0; i < rows.size(); ++i)
    ids.push_back(
        rows[i]->sampler.sample(std::span(*logits).subspan(i * vocab, vocab), rows[i]->seen));
  return ids;
}

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
  const ModelConfig &config = engine.model().config();
  const Tokenizer &tokenizer = engine.model().tokenizer();
  const int64_t maxLen = engine.options().maxLen;

  GenerateResult result;
  std::vector<std::unique_ptr<Row>> all;
  std::vector<Engine::Run> runs;
  for (const std::vector<int32_t> &prompt : prompts) {
    Row &row = *all.emplace_back(std::make_unique<Row>(engine, options.sampling, all.size()));
    Result<int32_t> slot = engine.open();
    if (!slot)
      return slot.takeError();
    row.slot = *slot;
    row.seen = prompt;
    row.text = std::make_unique<TextStream>(tokenizer, prompt);
    result.rows.emplace_back().promptIds = prompt;
    result.prefillTokens += static_cast<int64_t>(prompt.size());
    runs.push_back({row.slot, prompt});
  }

  Clock::time_point begin = Clock::now();
  if (Status status = engine.prefill(runs); !status)
    return status.takeError();
  if (options.keepPromptLogits) {
    Result<std::vector<float>> logits = engine.logits();
    if (!logits)
      return logits.takeError();
    const size_t vocab = static_cast<size_t>(config.vocabSize);
    for (size_t i = 0; i < result.rows.size(); ++i)
      result.rows[i].lastPromptLogits.assign(
          logits->begin() + static_cast<std::ptrdiff_t>(i * vocab),
          logits->begin() + static_cast<std::ptrdiff_t>((i + 1) * vocab));
  }

  // Takes the next token of every running row; a row that ends leaves the batch.
  auto stop = [&](size_t i, StopReason reason) {
    all[i]->running = false;
    result.rows[i].stop = reason;
  };
  auto accept = [&](size_t i, int32_t id) {
    Row &row = *all[i];
    GeneratedRow &out = result.rows[i];
    const bool ends = std::find(config.eosTokenIds.begin(), config.eosTokenIds.end(), id) !=
                      config.eosTokenIds.end();
    if (ends && !options.ignoreEos)
      return stop(i, StopReason::EndOfSequence);
    row.seen.push_back(id);
    out.outputIds.push_back(id);
    const std::string fresh = row.text->push(id);
    if (callback && !callback(i, id, fresh))
      return stop(i, StopReason::Cancelled);
    if (static_cast<int64_t>(out.outputIds.size()) >= options.maxNewTokens)
      return stop(i, StopReason::MaxTokens);
    if (engine.length(row.slot) >= maxLen)
      return stop(i, StopReason::CacheFull);
  };
  auto advance = [&]() -> Status {
    std::vector<Row *> rows;
    std::vector<size_t> indices;
    for (size_t i = 0; i < all.size(); ++i)
      if (all[i]->running) {
        rows.push_back(all[i].get());
        indices.push_back(i);
      }
    Result<std::vector<int32_t>> ids = choose(engine, rows, options.sampling);
    if (!ids)
      return ids.takeError();
    for (size_t i = 0; i < indices.size(); ++i)
      accept(indices[i], (*ids)[i]);
    return Status::success();
  };

  if (options.maxNewTokens == 0)
    for (size_t i = 0; i < all.size(); ++i)
      stop(i, StopReason::MaxTokens);
  else if (Status status = advance(); !status)
    return status.takeError();
  result.prefillSeconds = secondsSince(begin);

  begin = Clock::now();
  for (;;) {
    std::vector<int32_t> slots, tokens;
    for (const auto &row : all)
      if (row->running) {
        slots.push_back(row->slot);
        tokens.push_back(row->seen.back());
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
  for (size_t i = 0; i < all.size(); ++i) {
    result.rows[i].text = tokenizer.decode(result.rows[i].outputIds);
    const std::string rest = all[i]->text->finish();
    if (callback && !rest.empty())
      callback(i, -1, rest);
  }
  return result;
}

} // namespace zorse
