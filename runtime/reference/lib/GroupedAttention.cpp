//===- GroupedAttention.cpp - grouped-query attention ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

namespace zorse::reference {

namespace {
/// One query row (token, head) over the first `length` cached rows of `slot`.
void attend(const Arguments &args, int64_t token, int64_t head, int64_t slot, int64_t length) {
  int64_t heads = args.field("num_heads"), kvHeads = args.field("num_kv_heads");
  int64_t width = args.field("head_dim"), kvHead = head / (heads / kvHeads);
  double scale = args.softmaxScale(width);
  auto rowOf = [&](int64_t j) { return (args.cacheRow(slot, j) * kvHeads + kvHead) * width; };

  std::vector<double> query = args["q"].read((token * heads + head) * width, width);
  std::vector<double> row(static_cast<size_t>(width)), sum(static_cast<size_t>(width), 0.0);
  std::vector<double> weights(static_cast<size_t>(length));
  const Tensor &keys = args["k_cache"], &values = args["v_cache"];
  for (int64_t j = 0; j < length; ++j) {
    keys.read(rowOf(j), width, row.data());
    weights[j] = scale * dot(query.data(), row.data(), width);
  }
  softmax(weights);
  for (int64_t j = 0; j < length; ++j) {
    values.read(rowOf(j), width, row.data());
    for (int64_t i = 0; i < width; ++i)
      sum[i] += weights[j] * row[i];
  }
  for (int64_t i = 0; i < width; ++i)
    args["out"].set((token * heads + head) * width + i, sum[i]);
}
} // namespace

Status runGqaDecode(const Arguments &args) {
  if (Status s = args.checkIndices("slots", args.size("num_slots"), "num_slots"); !s)
    return s;
  if (Status s = args.checkIndices("positions", args.size("max_len"), "max_len"); !s)
    return s;
  for (int64_t t = 0; t < args.size("tokens"); ++t) {
    int64_t slot = args["slots"].index(t), length = args["positions"].index(t) + 1;
    if (Status s = args.checkPages(slot, 0, length); !s)
      return s;
    for (int64_t h = 0; h < args.field("num_heads"); ++h)
      attend(args, t, h, slot, length);
  }
  return Status::success();
}

Status runGqaPrefill(const Arguments &args) {
  if (Status s = args.checkIndices("slots", args.size("num_slots"), "num_slots"); !s)
    return s;
  if (Status s = args.checkOffsets("cu_seqlens", args.size("tokens")); !s)
    return s;
  const Tensor &begin = args["cu_seqlens"], &lengths = args["context_lens"];
  for (int64_t b = 0; b < args.size("batch"); ++b) {
    int64_t queries = begin.index(b + 1) - begin.index(b);
    int64_t length = lengths.index(b);
    if (length < queries || length > args.size("max_len"))
      return usageError("context_lens[" + std::to_string(b) + "] of gqa_prefill is " +
                        std::to_string(length) + ", legal are " + std::to_string(queries) +
                        " (its new tokens) to " + std::to_string(args.size("max_len")) +
                        " (max_len)");
    if (Status s = args.checkPages(args["slots"].index(b), 0, length); !s)
      return s;
    for (int64_t i = 0; i < queries; ++i)
      for (int64_t h = 0; h < args.field("num_heads"); ++h)
        attend(args, begin.index(b) + i, h, args["slots"].index(b), length - queries + i + 1);
  }
  return Status::success();
}

} // namespace zorse::reference
