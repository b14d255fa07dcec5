//===- PrefixCache.h - snapshots by what was said ---------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/hybrid/Engine.h"

#include <list>

namespace zorse {

/// Keeps snapshots of sequences at multiples of `piece` tokens, found by their tokens. A hybrid can
/// begin only where all of its states were kept: its latents exist for every position, but its SSM
/// states for these alone.
class PrefixCache {
public:
  PrefixCache(int64_t piece, size_t limit) : piece(static_cast<size_t>(piece)), limit(limit) {}

  /// The longest snapshot whose tokens begin `tokens`, at least one of which is left over; null
  /// without one. It counts as used now.
  const Snapshot *find(std::span<const int32_t> tokens);
  /// Whether there is one of exactly these tokens; it counts as used now.
  bool holds(std::span<const int32_t> tokens);
  /// Keeps one of exactly these tokens; the one not used for longest gives way.
  void add(std::span<const int32_t> tokens, Snapshot snapshot);
  /// Drops the one not used for longest; false: there is none.
  bool dropOldest();
  size_t size() const { return entries.size(); }

private:
  struct Entry {
    uint64_t hash = 0;
    std::vector<int32_t> tokens;
    Snapshot snapshot;
  };
  std::list<Entry>::iterator locate(uint64_t hash, std::span<const int32_t> tokens);

  size_t piece, limit;
  std::list<Entry> entries; ///< the one used last is first
};

} // namespace zorse
