//===- CachedRows.h - where cached tokens lie -------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelBuilder.h"

namespace zorse::schedule {

/// The rows of one slot in the caches. A slot has max_len rows of its own, or its page table says
/// which page has each run of page_size rows.
class CachedRows {
public:
  /// Of the slot that slots[at] names.
  CachedRows(KernelBuilder &k, Val at);

  /// The row of position `j`, counted over the whole cache. The rows of the positions after j
  /// follow up to the end of its page, so one call finds a block of positions that divides the page
  /// and starts at a multiple of itself; without pages they follow up to the end of the slot. The
  /// page of j is read, so j must be a position that holds, or is about to hold, a token.
  Val rowOf(Val j) const;

private:
  KernelBuilder &k;
  int64_t pageSize; ///< 0: no pages
  Val first;        ///< row of position 0, or the place of its page in the page table
};

} // namespace zorse::schedule
