//===- PagePool.cpp - who holds which page --------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PagePool.h"

namespace zorse {

PagePool::PagePool(int64_t pages) : holders(static_cast<size_t>(pages)) {
  for (int64_t page = 0; page < pages; ++page)
    unused.push(static_cast<int32_t>(page));
}

int32_t PagePool::take() {
  const int32_t page = unused.top();
  unused.pop();
  holders[static_cast<size_t>(page)] = 1;
  return page;
}

void PagePool::share(int32_t page) { ++holders[static_cast<size_t>(page)]; }

void PagePool::release(int32_t page) {
  if (--holders[static_cast<size_t>(page)] == 0)
    unused.push(page);
}

} // namespace zorse
