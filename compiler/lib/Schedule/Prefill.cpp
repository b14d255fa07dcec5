//===- Prefill.cpp - causal attention of runs of tokens -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CachedRows.h"
#include "OnlineSoftmax.h"
#include "Schedule.h"

namespace zorse::schedule {

namespace {
/// What the two kinds share: a workgroup takes a block of query tokens of one head of one sequence
/// and sweeps the positions that its last token sees.
struct Prefill {
  const ScheduleInput &input;
  KernelBuilder &k;
  int64_t m, bn;          ///< rows and columns of a block of scores
  int64_t headWidth;      ///< of a query
  int64_t width, columns; ///< of a result: elements, and extent of the tile
  double scale;

  Val b, h, kvHead, firstToken, newTokens, m0;

  Prefill(const ScheduleInput &input, KernelBuilder &k, int64_t m, int64_t headWidth, int64_t width,
          int64_t columns)
      : input(input), k(k), m(m), bn(input.knob("block_n")), headWidth(headWidth), width(width),
        columns(columns), scale(softmaxScale(input, headWidth)) {
    m0 = k.programId(0) * m;
    h = k.programId(1);
    b = k.programId(2);
    kvHead = h / (input.field("num_heads") / input.field("num_kv_heads"));
    firstToken = k.loadIndex(k.operand("cu_seqlens"), b);
    newTokens = k.loadIndex(k.operand("cu_seqlens"), b + 1) - firstToken;
  }

  /// The part of the queries from column `skip`, `valid` wide, staged.
  Val query(int64_t skip, int64_t valid, int64_t extent, DType type) {
    int64_t rowWidth = input.field("num_heads") * headWidth;
    Val offset = (firstToken + m0) * rowWidth + h * headWidth + skip;
    Val tile =
        k.loadRaw(k.operand("q"), offset, {rowWidth, 1}, {newTokens - m0, valid}, {m, extent});
    return k.stage(k.forDot(tile, type));
  }

  struct Block {
    Val scores, values;
  };
  /// Sweeps the cached positions and stores the result. `block` makes the unscaled scores and the
  /// values of the positions from j, of which `left` exist.
  void attend(Val cached, DType type, const std::function<Block(Val j, Operand left)> &block) {
    Val before = cached - newTokens + m0; // position of the first row
    Val to = min(before + m, cached);
    Val visible = (before + 1) / bn * bn;
    OnlineSoftmax seen =
        sweep(k, k.index(0), visible, to, bn, OnlineSoftmax::nothing(k, m, columns),
              [&](Val j, const OnlineSoftmax &seen, bool masked) {
                Operand left = masked ? Operand(to - j) : Operand(bn);
                Block now = block(j, left);
                Val s = now.scores * scale;
                if (masked) {
                  Val ahead = k.iota({m, bn}, 1) - k.iota({m, bn}, 0);
                  s = select(ahead <= before - j, s, hiddenScore);
                }
                return seen.add(k, s, now.values, type);
              });
    int64_t rowWidth = input.field("num_heads") * width;
    k.store(seen.result(k), k.operand("out"), (firstToken + m0) * rowWidth + h * width,
            {rowWidth, 1}, {newTokens - m0, width});
  }
};
} // namespace

/// Keys are the expanded part, one for each head, beside the rotary part, which all heads share and
/// which lies in the cache: two products into one block of scores.
static void scheduleMlaPrefill(const ScheduleInput &input, TileProgram &program) {
  int64_t kvHeads = input.field("num_kv_heads"), rank = input.field("kv_lora_rank");
  int64_t nope = input.field("qk_nope_head_dim"), rope = input.field("qk_rope_head_dim");
  int64_t value = input.field("v_head_dim");
  DType type = input.dtype("dtype");
  int64_t m = input.dotExtent(input.knob("block_m"));
  int64_t n = input.dotDepth(nope, nope, type), r = input.dotDepth(rope, rope, type);
  int64_t v = input.dotExtent(value);

  KernelBuilder k(input, program, "zorse_mla_prefill",
                  {blocksOf("tokens", m), "num_heads", "batch"});
  Prefill prefill(input, k, m, nope + rope, value, v);
  k.ifThen(prefill.m0 < prefill.newTokens, [&] {
    Val firstRow = k.loadIndex(k.operand("cu_context"), prefill.b);
    Val cached = k.loadIndex(k.operand("cu_context"), prefill.b + 1) - firstRow;
    CachedRows rows(k, prefill.b);
    Val q = prefill.query(0, nope, n, type), qRope = prefill.query(nope, rope, r, type);
    int64_t rowWidth = kvHeads * (nope + value);
    prefill.attend(cached, type, [&](Val j, Operand left) {
      Val offset = (firstRow + j) * rowWidth + prefill.kvHead * (nope + value);
      auto load = [&](const char *name, Val at, int64_t stride, int64_t valid, int64_t extent) {
        return k.stage(k.forDot(
            k.loadRaw(k.operand(name), at, {stride, 1}, {left, valid}, {prefill.bn, extent}),
            type));
      };
      Val keys = load("kv", offset, rowWidth, nope, n);
      Val rotary = load("cache", rows.rowOf(j) * (rank + rope) + rank, rank + rope, rope, r);
      Val s = k.dot(q, keys, k.zeros({m, prefill.bn}), /*transposeB=*/true);
      s = k.dot(qRope, rotary, s, /*transposeB=*/true);
      return Prefill::Block{s, load("kv", offset + nope, rowWidth, value, v)};
    });
  });
}

static void scheduleGqaPrefill(const ScheduleInput &input, TileProgram &program) {
  int64_t kvHeads = input.field("num_kv_heads"), width = input.field("head_dim");
  DType type = input.dtype("dtype");
  int64_t m = input.dotExtent(input.knob("block_m")), p = input.dotDepth(width, width, type);

  KernelBuilder k(input, program, "zorse_gqa_prefill",
                  {blocksOf("tokens", m), "num_heads", "batch"});
  Prefill prefill(input, k, m, width, width, p);
  k.ifThen(prefill.m0 < prefill.newTokens, [&] {
    Val cached = k.loadIndex(k.operand("context_lens"), prefill.b);
    CachedRows rows(k, prefill.b);
    Val q = prefill.query(0, width, p, type);
    prefill.attend(cached, type, [&](Val j, Operand left) {
      Val offset = (rows.rowOf(j) * kvHeads + prefill.kvHead) * width;
      auto load = [&](const char *name) {
        return k.stage(k.forDot(k.loadRaw(k.operand(name), offset, {kvHeads * width, 1},
                                          {left, width}, {prefill.bn, p}),
                                type));
      };
      Val s = k.dot(q, load("k_cache"), k.zeros({m, prefill.bn}), /*transposeB=*/true);
      return Prefill::Block{s, load("v_cache")};
    });
  });
}

void schedulePrefill(const ScheduleInput &input, TileProgram &program) {
  if (input.op.kind() == "mla_prefill")
    scheduleMlaPrefill(input, program);
  else
    scheduleGqaPrefill(input, program);
}

} // namespace zorse::schedule
