//===- CachedRows.cpp - where cached tokens lie ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CachedRows.h"

namespace zorse::schedule {

CachedRows::CachedRows(KernelBuilder &k, Val at) : k(k), pageSize(k.input.field("page_size")) {
  Val slot = k.loadIndex(k.operand("slots"), at);
  first = slot * (pageSize ? ceilDiv(k.size("max_len"), pageSize) : k.size("max_len"));
}

Val CachedRows::rowOf(Val j) const {
  if (!pageSize)
    return first + j;
  Val page = k.loadIndex(k.operand("page_table"), first + j / pageSize);
  return page * pageSize + j % pageSize;
}

} // namespace zorse::schedule
