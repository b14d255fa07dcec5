//===- GqaDecode.cpp - attention of single tokens over a key/value cache --===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CachedRows.h"
#include "OnlineSoftmax.h"
#include "Schedule.h"

namespace zorse::schedule {

/// A workgroup takes one key/value head of one token, with all query heads that use it, and one
/// split of its positions.
void scheduleGqaDecode(const ScheduleInput &input, TileProgram &program) {
  int64_t heads = input.field("num_heads"), kvHeads = input.field("num_kv_heads");
  int64_t width = input.field("head_dim"), rep = heads / kvHeads;
  DType type = input.dtype("dtype");
  int64_t bn = input.knob("block_n"), splits = input.knob("kv_splits");
  int64_t m = input.dotExtent(rep), p = input.dotDepth(width, width, type);
  int64_t rowWidth = kvHeads * width;
  double scale = softmaxScale(input, width);
  // Few rows read values as seldom as packing them would. Keys that are not packed want a sum of
  // lanes for every score, which costs more than its products and the packing.
  bool stageValues = rep > 8 || !input.target.isHost();

  SplitAttention attention{input, program, "zorse_gqa_decode", heads, rep, width, splits};
  attention.addWorkspaces();
  {
    KernelBuilder k(input, program, attention.symbol, {"tokens", "num_kv_heads", "kv_splits"});
    Val t = k.programId(0), kvHead = k.programId(1), split = k.programId(2);
    Val h0 = kvHead * rep;
    Val length = k.loadIndex(k.operand("positions"), t) + 1;
    CachedRows cached(k, t);
    Val q = k.stage(k.forDot(
        k.loadRaw(k.operand("q"), (t * heads + h0) * width, {width, 1}, {rep, width}, {m, p}),
        type));

    auto range = attention.range(length, split, bn);
    OnlineSoftmax seen = sweep(
        k, range.from, range.visible, range.to, bn, OnlineSoftmax::nothing(k, m, p),
        [&](Val j, const OnlineSoftmax &before, bool masked) {
          Operand left = masked ? Operand(range.to - j) : Operand(bn);
          Val offset = cached.rowOf(j) * rowWidth + kvHead * width;
          auto block = [&](const char *name, bool stage) {
            Val tile = k.forDot(
                k.loadRaw(k.operand(name), offset, {rowWidth, 1}, {left, width}, {bn, p}), type);
            return stage ? k.stage(tile) : tile;
          };
          Val s = k.dot(q, block("k_cache", true), k.zeros({m, bn}), /*transposeB=*/true) * scale;
          if (masked)
            s = select(k.iota({m, bn}, 1) < left, s, hiddenScore);
          return before.add(k, s, block("v_cache", stageValues), type);
        });
    attention.store(k, seen, t, split, h0, rep, width);
  }
  attention.combine();
}

} // namespace zorse::schedule
