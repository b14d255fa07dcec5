//===- MlaDecode.cpp - absorbed attention over the latent cache -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "OnlineSoftmax.h"
#include "Schedule.h"

namespace zorse::schedule {

/// A workgroup takes a block of heads of one token, and one split of its positions. All heads share
/// the latents, so a block of them is staged once and read by two products: as keys and as values.
void scheduleMlaDecode(const ScheduleInput &input, TileProgram &program) {
  int64_t heads = input.field("num_heads"), rank = input.field("kv_lora_rank");
  int64_t rope = input.field("qk_rope_head_dim"), nope = input.field("qk_nope_head_dim");
  DType type = input.dtype("dtype");
  int64_t bn = input.knob("block_n"), splits = input.knob("kv_splits");
  int64_t bh = input.dotExtent(input.knob("block_h"), heads);
  int64_t c = input.dotDepth(rank, rank, type), r = input.dotDepth(rope, rope, type);
  int64_t headBlocks = (heads + bh - 1) / bh, rowWidth = rank + rope;
  double scale = softmaxScale(input, nope + rope);

  SplitAttention attention{input, program, "zorse_mla_decode", heads, std::min(bh, heads),
                           rank,  splits};
  attention.addWorkspaces();
  {
    KernelBuilder k(
        input, program, attention.symbol,
        {headBlocks == 1 ? "tokens" : "tokens * " + std::to_string(headBlocks), "kv_splits", "1"});
    Val t = k.programId(0) / headBlocks, h0 = k.programId(0) % headBlocks * bh;
    Val split = k.programId(1), cache = k.operand("cache");
    Operand rows = k.inside(h0, bh, heads);
    Val length = k.loadIndex(k.operand("positions"), t) + 1;
    Val base = k.loadIndex(k.operand("slots"), t) * k.size("max_len");

    auto query = [&](const char *name, int64_t width, int64_t skip, int64_t valid, int64_t extent) {
      Val tile = k.loadRaw(k.operand(name), (t * heads + h0) * width + skip, {width, 1},
                           {rows, valid}, {bh, extent});
      return k.stage(k.forDot(tile, type));
    };
    Val qLatent = query("q_latent", rank, 0, rank, c);
    Val qRope = query("q", nope + rope, nope, rope, r);

    auto range = attention.range(length, split, bn);
    OnlineSoftmax seen =
        sweep(k, range.from, range.visible, range.to, bn, OnlineSoftmax::nothing(k, bh, c),
              [&](Val j, const OnlineSoftmax &before, bool masked) {
                Operand left = masked ? Operand(range.to - j) : Operand(bn);
                Val offset = (base + j) * rowWidth;
                auto keys = [&](Val at, int64_t valid, int64_t extent) {
                  return k.stage(k.forDot(
                      k.loadRaw(cache, at, {rowWidth, 1}, {left, valid}, {bn, extent}), type));
                };
                Val latent = keys(offset, rank, c), rotary = keys(offset + rank, rope, r);
                Val s = k.dot(qLatent, latent, k.zeros({bh, bn}), /*transposeB=*/true);
                s = k.dot(qRope, rotary, s, /*transposeB=*/true) * scale;
                if (masked)
                  s = select(k.iota({bh, bn}, 1) < left, s, hiddenScore);
                return before.add(k, s, latent, type);
              });
    attention.store(k, seen, t, split, h0, rows);
  }
  attention.combine();
}

} // namespace zorse::schedule
