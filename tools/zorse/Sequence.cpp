//===- Sequence.cpp - a text that grows turn by turn ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Sequence.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace zorse::tool {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Sequence::Sequence(Engine &engine, const GenerateOptions &options, std::vector<int32_t> stopIds)
    : engine(engine), options(options), stopIds(std::move(stopIds)), sampler(options.sampling) {
  const std::vector<int32_t> &own = engine.model().config().eosTokenIds;
  if (options.ignoreEos)
    this->stopIds.clear();
  else
    this->stopIds.insert(this->stopIds.end(), own.begin(), own.end());
}

void Sequence::reset() {
  if (slot >= 0)
    engine.close(slot);
  slot = -1;
  seen.clear();
}

/// Piece by piece, so that somebody who waits can stop it.
Status Sequence::prefill(std::span<const int32_t> tokens, const std::function<bool()> &stopped,
                         bool &cancelled) {
  const auto chunk = static_cast<size_t>(engine.options().prefillChunk);
  while (!tokens.empty()) {
    if (stopped && stopped()) {
      cancelled = true;
      return Status();
    }
    const size_t count = std::min(chunk, tokens.size());
    const Engine::Run run{
        .slot = slot, .tokens = tokens.first(count), .logits = count == tokens.size()};
    if (Status status = engine.prefill(std::span(&run, 1)); !status)
      return status;
    tokens = tokens.subspan(count);
  }
  return Status();
}

Result<int32_t> Sequence::choose() {
  // Plain greedy stays on the device: only the id comes back.
  if (options.sampling.temperature == 0 && options.sampling.repetitionPenalty == 1) {
    Result<std::vector<int32_t>> ids = engine.argmax();
    return ids ? Result<int32_t>((*ids)[0]) : Result<int32_t>(ids.takeError());
  }
  Result<std::vector<float>> logits = engine.logits();
  if (!logits)
    return logits.takeError();
  return sampler.sample(*logits, seen);
}

Result<Answer> Sequence::go(std::span<const int32_t> tokens, const OnToken &onToken,
                            const std::function<bool()> &stopped) {
  if (tokens.empty())
    return usageError("the prompt has no tokens; expected some text");
  const int64_t maxLen = engine.options().maxLen;
  const auto total = length() + static_cast<int64_t>(tokens.size());
  if (total > maxLen)
    return usageError(fmt::format("{} tokens are more than the caches have room for, {}; make the "
                                  "text shorter or the caches larger with --max-len (the model "
                                  "knows {} positions)",
                                  total, maxLen, engine.model().config().maxPositions));
  if (slot < 0) {
    Result<int32_t> opened = engine.open();
    if (!opened)
      return opened.takeError();
    slot = *opened;
  }

  Answer answer;
  answer.promptIds.assign(tokens.begin(), tokens.end());
  const auto cached = static_cast<size_t>(engine.length(slot));
  seen.insert(seen.end(), tokens.begin(), tokens.end());
  answer.prefillTokens = static_cast<int64_t>(seen.size() - cached);
  TextStream text(engine.model().tokenizer(), seen);
  Clock::time_point begin = Clock::now();
  bool cancelled = false;
  if (Status status = prefill(std::span(seen).subspan(cached), stopped, cancelled); !status) {
    reset(); // a part of it may be in the caches
    return status.takeError();
  }
  if (cancelled) {
    reset();
    answer.stop = StopReason::Cancelled;
    answer.prefillSeconds = secondsSince(begin);
    return answer;
  }
  if (options.keepPromptLogits) {
    Result<std::vector<float>> logits = engine.logits();
    if (!logits)
      return logits.takeError();
    answer.lastPromptLogits = logits.take();
  }

  bool isFirst = true;
  while (static_cast<int64_t>(answer.outputIds.size()) < options.maxNewTokens) {
    if (!isFirst) {
      if (engine.length(slot) >= maxLen) {
        answer.stop = StopReason::CacheFull;
        break;
      }
      if (Status status = engine.decodeStep(std::span(&slot, 1), std::span(&seen.back(), 1));
          !status) {
        reset();
        return status.takeError();
      }
      ++answer.decodeTokens;
    }
    Result<int32_t> id = choose();
    if (!id)
      return id.takeError();
    if (isFirst) {
      answer.prefillSeconds = secondsSince(begin);
      begin = Clock::now();
      isFirst = false;
    }
    if (std::find(stopIds.begin(), stopIds.end(), *id) != stopIds.end()) {
      answer.stop = StopReason::EndOfSequence;
      break;
    }
    seen.push_back(*id);
    answer.outputIds.push_back(*id);
    if (!onToken(*id, text.push(*id))) {
      answer.stop = StopReason::Cancelled;
      break;
    }
  }
  if (isFirst) // no token was asked for
    answer.prefillSeconds = secondsSince(begin);
  else
    answer.decodeSeconds = secondsSince(begin);
  answer.text = engine.model().tokenizer().decode(answer.outputIds);
  if (const std::string rest = text.finish(); !rest.empty())
    onToken(-1, rest);
  return answer;
}

} // namespace zorse::tool
