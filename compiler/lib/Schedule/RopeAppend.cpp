//===- RopeAppend.cpp - rotary embedding and the write to the cache -------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CachedRows.h"
#include "Schedule.h"

namespace zorse::schedule {

namespace {
/// Rotates pairs of elements by the angles of one position. Like the models, it rounds both
/// products to the type of the activations before it adds them.
struct Rotation {
  KernelBuilder &k;
  DType type;
  int64_t half; ///< pairs
  Val cos, sin; ///< [half]

  Rotation(KernelBuilder &k, Val position, int64_t half)
      : k(k), type(k.input.dtype("dtype")), half(half),
        cos(k.load(k.operand("cos"), position * half, {1}, {}, {half})),
        sin(k.load(k.operand("sin"), position * half, {1}, {}, {half})) {}

  /// Reads the pairs of `rows` heads: first members from in[at], second ones `apart` later, pairs
  /// `step` apart. Writes all first results to out[to], the second ones half a head later.
  void apply(int64_t extent, Operand rows, Val in, Val at, int64_t inStride, int64_t step,
             int64_t apart, Val out, Val to, int64_t outStride) {
    std::vector<int64_t> shape{extent, half};
    Val u = k.load(in, at, {inStride, step}, {rows, half}, shape);
    Val v = k.load(in, at + apart, {inStride, step}, {rows, half}, shape);
    Val c = k.broadcast(cos, shape, 1), s = k.broadcast(sin, shape, 1);
    auto product = [&](Val a, Val b) { return k.rounded(a * b, type); };
    // Both results before the first store: it may overwrite what the second one reads.
    Val first = k.rounded(product(u, c) - product(v, s), type);
    Val second = k.rounded(product(v, c) + product(u, s), type);
    k.store(first, out, to, {outStride, 1}, {rows, half});
    k.store(second, out, to + half, {outStride, 1}, {rows, half});
  }
};
} // namespace

/// A workgroup takes a block of query heads of one token; the first one also appends to the cache.
static void scheduleMlaRopeAppend(const ScheduleInput &input, TileProgram &program) {
  int64_t heads = input.field("num_heads"), rank = input.field("kv_lora_rank");
  int64_t nope = input.field("qk_nope_head_dim"), rope = input.field("qk_rope_head_dim");
  int64_t bh = std::min(input.knob("block_h"), heads), width = nope + rope;

  KernelBuilder k(input, program, "zorse_mla_rope_append",
                  {"tokens", blocksOf("num_heads", bh), "1"});
  Val t = k.programId(0), h0 = k.programId(1) * bh, q = k.operand("q");
  Val position = k.loadIndex(k.operand("positions"), t);
  Rotation rotation(k, position, rope / 2);
  Val head = (t * heads + h0) * width + nope;
  rotation.apply(bh, k.inside(h0, bh, heads), q, head, width, 2, 1, q, head, width);

  k.ifThen(equal(k.programId(1), 0), [&] {
    Val cache = k.operand("cache"), from = t * (rank + rope);
    Val to = CachedRows(k, t).rowOf(position) * (rank + rope);
    k.store(k.load(k.operand("kv_a"), from, {1}, {}, {rank}), cache, to, {1}, {});
    rotation.apply(1, 1, k.operand("kv_a"), from + rank, rope, 2, 1, cache, to + rank, rope);
  });
}

static void scheduleGqaRopeAppend(const ScheduleInput &input, TileProgram &program) {
  int64_t heads = input.field("num_heads"), kvHeads = input.field("num_kv_heads");
  int64_t width = input.field("head_dim"), bh = std::min(input.knob("block_h"), heads);

  KernelBuilder k(input, program, "zorse_gqa_rope_append",
                  {"tokens", blocksOf("num_heads", bh), "1"});
  Val t = k.programId(0), h0 = k.programId(1) * bh, qkv = k.operand("qkv");
  Val position = k.loadIndex(k.operand("positions"), t);
  Rotation rotation(k, position, width / 2);
  Val row = t * ((heads + 2 * kvHeads) * width);
  rotation.apply(bh, k.inside(h0, bh, heads), qkv, row + h0 * width, width, 1, width / 2,
                 k.operand("q"), (t * heads + h0) * width, width);

  k.ifThen(equal(k.programId(1), 0), [&] {
    Val to = CachedRows(k, t).rowOf(position) * (kvHeads * width);
    rotation.apply(kvHeads, kvHeads, qkv, row + heads * width, width, 1, width / 2,
                   k.operand("k_cache"), to, width);
    Val values = row + (heads + kvHeads) * width;
    k.store(k.load(qkv, values, {width, 1}, {}, {kvHeads, width}), k.operand("v_cache"), to,
            {width, 1}, {});
  });
}

void scheduleRopeAppend(const ScheduleInput &input, TileProgram &program) {
  if (input.op.kind() == "mla_rope_append")
    scheduleMlaRopeAppend(input, program);
  else
    scheduleGqaRopeAppend(input, program);
}

} // namespace zorse::schedule
