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
#include <set>

namespace zorse {

namespace {

constexpr int64_t usualMaxLen = 4'096;
constexpr int64_t mostPoolRows = 1 << 24; ///< rows that an op may choose from

double secondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

} // namespace

int64_t Pass::promptContext() const {
  return contextLens.empty() ? 1 : *std::max_element(contextLens.begin(), contextLens.end());
}

void Pass::appendDecode(int32_t slot, int64_t length, int32_t token) {
  ids.push_back(token);
  positions.push_back(static_cast<int32_t>(length));
  tokenSlots.push_back(slot);
  decodeContext = std::max(decodeContext, length + 1);
  ++decodeRows;
}

void Pass::appendPrompt(int32_t slot, int64_t length, std::span<const int32_t> tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    ids.push_back(tokens[i]);
    positions.push_back(static_cast<int32_t>(length + static_cast<int64_t>(i)));
    tokenSlots.push_back(slot);
  }
  slots.push_back(slot);
  contextLens.push_back(static_cast<int32_t>(length + static_cast<int64_t>(tokens.size())));
  cuSeqlens.push_back(static_cast<int32_t>(promptTokens()));
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
  EngineOptions &o = state->options;
  auto outside = [](const char *name, int64_t value, int64_t minimum, int64_t maximum) {
    return usageError(
        fmt::format("{}: expected [{}, {}], found {}", name, minimum, maximum, value));
  };
  if (o.numSlots < 1 || o.numSlots > 65'536)
    return outside("numSlots", o.numSlots, 1, 65'536);
  if (o.maxLen < 1 || o.maxLen > (1 << 24))
    return outside("maxLen", o.maxLen, 1, 1 << 24);
  if (o.prefillChunk < 1 || o.prefillChunk > 65'536)
    return outside("prefillChunk", o.prefillChunk, 1, 65'536);
  if (o.pageSize != 0 && (o.pageSize < 16 || o.pageSize > 4'096 ||
                          !std::has_single_bit(static_cast<uint64_t>(o.pageSize))))
    return usageError(fmt::format(
        "pageSize: expected 0 or a power of two from 16 to 4096, found {}", o.pageSize));
  if (o.pageSize == 0 && o.numPages != 0)
    return usageError(fmt::format(
        "numPages: expected 0 where pageSize is 0, found {}; give a pageSize", o.numPages));
  if (o.pageSize != 0) {
    const int64_t most = mostPoolRows / o.pageSize;
    if (o.numPages == 0)
      o.numPages = o.numSlots * ((o.maxLen + o.pageSize - 1) / o.pageSize);
    if (o.numPages < 1 || o.numPages > most)
      return outside("numPages", o.numPages, 1, most);
  }
  for (std::optional<DType> *type : {&o.cacheDType, &o.stateDType}) {
    *type = type->value_or(model.dtype());
    if (**type == DType::I32)
      return usageError("cacheDType, stateDType: expected f32, f16 or bf16, found i32");
  }
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

Status Engine::State::checkRuns(std::span<const Run> runs) const {
  if (runs.empty())
    return usageError("a step needs at least one run");
  std::set<int32_t> seen;
  int64_t pages = 0;
  for (const Run &run : runs) {
    for (Status status : {checkSlot(run.slot), checkTokens(run.tokens)})
      if (!status)
        return status;
    if (run.tokens.empty())
      return usageError("a run needs at least one token");
    if (!seen.insert(run.slot).second)
      return usageError(fmt::format("slot {} is in two runs of one step", run.slot));
    const int64_t more = static_cast<int64_t>(run.tokens.size());
    if (Status status = checkRoom(run.slot, more); !status)
      return status;
    pages += pagesFor(run.slot, more);
  }
  return checkPages(pages);
}

Pass Engine::State::nextPass(std::span<const Run> runs, LogitsOf wanted,
                             std::vector<size_t> &taken) {
  struct Piece {
    size_t run, first, count;
    bool decode;
  };
  // All single tokens are taken at once, prompts as far as the pass has room for them.
  auto continues = [&](size_t i) {
    return runs[i].tokens.size() - taken[i] == 1 && sequence(runs[i].slot).length > 0;
  };
  std::vector<Piece> pieces, prompts;
  for (size_t i = 0; i < runs.size(); ++i)
    if (continues(i))
      pieces.push_back({i, taken[i], 1, true});
  int64_t room =
      std::max(options.prefillChunk, options.numSlots) - static_cast<int64_t>(pieces.size());
  for (size_t i = 0; i < runs.size() && room > 0; ++i) {
    const size_t left = runs[i].tokens.size() - taken[i];
    if (left == 0 || continues(i))
      continue;
    const size_t count = std::min(left, static_cast<size_t>(room));
    room -= static_cast<int64_t>(count);
    const bool single = count == 1 && sequence(runs[i].slot).length > 0;
    (single ? pieces : prompts).push_back({i, taken[i], count, single});
  }
  pieces.insert(pieces.end(), prompts.begin(), prompts.end());

  Pass pass;
  for (const Piece &piece : pieces) {
    const Run &run = runs[piece.run];
    const int64_t length = sequence(run.slot).length;
    const int32_t before = static_cast<int32_t>(pass.tokens());
    if (piece.decode)
      pass.appendDecode(run.slot, length, run.tokens[piece.first]);
    else
      pass.appendPrompt(run.slot, length, run.tokens.subspan(piece.first, piece.count));
    taken[piece.run] += piece.count;
    // Rows are numbered in the order of the runs, and made in the order of the passes.
    const bool every = wanted == LogitsOf::EveryToken;
    if (!run.logits || (!every && taken[piece.run] < run.tokens.size()))
      continue;
    size_t row = every ? piece.first : 0;
    for (const Run &earlier : runs.first(piece.run))
      row += !earlier.logits ? 0 : every ? earlier.tokens.size() : 1;
    for (size_t t = every ? 0 : piece.count - 1; t < piece.count; ++t) {
      pass.wanted.push_back(before + static_cast<int32_t>(t));
      rowOrder[row++] = static_cast<int32_t>(rows++);
    }
  }
  return pass;
}

Status Engine::step(std::span<const Run> runs, LogitsOf wantedRows) {
  const auto begin = std::chrono::steady_clock::now();
  State &s = *state;
  if (Status status = s.checkRuns(runs); !status)
    return status;
  size_t totalTokens = 0, totalRows = 0;
  for (const Run &run : runs) {
    totalTokens += run.tokens.size();
    if (run.logits)
      totalRows += wantedRows == LogitsOf::EveryToken ? run.tokens.size() : 1;
  }
  s.rows = 0;
  if (Status status =
          s.grow(s.act.logits, static_cast<int64_t>(totalRows) * s.model.config().vocabSize,
                 sizeof(float));
      !status)
    return status;
  for (const Run &run : runs)
    if (Status status = s.reserve(run.slot, s.sequence(run.slot).length +
                                                static_cast<int64_t>(run.tokens.size()));
        !status)
      return status;

  s.rowOrder.assign(totalRows, 0);
  const auto continues = [&](const Run &run) {
    return run.tokens.size() == 1 && s.sequence(run.slot).length > 0;
  };
  const auto decodeRuns = static_cast<size_t>(std::count_if(runs.begin(), runs.end(), continues));
  std::vector<size_t> taken(runs.size());
  Status status;
  for (size_t done = 0; done < totalTokens && status;) {
    const int64_t firstRow = s.rows;
    const Pass pass = s.nextPass(runs, wantedRows, taken);
    if (status = s.forward(pass, firstRow); !status)
      break;
    for (int64_t i = 0; i < pass.decodeRows; ++i)
      ++s.sequence(pass.tokenSlots[static_cast<size_t>(i)]).length;
    for (size_t i = 0; i < pass.slots.size(); ++i)
      s.sequence(pass.slots[i]).length = pass.contextLens[i];
    done += static_cast<size_t>(pass.tokens());
  }
  if (status)
    status = s.device().synchronize();
  if (!status) {
    s.rows = 0;
    return status;
  }
  EngineTimes &times = s.times;
  const auto tokens = static_cast<int64_t>(totalTokens);
  if (decodeRuns == 0) {
    times.prefillTokens += tokens;
    times.prefillSeconds += secondsSince(begin);
  } else if (decodeRuns == runs.size()) {
    times.decodeTokens += tokens;
    times.decodeSteps += 1;
    times.decodeSeconds += secondsSince(begin);
  } else {
    times.mixedTokens += tokens;
    times.mixedSteps += 1;
    times.mixedSeconds += secondsSince(begin);
  }
  if (std::is_sorted(s.rowOrder.begin(), s.rowOrder.end()))
    s.rowOrder.clear();
  return Status::success();
}

Status Engine::decodeStep(std::span<const int32_t> slots, std::span<const int32_t> tokens) {
  if (slots.empty() || slots.size() != tokens.size())
    return usageError(fmt::format("expected one token for each of at least one slot, found {} "
                                  "slots and {} tokens",
                                  slots.size(), tokens.size()));
  std::vector<Run> runs;
  for (size_t i = 0; i < slots.size(); ++i)
    runs.push_back({.slot = slots[i], .tokens = tokens.subspan(i, 1)});
  return step(runs);
}

int64_t Engine::logitRows() const { return state->rows; }

Result<std::vector<float>> Engine::logits() { return logits(0, state->rows); }

Result<std::vector<float>> Engine::logits(int64_t first, int64_t count) {
  State &s = *state;
  if (s.rows == 0)
    return usageError("there are no logits before the first step");
  if (first < 0 || count < 1 || first > s.rows - count)
    return usageError(
        fmt::format("expected rows within [0, {}), found {} from row {} on", s.rows, count, first));
  const int64_t vocab = s.model.config().vocabSize;
  std::vector<float> values(static_cast<size_t>(count * vocab));
  // Rows that lie side by side are one copy.
  auto placeOf = [&](int64_t row) {
    return s.rowOrder.empty() ? row : s.rowOrder[static_cast<size_t>(row)];
  };
  for (int64_t done = 0; done < count;) {
    int64_t together = 1;
    while (done + together < count &&
           placeOf(first + done + together) == placeOf(first + done) + together)
      ++together;
    std::span<uint8_t> bytes(reinterpret_cast<uint8_t *>(values.data() + done * vocab),
                             static_cast<size_t>(together * vocab) * sizeof(float));
    const size_t offset = static_cast<size_t>(placeOf(first + done) * vocab) * sizeof(float);
    if (Status status = s.device().download(*s.act.logits, offset, bytes); !status)
      return status.takeError();
    done += together;
  }
  return values;
}

Result<std::vector<int32_t>> Engine::argmax() {
  State &s = *state;
  if (s.rows == 0)
    return usageError("there are no logits before the first step");
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
  if (s.rowOrder.empty())
    return ids;
  std::vector<int32_t> inOrder;
  for (int32_t place : s.rowOrder)
    inOrder.push_back(ids[static_cast<size_t>(place)]);
  return inOrder;
}

const Model &Engine::model() const { return state->model; }
const EngineOptions &Engine::options() const { return state->options; }
OpTypes Engine::opTypes() const { return state->opTypes(); }
int64_t Engine::cacheBytes() const { return state->cacheBytes; }
EngineTimes Engine::times() const { return state->times; }
void Engine::clearTimes() { state->times = {}; }

} // namespace zorse
