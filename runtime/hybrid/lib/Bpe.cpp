//===- Bpe.cpp - byte pair encoding of one piece --------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "TokenizerData.h"

#include <fmt/format.h>

#include <queue>

namespace zorse {

namespace {

/// A piece under construction: a doubly linked list in an array.
struct Symbol {
  int32_t id = 0;
  int32_t previous = -1, next = -1;
  bool alive = true;
};

/// A pair that could be merged; stale once one of its halves has changed.
struct Candidate {
  int32_t rank, left, leftId, rightId, mergedId;
  bool operator<(const Candidate &other) const { // the queue gives the largest first
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

} // namespace

Status Tokenizer::Data::encodePiece(std::string_view piece, std::vector<int32_t> &out) const {
  if (ignoreMerges)
    if (auto whole = ids.find(std::string(piece)); whole != ids.end()) {
      out.push_back(whole->second);
      return Status::success();
    }

  std::vector<Symbol> symbols;
  auto add = [&](int32_t id) {
    int32_t at = static_cast<int32_t>(symbols.size());
    if (at > 0)
      symbols.back().next = at;
    symbols.push_back({id, at - 1, -1, true});
  };
  for (size_t at = 0; at < piece.size();) {
    const size_t length = std::max<size_t>(1, characterLength(piece, at));
    std::string character(piece.substr(at, length));
    at += length;
    if (auto found = ids.find(character); found != ids.end()) {
      add(found->second);
    } else if (byteFallback) {
      for (char byte : character)
        add(byteIds[static_cast<uint8_t>(byte)]);
    } else if (unknownId >= 0) {
      if (!fuseUnknown || symbols.empty() || symbols.back().id != unknownId)
        add(unknownId);
    } else {
      return usageError(fmt::format(
          "the vocabulary has no token for the character \"{}\" and no unk_token", character));
    }
  }

  std::priority_queue<Candidate> queue;
  auto consider = [&](int32_t left) {
    if (left < 0 || symbols[left].next < 0)
      return;
    const int32_t leftId = symbols[left].id, rightId = symbols[symbols[left].next].id;
    auto found = merges.find(uint64_t(uint32_t(leftId)) << 32 | uint32_t(rightId));
    if (found != merges.end())
      queue.push({found->second.rank, left, leftId, rightId, found->second.id});
  };
  for (size_t i = 0; i + 1 < symbols.size(); ++i)
    consider(static_cast<int32_t>(i));
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol &left = symbols[best.left];
    if (!left.alive || left.id != best.leftId || left.next < 0 ||
        symbols[left.next].id != best.rightId)
      continue;
    Symbol &right = symbols[left.next];
    left.id = best.mergedId;
    left.next = right.next;
    right.alive = false;
    if (right.next >= 0)
      symbols[right.next].previous = best.left;
    consider(left.previous);
    consider(best.left);
  }
  for (int32_t at = symbols.empty() ? -1 : 0; at >= 0; at = symbols[at].next)
    out.push_back(symbols[at].id);
  return Status::success();
}

} // namespace zorse
