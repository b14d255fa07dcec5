//===- Normalisation.cpp - rmsnorm, gated_rmsnorm, swiglu -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include <cmath>

namespace zorse::reference {

namespace {
double reciprocalRms(const std::vector<double> &row, double eps) {
  return 1 / std::sqrt(dot(row.data(), row.data(), int64_t(row.size())) / double(row.size()) + eps);
}
} // namespace

Status runRmsnorm(const Arguments &args) {
  int64_t width = args.field("hidden_size");
  bool twice = args.desc().getText("rounding") == "double";
  const Tensor &x = args["x"], &weight = args["weight"], &out = args["out"];
  for (int64_t t = 0; t < args.size("tokens"); ++t) {
    std::vector<double> row = x.read(t * width, width);
    double factor = reciprocalRms(row, args.desc().getFloat("eps"));
    for (int64_t i = 0; i < width; ++i) {
      double unit = row[i] * factor;
      out.set(t * width + i, (twice ? roundTo(out.type, unit) : unit) * weight.at(i));
    }
  }
  return Status::success();
}

Status runGatedRmsnorm(const Arguments &args) {
  int64_t groups = args.field("num_groups"), width = args.field("group_size");
  int64_t stride = args.field("z_stride"), offset = args.field("z_offset");
  const Tensor &y = args["y"], &z = args["z"], &weight = args["weight"], &out = args["out"];
  for (int64_t t = 0; t < args.size("tokens"); ++t)
    for (int64_t g = 0; g < groups; ++g) {
      int64_t first = (t * groups + g) * width;
      std::vector<double> gated = y.read(first, width);
      for (int64_t i = 0; i < width; ++i)
        gated[i] *= silu(z.at(t * stride + offset + g * width + i));
      double factor = reciprocalRms(gated, args.desc().getFloat("eps"));
      for (int64_t i = 0; i < width; ++i)
        out.set(first + i, gated[i] * factor * weight.at(g * width + i));
    }
  return Status::success();
}

Status runSwiglu(const Arguments &args) {
  int64_t width = args.field("intermediate_size");
  const Tensor &gateUp = args["gate_up"], &out = args["out"];
  for (int64_t t = 0; t < args.size("tokens"); ++t)
    for (int64_t i = 0; i < width; ++i)
      out.set(t * width + i,
              silu(gateUp.at(t * 2 * width + i)) * gateUp.at(t * 2 * width + width + i));
  return Status::success();
}

} // namespace zorse::reference
