//===- MlaDecode.cpp - absorbed attention over the latent cache -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CachedRows.h"
#include "OnlineSoftmax.h"
#include "Schedule.h"

namespace zorse::schedule {

/// A workgroup takes a block of heads of one token, and one split of its positions. All heads share
/// the latents, so a block of them is read once and serves two products: as keys and as values.
/// Where LDS holds a whole block, both find it there. Otherwise (block_r) it waits in registers and
/// goes through LDS some columns at a time, once for each product, and the queries are read where
/// they lie.
void scheduleMlaDecode(const ScheduleInput &input, TileProgram &program) {
  int64_t heads = input.field("num_heads"), rank = input.field("kv_lora_rank");
  int64_t rope = input.field("qk_rope_head_dim"), nope = input.field("qk_nope_head_dim");
  DType type = input.dtype("dtype");
  int64_t bn = input.knob("block_n"), splits = input.knob("kv_splits");
  int64_t bh = input.dotExtent(input.knob("block_h"), heads);
  int64_t r = input.dotDepth(rope, rope, type);
  int64_t step = input.knobOr("block_r", 0);
  if (step == 0 || step > rank)
    step = rank;
  struct Part {
    int64_t from, valid, extent;
  };
  std::vector<Part> parts;
  llvm::SmallVector<int64_t> widths;
  for (int64_t from = 0; from < rank; from += step) {
    int64_t valid = std::min(step, rank - from);
    parts.push_back({from, valid, input.dotDepth(valid, valid, type)});
    widths.push_back(parts.back().extent);
  }
  bool whole = parts.size() == 1;
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
    CachedRows cached(k, t);

    auto query = [&](const char *name, int64_t width, int64_t skip, int64_t valid, int64_t extent) {
      Val tile = k.loadRaw(k.operand(name), (t * heads + h0) * width + skip, {width, 1},
                           {rows, valid}, {bh, extent});
      return k.forDot(tile, type);
    };
    auto latentQuery = [&](const Part &part) {
      return query("q_latent", rank, part.from, part.valid, part.extent);
    };
    Val qLatent;
    if (whole)
      qLatent = k.stage(latentQuery(parts[0]));
    Val qRope = k.stage(query("q", nope + rope, nope, rope, r));

    auto range = attention.range(length, split, bn);
    OnlineSoftmax seen = sweep(
        k, range.from, range.visible, range.to, bn, OnlineSoftmax::nothing(k, bh, widths),
        [&](Val j, const OnlineSoftmax &before, bool masked) {
          Operand left = masked ? Operand(range.to - j) : Operand(bn);
          Val offset = cached.rowOf(j) * rowWidth;
          auto load = [&](int64_t column, int64_t valid, int64_t extent) {
            return k.forDot(
                k.loadRaw(cache, offset + column, {rowWidth, 1}, {left, valid}, {bn, extent}),
                type);
          };
          // All reads of memory first, so that they wait together.
          std::vector<Val> latents;
          for (const Part &part : parts)
            latents.push_back(load(part.from, part.valid, part.extent));
          Val rotary = load(rank, rope, r);
          if (whole)
            latents[0] = k.stage(latents[0]);
          rotary = k.stage(rotary);

          Val s = k.zeros({bh, bn});
          for (auto [part, latent] : llvm::zip_equal(parts, latents))
            s = whole ? k.dot(qLatent, latent, s, /*transposeB=*/true)
                      : k.dot(latentQuery(part), k.stage(latent), s, /*transposeB=*/true);
          s = k.dot(qRope, rotary, s, /*transposeB=*/true) * scale;
          if (masked)
            s = select(k.iota({bh, bn}, 1) < left, s, hiddenScore);
          if (whole)
            return before.add(k, s, latents[0], type);
          return before.add(k, s, type, [&](Val p, size_t i, Val sum) {
            return k.dot(p, k.stage(latents[i], /*transpose=*/true), sum, /*transposeB=*/true);
          });
        });
    attention.store(k, seen, t, split, h0, rows, step);
  }
  attention.combine();
}

} // namespace zorse::schedule
