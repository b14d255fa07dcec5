//===- PrefixCache.cpp - snapshots by what was said -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PrefixCache.h"

#include <algorithm>

namespace zorse {

/// Goes on from the hash of what came before (FNV-1a over ids).
static uint64_t extend(uint64_t hash, std::span<const int32_t> tokens) {
  for (int32_t token : tokens)
    hash = (hash ^ static_cast<uint32_t>(token)) * 0x100000001B3;
  return hash;
}
static constexpr uint64_t emptyHash = 0xCBF29CE484222325;

std::list<PrefixCache::Entry>::iterator PrefixCache::locate(uint64_t hash,
                                                            std::span<const int32_t> tokens) {
  // Equal hashes of other tokens are possible, so the tokens decide.
  auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry &each) {
    return each.hash == hash && std::ranges::equal(each.tokens, tokens);
  });
  if (found != entries.end())
    entries.splice(entries.begin(), entries, found);
  return found;
}

const Snapshot *PrefixCache::find(std::span<const int32_t> tokens) {
  std::vector<uint64_t> hashes; // of 1, 2, … pieces
  for (size_t end = piece; end < tokens.size(); end += piece)
    hashes.push_back(
        extend(hashes.empty() ? emptyHash : hashes.back(), tokens.subspan(end - piece, piece)));
  for (size_t pieces = hashes.size(); pieces > 0; --pieces)
    if (auto found = locate(hashes[pieces - 1], tokens.first(pieces * piece));
        found != entries.end())
      return &found->snapshot;
  return nullptr;
}

bool PrefixCache::holds(std::span<const int32_t> tokens) {
  return locate(extend(emptyHash, tokens), tokens) != entries.end();
}

void PrefixCache::add(std::span<const int32_t> tokens, Snapshot snapshot) {
  while (entries.size() >= limit)
    if (!dropOldest())
      return; // none may be kept
  entries.push_front({extend(emptyHash, tokens), {tokens.begin(), tokens.end()}, snapshot});
}

bool PrefixCache::dropOldest() {
  if (entries.empty())
    return false;
  entries.pop_back();
  return true;
}

} // namespace zorse
