//===- LatentProjection.cpp - queries into the latent space, results out of it -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Schedule.h"

namespace zorse::schedule {

/// out[t,h,:] = in[t,h,first…first+inner] . w[h / rep], a product for each head. A workgroup takes
/// a block of tokens of one head. With one token to a workgroup it takes all heads that share a
/// key/value head instead, so that the weight is read once for them. On AMD, where the weight of a
/// head need not fit the LDS, it also takes a block of columns and goes through the sum in steps.
static void scheduleHeads(const ScheduleInput &input, TileProgram &program, bool absorb) {
  int64_t heads = input.field("num_heads"), kvHeads = input.field("num_kv_heads");
  int64_t nope = input.field("qk_nope_head_dim"), value = input.field("v_head_dim");
  int64_t rank = input.field("kv_lora_rank"), rep = heads / kvHeads;
  int64_t inner = absorb ? nope : rank, outer = absorb ? rank : value;
  int64_t inStride = absorb ? nope + input.field("qk_rope_head_dim") : rank;
  DType type = input.dtype("dtype");
  if (type != input.dtype("weight_dtype"))
    type = DType::F32;
  bool shareHeads = input.knob("block_m") == 1;
  int64_t m = input.dotExtent(shareHeads ? rep : input.knob("block_m"));
  int64_t n = input.dotExtent(input.knobOr("block_n", outer), outer);
  int64_t step = std::min(input.knobOr("block_k", inner), inner);
  // Few rows read the weight as seldom as packing it would.
  bool stageBoth = m > 8 || !input.target.isHost();

  std::string symbol = "zorse_" + input.op.kind();
  KernelBuilder k(input, program, symbol,
                  {shareHeads ? "tokens" : blocksOf("tokens", m),
                   shareHeads ? "num_kv_heads" : "num_heads",
                   blocksOf(absorb ? "kv_lora_rank" : "v_head_dim", n)});
  Val t0 = shareHeads ? k.programId(0) : k.programId(0) * m;
  Val h0 = shareHeads ? k.programId(1) * rep : k.programId(1);
  Val kvHead = shareHeads ? k.programId(1) : h0 / rep;
  Operand rows = shareHeads ? Operand(rep) : k.size("tokens") - t0;
  int64_t rowHeads = shareHeads ? 1 : heads; // heads from one row to the next

  Val first = t0 * heads + h0, n0 = k.programId(2) * n;
  Operand columns = k.inside(n0, n, outer);
  Val weight = kvHead * ((nope + value) * rank) + (absorb ? 0 : nope * rank);
  // acc + in[…, from…from+count] . w[from…from+count, n0…]
  auto multiply = [&](Val from, int64_t count, Val acc) {
    int64_t depth = input.dotDepth(count, count, type);
    Val a = k.forDot(k.loadRaw(k.operand(absorb ? "q" : "u"), first * inStride + from,
                               {rowHeads * inStride, 1}, {rows, count}, {m, depth}),
                     type);
    Val b = absorb ? k.loadRaw(k.operand("kv_b"), weight + from * rank + n0, {rank, 1},
                               {count, columns}, {depth, n})
                   : k.loadRaw(k.operand("kv_b"), weight + n0 * rank + from, {rank, 1},
                               {columns, count}, {n, depth});
    b = k.forDot(b, type);
    return k.dot(stageBoth ? k.stage(a) : a, stageBoth ? k.stage(b) : b, acc,
                 /*transposeB=*/!absorb);
  };
  Val out = k.sumInSteps(inner, step, k.zeros({m, n}), multiply);
  k.store(out, k.operand(absorb ? "q_latent" : "out"), first * outer + n0, {rowHeads * outer, 1},
          {rows, columns});
}

void scheduleLatentProjection(const ScheduleInput &input, TileProgram &program) {
  scheduleHeads(input, program, input.op.kind() == "mla_absorb");
}

} // namespace zorse::schedule
