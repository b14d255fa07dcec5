//===- Linear.cpp - linear, embed, argmax ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include <cmath>
#include <limits>

namespace zorse::reference {

namespace {

/// Where element (n, k) of a weight lies: row by row, or packed in panels (the field `panel`).
class WeightLayout {
public:
  WeightLayout(const Arguments &args, const Tensor &weight, int64_t inner)
      : inner(inner), panel(args.field("panel")), group(weight.type == DType::BF16 ? 2 : 1) {}

  int64_t at(int64_t n, int64_t k) const {
    if (panel == 0)
      return n * inner + k;
    const int64_t lines = (inner + group - 1) / group;
    return ((n / panel * lines + k / group) * panel + n % panel) * group + k % group;
  }

private:
  int64_t inner, panel, group;
};

} // namespace

Status runLinear(const Arguments &args) {
  int64_t tokens = args.size("tokens"), k = args.field("in_features");
  int64_t n = args.field("out_features"), stride = args.field("row_stride");
  const Tensor &x = args["x"], &weight = args["weight"], &y = args["y"];

  const WeightLayout layout(args, weight, k);

  std::vector<double> rows(static_cast<size_t>(tokens * k));
  for (int64_t t = 0; t < tokens; ++t)
    x.read(t * stride, k, rows.data() + t * k);
  std::vector<double> column(static_cast<size_t>(k));
  for (int64_t i = 0; i < n; ++i) {
    if (args.field("panel") == 0)
      weight.read(i * k, k, column.data());
    else
      for (int64_t j = 0; j < k; ++j)
        column[static_cast<size_t>(j)] = weight.at(layout.at(i, j));
    double bias = args.has("bias") ? args["bias"].at(i) : 0;
    for (int64_t t = 0; t < tokens; ++t) {
      double sum = dot(rows.data() + t * k, column.data(), k) + bias;
      // The residual may be y itself: read the element before it is written.
      if (args.has("residual"))
        sum += args["residual"].at(t * n + i);
      y.set(t * n + i, sum);
    }
  }
  return Status::success();
}

Status runEmbed(const Arguments &args) {
  if (Status s = args.checkIndices("ids", args.field("vocab_size"), "vocab_size"); !s)
    return s;
  int64_t width = args.field("hidden_size");
  const Tensor &ids = args["ids"], &table = args["table"], &out = args["out"];
  const WeightLayout layout(args, table, width);
  for (int64_t t = 0; t < args.size("tokens"); ++t)
    for (int64_t i = 0; i < width; ++i)
      out.set(t * width + i, table.at(layout.at(ids.index(t), i)));
  return Status::success();
}

Status runArgmax(const Arguments &args) {
  int64_t width = args.field("vocab_size");
  for (int64_t t = 0; t < args.size("tokens"); ++t) {
    std::vector<double> row = args["logits"].read(t * width, width);
    // A logit that is no number counts as the least.
    for (double &logit : row)
      if (std::isnan(logit))
        logit = -std::numeric_limits<double>::infinity();
    int64_t best = 0;
    for (int64_t i = 1; i < width; ++i)
      if (row[i] > row[best])
        best = i;
    args["ids"].set(t, double(best));
  }
  return Status::success();
}

} // namespace zorse::reference
