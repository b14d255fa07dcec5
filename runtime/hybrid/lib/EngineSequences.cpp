//===- EngineSequences.cpp - slots, pages, snapshots ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "EngineState.h"

#include <fmt/format.h>

#include <algorithm>

namespace zorse {

Snapshot::Data::~Data() {
  for (int32_t page : pages)
    pool->release(page);
}

int64_t Snapshot::length() const { return data->length; }
int64_t Snapshot::heldPages() const { return static_cast<int64_t>(data->pages.size()); }
int64_t Snapshot::heldBytes() const {
  int64_t bytes = 0;
  for (const std::vector<uint8_t> &copy : data->copies)
    bytes += static_cast<int64_t>(copy.size());
  return bytes;
}

int64_t Engine::State::pagesFor(int32_t slot, int64_t more) const {
  if (!paged())
    return 0;
  const Sequence &it = sequence(slot);
  const int64_t needed = (it.length + more + options.pageSize - 1) / options.pageSize;
  return std::max<int64_t>(0, needed - static_cast<int64_t>(it.pages.size()));
}

Status Engine::State::checkPages(int64_t wanted) const {
  if (wanted <= pool->freePages())
    return Status::success();
  return usageError(fmt::format("expected {} free pages of {} tokens, found {} of {}; close a "
                                "sequence, drop snapshots, or raise numPages",
                                wanted, options.pageSize, pool->freePages(), pool->size()));
}

Status Engine::State::reserve(int32_t slot, int64_t length) {
  Sequence &it = sequence(slot);
  const size_t first = it.pages.size();
  for (int64_t more = pagesFor(slot, length - it.length); more > 0; --more)
    it.pages.push_back(pool->take());
  return uploadPageTable(slot, first);
}

Status Engine::State::uploadPageTable(int32_t slot, size_t first) {
  const std::vector<int32_t> &pages = sequence(slot).pages;
  if (first >= pages.size())
    return Status::success();
  const int64_t rowEntries = (options.maxLen + options.pageSize - 1) / options.pageSize;
  const size_t entry = static_cast<size_t>(slot * rowEntries) + first;
  return device().upload(*inputs.pageTable, entry * sizeof(int32_t),
                         {reinterpret_cast<const uint8_t *>(pages.data() + first),
                          (pages.size() - first) * sizeof(int32_t)});
}

void Engine::State::releasePages(Sequence &sequence) {
  for (int32_t page : sequence.pages)
    pool->release(page);
  sequence.pages.clear();
}

Result<int32_t> Engine::State::freeSlot() const {
  for (size_t slot = 0; slot < sequences.size(); ++slot)
    if (!sequences[slot].open)
      return static_cast<int32_t>(slot);
  return usageError(
      fmt::format("all {} slots are taken; close one or raise numSlots", options.numSlots));
}

Result<int32_t> Engine::open() {
  Result<int32_t> slot = state->freeSlot();
  if (!slot)
    return slot;
  if (Status status = state->clearStates(*slot); !status)
    return status.takeError();
  state->sequence(*slot) = {.open = true};
  return slot;
}

void Engine::close(int32_t slot) {
  if (!state->checkSlot(slot))
    return;
  state->releasePages(state->sequence(slot));
  state->sequence(slot) = {};
}

int64_t Engine::length(int32_t slot) const {
  return state->checkSlot(slot) ? state->sequence(slot).length : 0;
}

int64_t Engine::pagesFor(int32_t slot, int64_t more) const {
  return state->checkSlot(slot) ? state->pagesFor(slot, more) : 0;
}

int64_t Engine::freePages() const { return state->pool->freePages(); }

int64_t Engine::openSlots() const {
  return std::count_if(state->sequences.begin(), state->sequences.end(),
                       [](const Sequence &each) { return each.open; });
}

Result<Snapshot> Engine::State::remember(int32_t slot, bool own) {
  if (Status status = checkSlot(slot); !status)
    return status.takeError();
  const Sequence &from = sequence(slot);
  const bool partial = paged() && from.length % options.pageSize != 0;
  if (Status status = checkPages(own && partial); !status)
    return status.takeError();
  auto data = std::make_shared<Snapshot::Data>();
  data->pool = pool;
  data->length = from.length;
  // Pages past the end, if any, hold nothing.
  const size_t held =
      paged() ? static_cast<size_t>((from.length + options.pageSize - 1) / options.pageSize) : 0;
  for (size_t i = 0; i < held; ++i) {
    const bool copied = own && partial && i + 1 == held;
    if (!copied)
      pool->share(from.pages[i]);
    data->pages.push_back(copied ? pool->take() : from.pages[i]);
  }
  if (own && partial)
    if (Status status =
            copyRows(from.pages[held - 1] * options.pageSize, data->pages.back() * options.pageSize,
                     from.length % options.pageSize);
        !status)
      return status.takeError();
  for (const CacheTensor *tensor : copiedTensors()) {
    Result<std::vector<uint8_t>> bytes = download(*tensor, copiedRows(*tensor, slot, from.length));
    if (!bytes)
      return bytes.takeError();
    data->copies.push_back(bytes.take());
  }
  return Snapshot(std::move(data));
}

Result<int32_t> Engine::State::recall(const Snapshot::Data &data) {
  if (data.pool != pool)
    return usageError("expected a snapshot of this engine, found one of another");
  Result<int32_t> slot = freeSlot();
  if (!slot)
    return slot;
  const bool partial = paged() && data.length % options.pageSize != 0;
  if (Status status = checkPages(partial); !status)
    return status.takeError();
  Sequence &to = sequence(*slot);
  to = {.open = true, .length = data.length};
  for (size_t i = 0; i < data.pages.size(); ++i) {
    const bool copied = partial && i + 1 == data.pages.size();
    if (!copied)
      pool->share(data.pages[i]);
    to.pages.push_back(copied ? pool->take() : data.pages[i]);
  }
  auto fill = [&]() -> Status {
    if (partial)
      if (Status status =
              copyRows(data.pages.back() * options.pageSize, to.pages.back() * options.pageSize,
                       data.length % options.pageSize);
          !status)
        return status;
    size_t next = 0;
    for (const CacheTensor *tensor : copiedTensors())
      if (Status status =
              upload(*tensor, copiedRows(*tensor, *slot, data.length), data.copies[next++]);
          !status)
        return status;
    return uploadPageTable(*slot, 0);
  };
  if (Status status = fill(); !status) {
    releasePages(to);
    to = {};
    return status.takeError();
  }
  return slot;
}

Result<int32_t> Engine::fork(int32_t slot) {
  // The last page is copied once, by recall(): the snapshot in between is gone at the end.
  Result<Snapshot> now = state->remember(slot, false);
  if (!now)
    return now.takeError();
  return state->recall(*now->data);
}

Result<Snapshot> Engine::snapshot(int32_t slot) { return state->remember(slot, true); }

Result<int32_t> Engine::restore(const Snapshot &snapshot) { return state->recall(*snapshot.data); }

Status Engine::fillRandom(int32_t slot, int64_t length, uint64_t seed) {
  State &s = *state;
  if (Status status = s.checkSlot(slot); !status)
    return status;
  if (length < 0 || length > s.options.maxLen)
    return usageError(
        fmt::format("length: expected [0, {}] (maxLen), found {}", s.options.maxLen, length));
  Sequence &it = s.sequence(slot);
  // All its pages are replaced: others may hold some of them.
  int64_t own = 0;
  for (int32_t page : it.pages)
    own += s.pool->holdersOf(page) == 1;
  if (s.paged())
    if (Status status = s.checkPages((length + s.options.pageSize - 1) / s.options.pageSize - own);
        !status)
      return status;
  s.releasePages(it);
  it.length = 0;
  if (Status status = s.reserve(slot, length); !status)
    return status;
  it.length = length;
  return s.fillRandom(slot, seed);
}

} // namespace zorse
