//===- LatentAttention.cpp - multi-head latent attention ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

namespace zorse::reference {

Status runMlaAbsorb(const Arguments &args) {
  int64_t heads = args.field("num_heads"), rep = heads / args.field("num_kv_heads");
  int64_t nope = args.field("qk_nope_head_dim"), rope = args.field("qk_rope_head_dim");
  int64_t rank = args.field("kv_lora_rank"), rows = nope + args.field("v_head_dim");
  const Tensor &q = args["q"], &kvb = args["kv_b"], &out = args["q_latent"];
  for (int64_t h = 0; h < heads; ++h) {
    std::vector<double> keys = kvb.read(h / rep * rows * rank, nope * rank);
    for (int64_t t = 0; t < args.size("tokens"); ++t) {
      std::vector<double> query = q.read((t * heads + h) * (nope + rope), nope);
      std::vector<double> sum(static_cast<size_t>(rank), 0.0);
      for (int64_t i = 0; i < nope; ++i)
        for (int64_t j = 0; j < rank; ++j)
          sum[j] += query[i] * keys[i * rank + j];
      for (int64_t j = 0; j < rank; ++j)
        out.set((t * heads + h) * rank + j, sum[j]);
    }
  }
  return Status::success();
}

Status runMlaExpand(const Arguments &args) {
  int64_t heads = args.field("num_heads"), rep = heads / args.field("num_kv_heads");
  int64_t nope = args.field("qk_nope_head_dim"), width = args.field("v_head_dim");
  int64_t rank = args.field("kv_lora_rank");
  const Tensor &u = args["u"], &kvb = args["kv_b"], &out = args["out"];
  for (int64_t h = 0; h < heads; ++h) {
    int64_t first = (h / rep * (nope + width) + nope) * rank;
    std::vector<double> values = kvb.read(first, width * rank);
    for (int64_t t = 0; t < args.size("tokens"); ++t) {
      std::vector<double> latent = u.read((t * heads + h) * rank, rank);
      for (int64_t i = 0; i < width; ++i)
        out.set((t * heads + h) * width + i, dot(latent.data(), &values[i * rank], rank));
    }
  }
  return Status::success();
}

Status runMlaDecode(const Arguments &args) {
  if (Status s = args.checkIndices("slots", args.size("num_slots"), "num_slots"); !s)
    return s;
  if (Status s = args.checkIndices("positions", args.size("max_len"), "max_len"); !s)
    return s;
  int64_t heads = args.field("num_heads"), rank = args.field("kv_lora_rank");
  int64_t nope = args.field("qk_nope_head_dim"), rope = args.field("qk_rope_head_dim");
  int64_t width = rank + rope;
  double scale = args.softmaxScale(nope + rope);

  for (int64_t t = 0; t < args.size("tokens"); ++t) {
    int64_t length = args["positions"].index(t) + 1, slot = args["slots"].index(t);
    if (Status s = args.checkPages(slot, 0, length); !s)
      return s;
    std::vector<double> cached(static_cast<size_t>(length * width));
    for (int64_t j = 0; j < length; ++j)
      args["cache"].read(args.cacheRow(slot, j) * width, width, &cached[j * width]);
    for (int64_t h = 0; h < heads; ++h) {
      // [absorbed query | rotary query] against [latent | rotary key].
      std::vector<double> query = args["q_latent"].read((t * heads + h) * rank, rank);
      query.resize(static_cast<size_t>(width));
      args["q"].read((t * heads + h) * (nope + rope) + nope, rope, query.data() + rank);
      std::vector<double> weights(static_cast<size_t>(length));
      for (int64_t j = 0; j < length; ++j)
        weights[j] = scale * dot(query.data(), &cached[j * width], width);
      softmax(weights);
      std::vector<double> sum(static_cast<size_t>(rank), 0.0);
      for (int64_t j = 0; j < length; ++j)
        for (int64_t i = 0; i < rank; ++i)
          sum[i] += weights[j] * cached[j * width + i];
      for (int64_t i = 0; i < rank; ++i)
        args["out"].set((t * heads + h) * rank + i, sum[i]);
    }
  }
  return Status::success();
}

Status runMlaPrefill(const Arguments &args) {
  if (Status s = args.checkIndices("slots", args.size("num_slots"), "num_slots"); !s)
    return s;
  if (Status s = args.checkOffsets("cu_seqlens", args.size("tokens")); !s)
    return s;
  if (Status s = args.checkOffsets("cu_context", args.size("context")); !s)
    return s;
  int64_t heads = args.field("num_heads"), kvHeads = args.field("num_kv_heads");
  int64_t nope = args.field("qk_nope_head_dim"), rope = args.field("qk_rope_head_dim");
  int64_t value = args.field("v_head_dim"), rank = args.field("kv_lora_rank");
  double scale = args.softmaxScale(nope + rope);
  const Tensor &begin = args["cu_seqlens"], &contextBegin = args["cu_context"];

  for (int64_t b = 0; b < args.size("batch"); ++b) {
    int64_t queries = begin.index(b + 1) - begin.index(b);
    int64_t length = contextBegin.index(b + 1) - contextBegin.index(b);
    if (length < queries || length > args.size("max_len"))
      return usageError("cu_context of mla_prefill gives sequence " + std::to_string(b) + " " +
                        std::to_string(length) + " rows, legal are " + std::to_string(queries) +
                        " (its new tokens) to " + std::to_string(args.size("max_len")) +
                        " (max_len)");
    int64_t slot = args["slots"].index(b);
    if (Status s = args.checkPages(slot, 0, length); !s)
      return s;
    for (int64_t h = 0; h < heads; ++h) {
      // Keys [nope | rope] and values of this head.
      std::vector<double> keys(static_cast<size_t>(length * (nope + rope)));
      std::vector<double> values(static_cast<size_t>(length * value));
      for (int64_t j = 0; j < length; ++j) {
        int64_t row = (contextBegin.index(b) + j) * kvHeads + h / (heads / kvHeads);
        args["kv"].read(row * (nope + value), nope, &keys[j * (nope + rope)]);
        args["kv"].read(row * (nope + value) + nope, value, &values[j * value]);
        args["cache"].read(args.cacheRow(slot, j) * (rank + rope) + rank, rope,
                           &keys[j * (nope + rope) + nope]);
      }
      for (int64_t i = 0; i < queries; ++i) {
        int64_t row = (begin.index(b) + i) * heads + h;
        std::vector<double> query = args["q"].read(row * (nope + rope), nope + rope);
        std::vector<double> weights(static_cast<size_t>(length - queries + i + 1));
        for (size_t j = 0; j < weights.size(); ++j)
          weights[j] = scale * dot(query.data(), &keys[j * (nope + rope)], nope + rope);
        softmax(weights);
        std::vector<double> sum(static_cast<size_t>(value), 0.0);
        for (size_t j = 0; j < weights.size(); ++j)
          for (int64_t c = 0; c < value; ++c)
            sum[c] += weights[j] * values[j * value + c];
        for (int64_t c = 0; c < value; ++c)
          args["out"].set(row * value + c, sum[c]);
      }
    }
  }
  return Status::success();
}

} // namespace zorse::reference
