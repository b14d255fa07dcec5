//===- Rope.cpp - rotary embedding and append to the caches ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

namespace zorse::reference {

namespace {
/// Where each token goes: row positions[t] of slots[t], which must exist.
Status checkPlaces(const Arguments &args) {
  if (Status s = args.checkIndices("slots", args.size("num_slots"), "num_slots"); !s)
    return s;
  if (Status s = args.checkIndices("positions", args.size("max_len"), "max_len"); !s)
    return s;
  for (int64_t t = 0; t < args.size("tokens"); ++t) {
    int64_t position = args["positions"].index(t);
    if (Status s = args.checkPages(args["slots"].index(t), position, position + 1); !s)
      return s;
  }
  return args.checkIndices("positions", args.size("max_positions"), "max_positions");
}

/// The model multiplies tensors of the 16-bit type, so each product is rounded before the sum.
double product(DType type, double a, double b) {
  return type == DType::F32 ? a * b : roundTo(type, a * b);
}
} // namespace

Status runMlaRopeAppend(const Arguments &args) {
  if (Status s = checkPlaces(args); !s)
    return s;
  int64_t heads = args.field("num_heads"), rank = args.field("kv_lora_rank");
  int64_t nope = args.field("qk_nope_head_dim"), rope = args.field("qk_rope_head_dim");
  DType type = args.desc().getDType("dtype");
  const Tensor &q = args["q"], &kva = args["kv_a"], &cache = args["cache"];

  for (int64_t t = 0; t < args.size("tokens"); ++t) {
    int64_t position = args["positions"].index(t);
    std::vector<double> cos = args["cos"].read(position * (rope / 2), rope / 2);
    std::vector<double> sin = args["sin"].read(position * (rope / 2), rope / 2);
    // Adjacent pairs in, halves out.
    auto rotate = [&](const std::vector<double> &u, const Tensor &out, int64_t first) {
      for (int64_t i = 0; i < rope / 2; ++i) {
        double even = u[2 * i], odd = u[2 * i + 1];
        out.set(first + i, product(type, even, cos[i]) - product(type, odd, sin[i]));
        out.set(first + rope / 2 + i, product(type, odd, cos[i]) + product(type, even, sin[i]));
      }
    };
    for (int64_t h = 0; h < heads; ++h) {
      int64_t first = (t * heads + h) * (nope + rope) + nope;
      rotate(q.read(first, rope), q, first);
    }
    int64_t source = t * (rank + rope);
    int64_t target = args.cacheRow(args["slots"].index(t), position) * (rank + rope);
    for (int64_t i = 0; i < rank; ++i)
      cache.set(target + i, kva.at(source + i));
    rotate(kva.read(source + rank, rope), cache, target + rank);
  }
  return Status::success();
}

Status runGqaRopeAppend(const Arguments &args) {
  if (Status s = checkPlaces(args); !s)
    return s;
  int64_t heads = args.field("num_heads"), kvHeads = args.field("num_kv_heads");
  int64_t width = args.field("head_dim"), half = width / 2;
  DType type = args.desc().getDType("dtype");
  const Tensor &qkv = args["qkv"];

  for (int64_t t = 0; t < args.size("tokens"); ++t) {
    int64_t position = args["positions"].index(t);
    std::vector<double> cos = args["cos"].read(position * half, half);
    std::vector<double> sin = args["sin"].read(position * half, half);
    auto rotate = [&](int64_t from, const Tensor &out, int64_t to) {
      std::vector<double> u = qkv.read(from, width);
      for (int64_t i = 0; i < half; ++i) {
        double low = u[i], high = u[i + half];
        out.set(to + i, product(type, low, cos[i]) - product(type, high, sin[i]));
        out.set(to + half + i, product(type, high, cos[i]) + product(type, low, sin[i]));
      }
    };
    int64_t source = t * (heads + 2 * kvHeads) * width;
    for (int64_t h = 0; h < heads; ++h)
      rotate(source + h * width, args["q"], (t * heads + h) * width);
    int64_t row = args.cacheRow(args["slots"].index(t), position);
    for (int64_t h = 0; h < kvHeads; ++h) {
      int64_t target = (row * kvHeads + h) * width;
      rotate(source + (heads + h) * width, args["k_cache"], target);
      for (int64_t i = 0; i < width; ++i)
        args["v_cache"].set(target + i, qkv.at(source + (heads + kvHeads + h) * width + i));
    }
  }
  return Status::success();
}

} // namespace zorse::reference
