//===- Batcher.cpp - continuous batching ----------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/Batcher.h"

#include "Continuation.h"
#include "PrefixCache.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <set>

namespace zorse {

namespace {

/// A request from submit() to its end. Between the two it may run, wait again, and run again.
struct Row {
  RequestId id = 0;
  BatchRequest request;
  std::unique_ptr<Continuation> it; ///< made when it first runs
  int32_t slot = -1;
  int64_t fed = 0;    ///< tokens that the caches hold
  bool first = true;  ///< has not had logits yet
  bool ended = false; ///< leaves after this step

  int64_t pending() const { return static_cast<int64_t>(it->tokens().size()) - fed; }
  bool decodes() const { return fed > 0 && pending() == 1; }
  Continuation::OnToken onToken() const {
    if (!request.onToken)
      return {};
    return
        [this](int32_t token, std::string_view text) { return request.onToken(id, token, text); };
  }
};
using RowPtr = std::unique_ptr<Row>;

} // namespace

struct Batcher::State {
  State(Engine &engine, const BatcherOptions &options)
      : engine(engine), options(options),
        prefixes(options.pieceTokens, static_cast<size_t>(options.prefixSnapshots)) {}

  Engine &engine;
  const BatcherOptions options;

  // The thread that steps has these for itself.
  std::vector<RowPtr> running; ///< in the order of their ids: first come, first served
  PrefixCache prefixes;

  // Everybody has these, under the lock.
  mutable std::mutex lock;
  std::deque<RowPtr> waiting;    ///< in the order of their ids
  std::set<RequestId> active;    ///< ids of `running`
  std::set<RequestId> cancelled; ///< of them, those that shall end
  BatcherCounts counts;
  RequestId nextId = 0;

  /// Rows that the caches can hold of one sequence.
  int64_t room() const {
    const EngineOptions &o = engine.options();
    return o.pageSize ? std::min(o.maxLen, o.numPages * o.pageSize) : o.maxLen;
  }
  int64_t pagesOf(int64_t tokens) const {
    const int64_t size = engine.options().pageSize;
    return size ? (tokens + size - 1) / size : 0;
  }
  /// Pages that a running row still takes before it has fed what is known of it.
  int64_t owed(const Row &row) const { return engine.pagesFor(row.slot, row.pending()); }
  /// The length of the next piece; pieces end at multiples of pieceTokens.
  int64_t pieceOf(const Row &row) const {
    return std::min(row.pending(), options.pieceTokens - row.fed % options.pieceTokens);
  }

