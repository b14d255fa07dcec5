//===- Continuation.cpp - one prompt and what follows it ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Continuation.h"

#include <algorithm>

namespace zorse {

Continuation::Continuation(const Model &model, std::vector<int32_t> prompt,
                           const GenerateOptions &options, uint64_t stream)
    : options(options), model(model), sampler(options.sampling, stream), seen(std::move(prompt)),
      text(model.tokenizer(), seen) {
  row.promptIds = seen;
}

bool Continuation::greedy() const {
  return options.sampling.temperature == 0 && options.sampling.repetitionPenalty == 1;
}

bool Continuation::stop(StopReason reason) {
  row.stop = reason;
  return true;
}

bool Continuation::accept(int32_t id, int64_t fed, int64_t room, const OnToken &onToken) {
  const std::vector<int32_t> &ends = model.config().eosTokenIds;
  if (!options.ignoreEos && std::find(ends.begin(), ends.end(), id) != ends.end())
    return stop(StopReason::EndOfSequence);
  seen.push_back(id);
  row.outputIds.push_back(id);
  const std::string fresh = text.push(id);
  if (onToken && !onToken(id, fresh))
    return stop(StopReason::Cancelled);
  if (static_cast<int64_t>(row.outputIds.size()) >= options.maxNewTokens)
    return stop(StopReason::MaxTokens);
  return fed >= room && stop(StopReason::CacheFull);
}

void Continuation::finish(const OnToken &onToken) {
  row.text = model.tokenizer().decode(row.outputIds);
  const std::string rest = text.finish();
  if (onToken && !rest.empty())
    onToken(-1, rest);
}

Result<std::vector<int32_t>> chooseTokens(Engine &engine, std::span<Continuation *const> rows) {
  // Plain greedy stays on the device: only the ids come back.
  if (std::all_of(rows.begin(), rows.end(), [](const auto *row) { return row->greedy(); }))
    return engine.argmax();
  Result<std::vector<float>> logits = engine.logits();
  if (!logits)
    return logits.takeError();
  const size_t vocab = logits->size() / rows.size();
  std::vector<int32_t> ids;
  for (size_t i = 0; i < rows.size(); ++i)
    ids.push_back(rows[i]->sample(std::span(*logits).subspan(i * vocab, vocab)));
  return ids;
}

} // namespace zorse
