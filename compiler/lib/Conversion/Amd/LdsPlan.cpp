//===- LdsPlan.cpp - places in LDS ----------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LdsPlan.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;

LdsPlan::LdsPlan(func::FuncOp kernel) {
  int64_t next = 0;
  kernel.walk([&](Operation *op, const WalkStage &stage) {
    if (stage.isBeforeAllRegions())
      positions[op].first = next++;
    if (stage.isAfterAllRegions())
      positions[op].second = op->getNumRegions() ? next++ : positions[op].first;
  });
}

void LdsPlan::add(int64_t bytes, Operation *maker, ArrayRef<Operation *> users, LdsRange &range) {
  int64_t begin = positions[maker].first, end = begin;
  for (Operation *user : users) {
    // A use in an inner loop comes back with each iteration, so the buffer lives to its end.
    while (user->getBlock() != maker->getBlock())
      user = user->getParentOp();
    end = std::max(end, positions[user].second);
  }
  lives.push_back({begin, end, int64_t(lives.size()), int64_t(llvm::alignTo(bytes, 16)), &range});
}

int64_t LdsPlan::place() {
  llvm::sort(lives, [](const Life &a, const Life &b) {
    return std::tie(a.begin, a.number) < std::tie(b.begin, b.number);
  });
  int64_t total = 0;
  for (size_t i = 0; i < lives.size(); ++i) {
    const Life &life = lives[i];
    int64_t offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const Life &other : ArrayRef(lives).take_front(i))
        if (other.end >= life.begin && other.range->overlaps({offset, offset + life.bytes})) {
          offset = other.range->end;
          moved = true;
        }
    }
    *life.range = {offset, offset + life.bytes};
    total = std::max(total, offset + life.bytes);
  }
  return total;
}