  void endCancelled();
  Status admit();
  Result<bool> start(Row &row);
  void putBack();
  Result<std::vector<Row *>> plan();
  Status advance(std::span<Row *const> rows, std::span<const Engine::Run> runs);
  void end(RowPtr row, StopReason reason);
  void removeEnded();
  void abandon();
};

Batcher::Batcher(std::unique_ptr<State> state) : state(std::move(state)) {}

Batcher::~Batcher() {
  for (const RowPtr &row : state->running)
    state->engine.close(row->slot);
}

Result<std::unique_ptr<Batcher>> Batcher::create(Engine &engine, const BatcherOptions &options) {
  BatcherOptions o = options;
  const EngineOptions &e = engine.options();
  const int64_t most = e.prefillChunk - e.numSlots;
  if (most < 1)
    return usageError(fmt::format("prefillChunk: expected more than numSlots ({}), so that prompts "
                                  "fit beside running rows, found {}",
                                  e.numSlots, e.prefillChunk));
  if (o.pieceTokens < 0 || o.pieceTokens > most)
    return usageError(fmt::format("pieceTokens: expected [0, {}] (prefillChunk - numSlots), found "
                                  "{}",
                                  most, o.pieceTokens));
  if (o.pieceTokens == 0)
    o.pieceTokens = most >= 16 ? most / 16 * 16 : most;
  if (o.queueLimit < 1 || o.queueLimit > 1'000'000)
    return usageError(fmt::format("queueLimit: expected [1, 1000000], found {}", o.queueLimit));
  if (o.prefixSnapshots < 0 || o.prefixSnapshots > 65'536)
    return usageError(
        fmt::format("prefixSnapshots: expected [0, 65536], found {}", o.prefixSnapshots));
  if (engine.openSlots() != 0)
    return usageError(
        fmt::format("expected an engine without open sequences, found {}", engine.openSlots()));
  return std::unique_ptr<Batcher>(new Batcher(std::make_unique<State>(engine, o)));
}

Result<Submission> Batcher::submit(BatchRequest request) {
  State &s = *state;
  if (Status status = request.options.sampling.check(); !status)
    return status.takeError();
  if (request.options.maxNewTokens < 0)
    return usageError(
        fmt::format("maxNewTokens: expected at least 0, found {}", request.options.maxNewTokens));
  const auto tokens = static_cast<int64_t>(request.promptIds.size());
  if (tokens < 1 || tokens > s.room())
    return usageError(fmt::format("prompt: expected [1, {}] tokens (maxLen, or all pages), found "
                                  "{}",
                                  s.room(), tokens));
  const int64_t vocab = s.engine.model().config().vocabSize;
  for (int32_t id : request.promptIds)
    if (id < 0 || id >= vocab)
      return usageError(fmt::format("token id {} is out of range: [0, {}]", id, vocab - 1));
  auto row = std::make_unique<Row>();
  row->request = std::move(request);
  std::lock_guard guard(s.lock);
  if (static_cast<int64_t>(s.waiting.size()) >= s.options.queueLimit) {
    ++s.counts.refused;
    return Submission{};
  }
  row->id = s.nextId++;
  const RequestId id = row->id;
  s.waiting.push_back(std::move(row));
  return Submission{id};
}

bool Batcher::cancel(RequestId id) {
  State &s = *state;
  RowPtr row;
  {
    std::lock_guard guard(s.lock);
    if (s.active.contains(id))
      return s.cancelled.insert(id).second;
    auto found = std::find_if(s.waiting.begin(), s.waiting.end(),
                              [&](const RowPtr &each) { return each->id == id; });
    if (found == s.waiting.end())
      return false;
    row = std::move(*found);
    s.waiting.erase(found);
  }
  s.end(std::move(row), StopReason::Cancelled);
  return true;
}

/// Gives the slot back and tells the request. The row is in no list any more.
void Batcher::State::end(RowPtr row, StopReason reason) {
  if (row->slot >= 0)
    engine.close(row->slot);
  {
    std::lock_guard guard(lock);
    active.erase(row->id);
    cancelled.erase(row->id);
    ++counts.finished;
  }
  GeneratedRow nothing;
  nothing.promptIds = row->request.promptIds;
  nothing.stop = reason;
  if (row->it) {
    row->it->stop(reason);
    row->it->finish(row->onToken());
  }
  if (row->request.onEnd)
    row->request.onEnd(row->id, row->it ? row->it->row : nothing);
}

void Batcher::State::removeEnded() {
  for (size_t i = 0; i < running.size();) {
    if (!running[i]->ended) {
      ++i;
      continue;
    }
    RowPtr row = std::move(running[i]);
    running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    const StopReason reason = row->it->row.stop;
    end(std::move(row), reason);
  }
}

void Batcher::State::endCancelled() {
  {
    std::lock_guard guard(lock);
    for (const RowPtr &row : running)
      if (cancelled.contains(row->id))
        row->ended = row->it->stop(StopReason::Cancelled);
  }
  removeEnded();
}

/// Gives a waiting row a slot, from a snapshot if one fits; false: there are too few pages.
Result<bool> Batcher::State::start(Row &row) {
  if (!row.it)
    row.it = std::make_unique<Continuation>(engine.model(), row.request.promptIds,
                                            row.request.options, 0);
  // What is known of all running rows must find its pages, or they would push one another out.
  int64_t owedPages = 0;
  for (const RowPtr &each : running)
    owedPages += owed(*each);
  const std::vector<int32_t> &tokens = row.it->tokens();
  const auto length = static_cast<int64_t>(tokens.size());
  const Snapshot *known = nullptr;
  for (;;) {
    known = prefixes.find(tokens);
    const int64_t shared =
        known ? known->length() / std::max<int64_t>(1, engine.options().pageSize) : 0;
    if (pagesOf(length) - (engine.options().pageSize ? shared : 0) + owedPages <=
        engine.freePages())
      break;
    if (!prefixes.dropOldest())
      return false;
  }
  Result<int32_t> slot = known ? engine.restore(*known) : engine.open();
  if (!slot)
    return slot.takeError();
  row.slot = *slot;
  row.fed = known ? known->length() : 0;
  std::lock_guard guard(lock);
  counts.reusedTokens += row.fed;
  return true;
}

/// Starts waiting rows, the oldest first, while there are slots, pages, and room in the next pass.
Status Batcher::State::admit() {
  int64_t left = options.pieceTokens;
  for (const RowPtr &row : running)
    if (!row->decodes())
      left -= std::min(left, pieceOf(*row));
  while (left > 0 && static_cast<int64_t>(running.size()) < engine.options().numSlots) {
    RowPtr row;
    {
      std::lock_guard guard(lock);
      if (waiting.empty())
        break;
      row = std::move(waiting.front());
      waiting.pop_front();
      active.insert(row->id);
    }
    Result<bool> started = start(*row);
    const bool fits = started && *started;
    if (fits)
      left -= std::min(left, pieceOf(*row));
    {
      std::lock_guard guard(lock);
      if (!fits) {
        active.erase(row->id);
        waiting.push_front(std::move(row));
      }
    }
    if (!fits)
      return started ? Status::success() : Status(started.takeError());
    running.push_back(std::move(row));
  }
  return Status::success();
}

/// The youngest row gives back what it has and waits again, before all others.
void Batcher::State::putBack() {
  RowPtr row = std::move(running.back());
  running.pop_back();
  engine.close(row->slot);
  row->slot = -1;
  row->fed = 0;
  std::lock_guard guard(lock);
  active.erase(row->id);
  ++counts.putBack;
  waiting.push_front(std::move(row));
}

/// The rows of the next pass, the oldest first: all that decode, and pieces of prompts as far as
/// they fit whole. If pages are short, snapshots go first, then the youngest rows.
Result<std::vector<Row *>> Batcher::State::plan() {
  for (;;) {
    std::vector<Row *> rows;
    int64_t left = options.pieceTokens, pages = 0;
    for (const RowPtr &row : running) {
      const int64_t tokens = row->decodes() ? 1 : pieceOf(*row);
      if (!row->decodes()) {
        left = tokens > left ? 0 : left; // a later, shorter one must not overtake
        if (left == 0)
          continue;
        left -= tokens;
      }
      pages += engine.pagesFor(row->slot, tokens);
      rows.push_back(row.get());
    }
    if (pages <= engine.freePages())
      return rows;
    if (prefixes.dropOldest())
      continue;
    if (running.size() == 1)
      return runtimeError("one sequence needs more pages than there are"); // room() keeps it out
    putBack();
  }
}

Status Batcher::State::advance(std::span<Row *const> rows, std::span<const Engine::Run> runs) {
  std::vector<Row *> fresh;
  std::vector<Continuation *> going;
  for (size_t i = 0; i < rows.size(); ++i) {
    Row &row = *rows[i];
    const bool piece = !row.decodes();
    row.fed += static_cast<int64_t>(runs[i].tokens.size());
    const auto known = std::span(row.it->tokens()).first(static_cast<size_t>(row.fed));
    if (piece && options.prefixSnapshots > 0 && row.fed % options.pieceTokens == 0 &&
        !prefixes.holds(known)) {
      // Without a free page for a partial last one there is no snapshot, which is no error.
      const int64_t size = engine.options().pageSize;
      if (!size || row.fed % size == 0 || engine.freePages() > 0) {
        Result<Snapshot> snapshot = engine.snapshot(row.slot);
        if (!snapshot)
          return snapshot.takeError();
        prefixes.add(known, snapshot.take());
      }
    }
    if (runs[i].logits) {
      fresh.push_back(&row);
      going.push_back(row.it.get());
    }
  }
  if (fresh.empty())
    return Status::success();
  for (size_t i = 0; i < fresh.size(); ++i) {
    Row &row = *fresh[i];
    if (row.first && row.request.options.keepPromptLogits) {
      Result<std::vector<float>> logits = engine.logits(static_cast<int64_t>(i), 1);
      if (!logits)
        return logits.takeError();
      row.it->row.lastPromptLogits = logits.take();
    }
    row.first = false;
  }
  Result<std::vector<int32_t>> ids = chooseTokens(engine, going);
  if (!ids)
    return ids.takeError();
  for (size_t i = 0; i < fresh.size(); ++i) {
    Row &row = *fresh[i];
    row.ended = row.request.options.maxNewTokens == 0
                    ? row.it->stop(StopReason::MaxTokens)
                    : row.it->accept((*ids)[i], row.fed, room(), row.onToken());
  }
  removeEnded();
  return Status::success();
}

/// After an error: nobody can say what the sequences hold.
void Batcher::State::abandon() {
  std::vector<RowPtr> rows = std::move(running);
  running.clear();
  {
    std::lock_guard guard(lock);
    for (RowPtr &row : waiting)
      rows.push_back(std::move(row));
    waiting.clear();
  }
  for (RowPtr &row : rows)
    end(std::move(row), StopReason::Cancelled);
}

Result<bool> Batcher::step() {
  State &s = *state;
  auto work = [&]() -> Result<bool> {
    s.endCancelled();
    if (Status status = s.admit(); !status)
      return status.takeError();
    if (s.running.empty())
      return false;
    Result<std::vector<Row *>> rows = s.plan();
    if (!rows)
      return rows.takeError();
    std::vector<Engine::Run> runs;
    for (const Row *row : *rows) {
      const int64_t count = row->decodes() ? 1 : s.pieceOf(*row);
      runs.push_back(
          {.slot = row->slot,
           .tokens = std::span(row->it->tokens())
                         .subspan(static_cast<size_t>(row->fed), static_cast<size_t>(count)),
           .logits = count == row->pending()});
    }
    {
      std::lock_guard guard(s.lock);
      ++s.counts.steps;
      s.counts.mostRunning = std::max(s.counts.mostRunning, static_cast<int64_t>(runs.size()));
    }
    if (Status status = s.engine.step(runs); !status)
      return status.takeError();
    if (Status status = s.advance(*rows, runs); !status)
      return status.takeError();
    return true;
  };
  Result<bool> more = work();
  if (!more)
    s.abandon();
  return more;
}

Status Batcher::run() {
  for (;;) {
    Result<bool> more = step();
    if (!more)
      return more.takeError();
    if (!*more)
      return Status::success();
  }
}

BatcherCounts Batcher::counts() const {
  std::lock_guard guard(state->lock);
  BatcherCounts counts = state->counts;
  counts.waiting = static_cast<int64_t>(state->waiting.size());
  counts.running = static_cast<int64_t>(state->active.size());
  return counts;
}

} // namespace zorse
