//===- PagePool.h - who holds which page ------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace zorse {

/// Counts who holds each page of the caches; the pages themselves lie elsewhere. A page with more
/// than one holder is full and is never written again.
class PagePool {
public:
  explicit PagePool(int64_t pages);

  int64_t size() const { return static_cast<int64_t>(holders.size()); }
  int64_t freePages() const { return static_cast<int64_t>(unused.size()); }
  int32_t holdersOf(int32_t page) const { return holders[static_cast<size_t>(page)]; }

  /// The lowest free page, so that those of one sequence tend to lie side by side. One must be
  /// free.
  int32_t take();
  /// One more holder.
  void share(int32_t page);
  /// One holder less; without any the page is free.
  void release(int32_t page);

private:
  std::vector<int32_t> holders;
  std::priority_queue<int32_t, std::vector<int32_t>, std::greater<>> unused;
};

} // namespace zorse
