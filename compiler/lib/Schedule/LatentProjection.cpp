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
/// key/value head instead, so that the weight is read once for them.
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
  int64_t n = input.dotExtent(outer), depth = input.dotDepth(inner, inner, type);
  // Few rows read the weight as seldom as packing it would.
  bool stageBoth = m > 8 || !input.target.isHost();

  std::string symbol = "zorse_" + input.op.kind();
  KernelBuilder k(input, program, symbol,
                  {shareHeads ? "tokens" : blocksOf("tokens", m),
                   shareHeads ? "num_kv_heads" : "num_heads", "1"});
  Val t0 = shareHeads ? k.programId(0) : k.programId(0) * m;
  Val h0 = shareHeads ? k.programId(1) * rep : k.programId(1);
  Val kvHead = shareHeads ? k.programId(1) : h0 / rep;
  Operand rows = shareHeads ? Operand(rep) : k.size("tokens") - t0;
  int64_t rowHeads = shareHeads ? 1 : heads; // heads from one row to the next

  Val first = t0 * heads + h0;
  Val a = k.forDot(k.loadRaw(k.operand(absorb ? "q" : "u"), first * inStride,
                             {rowHeads * inStride, 1}, {rows, inner}, {m, depth}),
                   type);
  Val weight = kvHead * ((nope + value) * rank) + (absorb ? 0 : nope * rank);
  Val b = absorb ? k.loadRaw(k.operand("kv_b"), weight, {rank, 1}, {nope, rank}, {depth, n})
                 : k.loadRaw(k.operand("kv_b"), weight, {rank, 1}, {value, rank}, {n, depth});
  b = k.forDot(b, type);
  if (stageBoth) {
    a = k.stage(a);
    b = k.stage(b);
  }
  Val out = k.dot(a, b, k.zeros({m, n}), /*transposeB=*/!absorb);
  k.store(out, k.operand(absorb ? "q_latent" : "out"), first * outer, {rowHeads * outer, 1},
          {rows, outer});
}

void scheduleLatentProjection(const ScheduleInput &input, TileProgram &program) {
  scheduleHeads(input, program, input.op.kind() == "mla_absorb");
}

} // namespace zorse::schedule
