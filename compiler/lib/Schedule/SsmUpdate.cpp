//===- SsmUpdate.cpp - one step of the Mamba2 recurrence ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Pieces.h"
#include "Schedule.h"

namespace zorse::schedule {

StateStep::StateStep(KernelBuilder &k, Val raw, Val head) {
  dt = softplus(raw + k.loadScalar(k.operand("dt_bias"), head));
  decay = exp(-dt * exp(k.loadScalar(k.operand("a_log"), head)));
}

Val StateStep::advance(KernelBuilder &k, Val place, Operand rows, Val x, Val b, Val c,
                       Val d) const {
  int64_t p = x.shape()[0], n = b.shape()[0];
  Val stored = k.loadRaw(k.operand("state"), place, {n, 1}, {rows, n}, {p, n});
  if (int64_t prefetch = k.input.knobOr("prefetch", 0))
    stored.value.getDefiningOp<tile::LoadOp>().setPrefetch(prefetch);
  Val state = k.convert(stored, DType::F32);
  state = state * decay + k.broadcast(x * dt, {p, n}, 0) * k.broadcast(b, {p, n}, 1);
  k.store(state, k.operand("state"), place, {n, 1}, {rows, n});
  return k.sum(state * k.broadcast(c, {p, n}, 1), 1) + x * d;
}

/// A workgroup takes some rows of the state of one head of one token, reads and writes them once.
/// Neighbours in memory follow one another, so that the state of a token is one stream.
void scheduleSsmUpdate(const ScheduleInput &input, TileProgram &program) {
  int64_t heads = input.field("num_heads"), kvHeads = input.field("num_kv_heads");
  int64_t width = input.field("head_dim"), n = input.field("d_state");
  int64_t p = std::min(input.knob("block_p"), width);
  int64_t rowWidth = kvHeads * (width + n) + heads * n;

  KernelBuilder k(input, program, "zorse_ssm_update",
                  {blocksOf("head_dim", p), "num_heads", "tokens"});
  Val t = k.programId(2), h = k.programId(1), p0 = k.programId(0) * p;
  Val kvHead = h / (heads / kvHeads);
  Operand rows = k.inside(p0, p, width);
  StateStep step(
      k, k.loadScalar(k.operand("dt"), t * input.field("dt_stride") + input.field("dt_offset") + h),
      h);

  Val xbc = k.operand("xbc"), row = t * rowWidth;
  Val x = k.load(xbc, row + kvHead * width + p0, {1}, {rows}, {p});
  Val b = k.load(xbc, row + kvHeads * width + kvHead * n, {1}, {}, {n});
  Val c = k.load(xbc, row + kvHeads * (width + n) + h * n, {1}, {}, {n});
  Val place = ((k.loadIndex(k.operand("slots"), t) * heads + h) * width + p0) * n;
  Val y = step.advance(k, place, rows, x, b, c, k.loadScalar(k.operand("d"), h));
  k.store(y, k.operand("y"), (t * heads + h) * width + p0, {1}, {rows});
}

} // namespace zorse::schedule
