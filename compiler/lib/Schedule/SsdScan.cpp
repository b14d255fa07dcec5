//===- SsdScan.cpp - the Mamba2 recurrence by chunks ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Schedule.h"

namespace zorse::schedule {

/// A workgroup takes some rows of the state of one head of one sequence and carries them through
/// all chunks. With a_t = dt_t * A, and cs the sums of a from the start of the chunk, a chunk is
///
///   y[i] = exp(cs[i]) C[i] . state + sum_{j<=i} (C[i] . B[j]) exp(cs[i] - cs[j]) dt[j] x[j] + D
///   x[i] state' = exp(cs[last]) state + sum_j exp(cs[last] - cs[j]) dt[j] x[j] (outer) B[j]
///
/// Tokens past the end have dt = 0: they change nothing and are not stored.
void scheduleSsdScan(const ScheduleInput &input, TileProgram &program) {
  int64_t heads = input.field("num_heads"), kvHeads = input.field("num_kv_heads");
  int64_t width = input.field("head_dim"), d = input.field("d_state");
  int64_t dtStride = input.field("dt_stride");
  DType type = input.dtype("dtype");
  int64_t step = std::min(input.knob("block_p"), width);
  int64_t q = input.dotExtent(input.knob("chunk")), p = input.dotExtent(step);
  int64_t n = input.dotDepth(d, d, type), rowWidth = kvHeads * (width + d) + heads * d;

  KernelBuilder k(input, program, "zorse_ssd_scan",
                  {"batch", "num_heads", blocksOf("head_dim", step)});
  Val b = k.programId(0), h = k.programId(1), p0 = k.programId(2) * step;
  Val kvHead = h / (heads / kvHeads);
  Operand cols = k.inside(p0, step, width);
  Val first = k.loadIndex(k.operand("cu_seqlens"), b);
  Val count = k.loadIndex(k.operand("cu_seqlens"), b + 1) - first;
  auto parameter = [&](const char *name) { return k.loadScalar(k.operand(name), h); };
  Val a = -exp(parameter("a_log")), bias = parameter("dt_bias"), skip = parameter("d");

  Val place = ((k.loadIndex(k.operand("slots"), b) * heads + h) * width + p0) * d;
  Val initial = k.load(k.operand("state"), place, {d, 1}, {cols, d}, {p, n});
  Val last = k.loop(k.index(0), count, q, {initial}, [&](Val t, std::vector<Val> carried) {
    Val state = carried[0], left = count - t, token = first + t, row = token * rowWidth;
    auto load = [&](Val column, Operand valid, int64_t extent) {
      return k.loadRaw(k.operand("xbc"), row + column, {rowWidth, 1}, {left, valid}, {q, extent});
    };
    Val x = load(kvHead * width + p0, cols, p);
    Val bRows = k.stage(k.forDot(load(kvHead * d + kvHeads * width, d, n), type));
    Val cRows = k.stage(k.forDot(load(h * d + kvHeads * (width + d), d, n), type));

    Val dt = k.load(k.operand("dt"), token * dtStride + input.field("dt_offset") + h, {dtStride},
                    {left}, {q});
    dt = select(k.iota({q}, 0) < left, softplus(dt + bias), 0);
    Val steps = dt * a;
    // Sums of steps over the tokens up to each, after each, and all.
    Val i = k.iota({q, q}, 0), j = k.iota({q, q}, 1);
    Val across = k.broadcast(steps, {q, q}, 1);
    Val past = k.sum(select(j <= i, across, 0), 1);
    Val ahead = k.sum(select(j <= i, 0, across), 1);
    Val all = k.sum(k.broadcast(steps, {p, q}, 1), 1);

    Val decay = exp(min(k.broadcast(past, {q, q}, 0) - k.broadcast(past, {q, q}, 1), 0));
    Val scores = k.dot(cRows, bRows, k.zeros({q, q}), /*transposeB=*/true);
    Val mix = select(j <= i, scores * decay * k.broadcast(dt, {q, q}, 1), 0);

    Val xWide = k.convert(x, DType::F32);
    Val y = k.dot(cRows, k.stage(k.forDot(state, type)), k.zeros({q, p}), /*transposeB=*/true);
    y = y * k.broadcast(exp(past), {q, p}, 0);
    y = k.dot(k.stage(k.forDot(mix, type)), k.stage(k.forDot(x, type)), y) + xWide * skip;
    k.store(y, k.operand("y"), token * (heads * width) + h * width + p0, {heads * width, 1},
            {left, cols});

    Val added = xWide * k.broadcast(exp(ahead) * dt, {q, p}, 0);
    state = state * k.broadcast(exp(all), {p, n}, 0);
    state = k.dot(k.stage(k.forDot(added, type), /*transpose=*/true), bRows, state);
    return std::vector<Val>{state};
  })[0];
  k.store(last, k.operand("state"), place, {d, 1}, {cols, d});
}

} // namespace zorse::schedule
