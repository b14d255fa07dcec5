//===- StateSpace.cpp - the Mamba2 recurrence -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include <cmath>

namespace zorse::reference {

namespace {
/// Runs `count` tokens from `first` of one sequence through the state stored in `slot`. The state
/// is fp64 on the way and rounded where it is stored.
void recur(const Arguments &args, int64_t first, int64_t count, int64_t slot) {
  int64_t heads = args.field("num_heads"), kvHeads = args.field("num_kv_heads");
  int64_t width = args.field("head_dim"), n = args.field("d_state");
  int64_t dtStride = args.field("dt_stride"), dtOffset = args.field("dt_offset");
  int64_t rowWidth = kvHeads * (width + n) + heads * n;
  const Tensor &xbc = args["xbc"], &stored = args["state"];

  for (int64_t h = 0; h < heads; ++h) {
    int64_t kvHead = h / (heads / kvHeads);
    int64_t stateFirst = (slot * heads + h) * width * n;
    std::vector<double> state = stored.read(stateFirst, width * n);
    double a = -std::exp(args["a_log"].at(h));
    double skip = args["d"].at(h), bias = args["dt_bias"].at(h);
    for (int64_t t = first; t < first + count; ++t) {
      std::vector<double> x = xbc.read(t * rowWidth + kvHead * width, width);
      std::vector<double> b = xbc.read(t * rowWidth + kvHeads * width + kvHead * n, n);
      std::vector<double> c = xbc.read(t * rowWidth + kvHeads * (width + n) + h * n, n);
      double dt = softplus(args["dt"].at(t * dtStride + dtOffset + h) + bias);
      double decay = std::exp(dt * a);
      for (int64_t p = 0; p < width; ++p) {
        double *row = &state[p * n];
        for (int64_t i = 0; i < n; ++i)
          row[i] = row[i] * decay + dt * x[p] * b[i];
        args["y"].set((t * heads + h) * width + p, dot(row, c.data(), n) + skip * x[p]);
      }
    }
    for (int64_t i = 0; i < width * n; ++i)
      stored.set(stateFirst + i, state[i]);
  }
}
} // namespace

Status runSsdScan(const Arguments &args) {
  if (Status s = args.checkIndices("slots", args.size("num_slots"), "num_slots"); !s)
    return s;
  if (Status s = args.checkOffsets("cu_seqlens", args.size("tokens")); !s)
    return s;
  const Tensor &begin = args["cu_seqlens"];
  for (int64_t b = 0; b < args.size("batch"); ++b)
    recur(args, begin.index(b), begin.index(b + 1) - begin.index(b), args["slots"].index(b));
  return Status::success();
}

Status runSsmUpdate(const Arguments &args) {
  if (Status s = args.checkIndices("slots", args.size("num_slots"), "num_slots"); !s)
    return s;
  for (int64_t t = 0; t < args.size("tokens"); ++t)
    recur(args, t, 1, args["slots"].index(t));
  return Status::success();
}

} // namespace zorse::reference
