//===- Engine.cpp - sequences, prefill and decode -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Engine.h"

#include "EngineState.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <set>

namespace zorse {

namespace {

constexpr int64_t usualMaxLen = 4'096;

double secondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

} // namespace

int64_t Pass::longestContext() const {
  return contextLens.empty() ? 1 : *std::max_element(contextLens.begin(), contextLens.end());
}

int64_t Pass::contextBound(int64_t maxLen) const {
  const int64_t longest = longestContext();
  if (!decode)
    return longest;
  return std::min(static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(longest))), maxLen);
}

void Pass::append(int32_t slot, int64_t length, std::span<const int32_t> tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    ids.push_back(tokens[i]);
    positions.push_back(static_cast<int32_t>(length + static_cast<int64_t>(i)));
    tokenSlots.push_back(slot);
  }
  slots.push_back(slot);
  contextLens.push_back(static_cast<int32_t>(length + static_cast<int64_t>(tokens.size())));
  cuSeqlens.push_back(static_cast<int32_t>(ids.size()));
  cuContext.push_back(cuContext.back() + contextLens.back());
}

Engine::Engine(std::unique_ptr<State> state) : state(std::move(state)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::create(const Model &model, Dispatcher &dispatcher,
                                               const EngineOptions &options) {
  auto state = std::make_unique<State>(model, dispatcher);
  state->options = options;
  if (options.maxLen == 0)
    state->options.maxLen = std::min(model.config().maxPositions, usualMaxLen);
  const EngineOptions &o = state->options;
  auto outside = [](const char *name, int64_t value, int64_t maximum) {
    return usageError(fmt::format("{}: expected [1, {}], found {}", name, maximum, value));
  };
  if (o.numSlots < 1 || o.numSlots > 65'536)
    return outside("numSlots", o.numSlots, 65'536);
  if (o.maxLen < 1 || o.maxLen > (1 << 24))
    return outside("maxLen", o.maxLen, 1 << 24);
  if (o.prefillChunk < 1 || o.prefillChunk > 65'536)
    return outside("prefillChunk", o.prefillChunk, 65'536);
  if (&model.device() != &dispatcher.device())
    return usageError("the model and the dispatcher are of different devices");
  state->sequences.resize(static_cast<size_t>(o.numSlots));
  for (Status (State::*step)() : {&State::prepareKernels, &State::allocateCaches,
                                  &State::allocateActivations, &State::buildTables})
    if (Status status = (*state.*step)(); !status)
      return status.takeError();
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

Status Engine::State::checkSlot(int32_t slot) const {
  if (slot < 0 || slot >= options.numSlots || !sequences[static_cast<size_t>(slot)].open)
    return usageError(
        fmt::format("slot {} is not open; open() gives one of {} slots", slot, options.numSlots));
  return Status::success();
}

Status Engine::State::checkTokens(std::span<const int32_t> tokens) const {
  for (int32_t token : tokens)
    if (token < 0 || token >= model.config().vocabSize)
      return usageError(
          fmt::format("token id {} is out of range: [0, {}]", token, model.config().vocabSize - 1));
  return Status::success();
}

Status Engine::State::checkRoom(int32_t slot, int64_t more) const {
  const int64_t length = sequences[static_cast<size_t>(slot)].length;
  if (more > options.maxLen - length)
    return usageError(fmt::format("slot {} would reach {} tokens, but its cache holds {}; raise "
                                  "maxLen",
                                  slot, length + more, options.maxLen));
  return Status::success();
}

Result<int32_t> Engine::open() {
  for (size_t slot = 0; slot < state->sequences.size(); ++slot) {
    Sequence &sequence = state->sequences[slot];
    if (sequence.open)
      continue;
    if (Status status = state->clearSequence(static_cast<int32_t>(slot)); !status)
      return status.takeError();
    sequence = {.open = true, .length = 0};
    return static_cast<int32_t>(slot);
  }
  return usageError(
      fmt::format("all {} slots are taken; close one or raise numSlots", state->options.numSlots));
}

void Engine::close(int32_t slot) {
  if (state->checkSlot(slot))
    state->sequences[static_cast<size_t>(slot)] = {};
}

int64_t Engine::length(int32_t slot) const {
  return state->checkSlot(slot) ? state->sequences[static_cast<size_t>(slot)].length : 0;
}

Status Engine::prefill(std::span<const Run> runs, LogitsOf wantedRows) {
  const auto begin = std::chrono::steady_clock::now();
  State &s = *state;
  std::set<int32_t> seen;
  int64_t totalTokens = 0;
  for (const Run &run : runs) {
    for (Status status : {s.checkSlot(run.slot), s.checkTokens(run.tokens)})
      if (!status)
        return status;
    if (run.tokens.empty())
      return usageError("a run needs at least one token");
    if (!seen.insert(run.slot).second)
      return usageError(fmt::format("slot {} is in two runs of one prefill", run.slot));
    if (Status status = s.checkRoom(run.slot, static_cast<int64_t>(run.tokens.size())); !status)
      return status;
    totalTokens += static_cast<int64_t>(run.tokens.size());
  }
  const bool every = wantedRows == LogitsOf::EveryToken;
  s.rows = 0;
  const int64_t totalRows = every ? totalTokens : static_cast<int64_t>(runs.size());
  if (Status status = s.grow(s.act.logits, totalRows * s.model.config().vocabSize, sizeof(float));
      !status)
    return status;

  // Passes of at most prefillChunk tokens, filled from one run after another.
  int64_t rows = 0;
  size_t next = 0, taken = 0;
  while (next < runs.size()) {
    Pass pass;
    while (next < runs.size() && pass.tokens() < s.options.prefillChunk) {
      const Run &run = runs[next];
      const size_t count = std::min(run.tokens.size() - taken,
                                    static_cast<size_t>(s.options.prefillChunk - pass.tokens()));
      pass.append(run.slot, s.sequences[static_cast<size_t>(run.slot)].length,
                  run.tokens.subspan(taken, count));
      taken += count;
      const bool done = taken == run.tokens.size();
      for (int64_t t = every ? pass.tokens() - static_cast<int64_t>(count) : pass.tokens() - 1;
           (every || done) && t < pass.tokens(); ++t)
        pass.wanted.push_back(static_cast<int32_t>(t));
      if (done) {
        ++next;
        taken = 0;
      }
    }
    if (Status status = s.forward(pass, rows); !status)
      return status;
    for (size_t i = 0; i < pass.slots.size(); ++i)
      s.sequences[static_cast<size_t>(pass.slots[i])].length = pass.contextLens[i];
    rows += static_cast<int64_t>(pass.wanted.size());
  }
  if (Status status = s.device().synchronize(); !status)
    return status;
  s.rows = rows;
  s.times.prefillTokens += totalTokens;
  s.times.prefillSeconds += secondsSince(begin);
  return Status::success();
}

Status Engine::decodeStep(std::span<const int32_t> slots, std::span<const int32_t> tokens) {
  const auto begin = std::chrono::steady_clock::now();
  State &s = *state;
  if (slots.empty() || slots.size() != tokens.size())
    return usageError(fmt::format("expected one token for each of at least one slot, found {} "
                                  "slots and {} tokens",
                                  slots.size(), tokens.size()));
  if (Status status = s.checkTokens(tokens); !status)
    return status;
  Pass pass;
  pass.decode = true;
  std::set<int32_t> seen;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (Status status = s.checkSlot(slots[i]); !status)
      return status;
    if (Status status = s.checkRoom(slots[i], 1); !status)
      return status;
    if (!seen.insert(slots[i]).second)
      return usageError(fmt::format("slot {} is twice in one step", slots[i]));
    pass.append(slots[i], s.sequences[static_cast<size_t>(slots[i])].length, tokens.subspan(i, 1));
    pass.wanted.push_back(static_cast<int32_t>(i));
  }
  s.rows = 0;
  if (Status status =
          s.grow(s.act.logits, pass.tokens() * s.model.config().vocabSize, sizeof(float));
      !status)
    return status;
  if (Status status = s.forward(pass, 0); !status)
    return status;
  if (Status status = s.device().synchronize(); !status)
    return status;
  for (int32_t slot : slots)
    ++s.sequences[static_cast<size_t>(slot)].length;
  s.rows = pass.tokens();
  s.times.decodeTokens += pass.tokens();
  s.times.decodeSteps += 1;
  s.times.decodeSeconds += secondsSince(begin);
  return Status::success();
}

int64_t Engine::logitRows() const { return state->rows; }

Result<std::vector<float>> Engine::logits() {
  std::vector<float> values(static_cast<size_t>(state->rows * state->model.config().vocabSize));
  if (values.empty())
    return usageError("there are no logits before the first prefill");
  std::span<uint8_t> bytes(reinterpret_cast<uint8_t *>(values.data()),
                           values.size() * sizeof(float));
  if (Status status = state->device().download(*state->act.logits, 0, bytes); !status)
    return status.takeError();
  return values;
}

Result<std::vector<int32_t>> Engine::argmax() {
  State &s = *state;
  if (s.rows == 0)
    return usageError("there are no logits before the first prefill");
  if (Status status = s.grow(s.act.best, s.rows, sizeof(int32_t)); !status)
    return status.takeError();
  const uint64_t operands[] = {s.act.logits->address(), s.act.best->address()};
  if (Status status = s.dispatcher.launch(*s.kernels.argmax.kernel, operands, {{"tokens", s.rows}});
      !status)
    return status.takeError();
  std::vector<int32_t> ids(static_cast<size_t>(s.rows));
  if (Status status = s.device().download(
          *s.act.best, 0, {reinterpret_cast<uint8_t *>(ids.data()), ids.size() * sizeof(int32_t)});
      !status)
    return status.takeError();
  return ids;
}

Result<std::vector<float>> Engine::readCache(int64_t layer, std::string_view kind, int32_t slot) {
  State &s = *state;
  if (layer < 0 || layer >= static_cast<int64_t>(s.caches.size()))
    return usageError(fmt::format("layer {} is out of range: [0, {}]", layer, s.caches.size() - 1));
  if (Status status = s.checkSlot(slot); !status)
    return status.takeError();
  const LayerCache &cache = s.caches[static_cast<size_t>(layer)];
  const bool perToken = kind == "latent" || kind == "k" || kind == "v";
  const CacheTensor *tensor = kind == "latent" ? &cache.latent
                              : kind == "k"    ? &cache.key
                              : kind == "v"    ? &cache.value
                              : kind == "conv" ? &cache.conv
                              : kind == "ssm"  ? &cache.ssm
                                               : nullptr;
  if (!tensor || !tensor->data)
    return usageError(fmt::format("layer {} has no cache \"{}\"; its kinds are latent (MLA), k and "
                                  "v (attention), conv and ssm (Mamba2)",
                                  layer, kind));
  int64_t elements = tensor->slotElements;
  if (perToken)
    elements = elements / s.options.maxLen * s.sequences[static_cast<size_t>(slot)].length;
  const size_t slotBytes = static_cast<size_t>(tensor->slotElements) * s.elementBytes();
  const size_t bytes = static_cast<size_t>(elements) * s.elementBytes();
  std::vector<uint8_t> raw(bytes);
  if (Status status =
          s.device().download(*tensor->data, static_cast<size_t>(slot) * slotBytes, raw);
      !status)
    return status.takeError();
  std::vector<float> values(bytes / s.elementBytes());
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(loadElement(s.model.dtype(), raw.data(), i));
  return values;
}

const Model &Engine::model() const { return state->model; }
const EngineOptions &Engine::options() const { return state->options; }
int64_t Engine::cacheBytes() const { return state->cacheBytes; }
EngineTimes Engine::times() const { return state->times; }
void Engine::clearTimes() { state->times = {}; }

} // namespace zorse
