//===- Mamba2Step.cpp - one decode step of a Mamba2 layer -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include <cmath>

namespace zorse::reference {

namespace {
/// One token. What the separate ops of a layer would write to memory in between, the convolved
/// row and y, is rounded to dtype.
class Step {
public:
  Step(const Arguments &args, int64_t token)
      : args(args), token(token), slot(args["slots"].index(token)) {}

  void run() {
    std::vector<double> xbc = convolve();
    int64_t repeats = heads / kvHeads;
    for (int64_t h = 0; h < heads; ++h) {
      const double *x = &xbc[h / repeats * width];
      const double *b = &xbc[kvHeads * width + h / repeats * n];
      const double *c = &xbc[kvHeads * (width + n) + h * n];
      normalise(h, recur(h, x, b, c));
    }
  }

private:
  double projected(int64_t column) const {
    return args["projected"].at(token * args.field("row_stride") + column);
  }
  double rounded(double value) const { return roundTo(args.desc().getDType("dtype"), value); }

  std::vector<double> convolve() const {
    int64_t taps = args.field("d_conv"), channels = kvHeads * (width + n) + heads * n;
    const Tensor &state = args["conv_state"], &weight = args["conv_weight"];
    std::vector<double> result;
    for (int64_t c = 0; c < channels; ++c) {
      std::vector<double> inputs; // the last `taps`, oldest first
      for (int64_t j = 1; j < taps; ++j)
        inputs.push_back(state.at((slot * taps + j) * channels + c));
      inputs.push_back(projected(args.field("x_offset") + c));
      double sum = args["conv_bias"].at(c);
      for (int64_t j = 0; j < taps; ++j) {
        sum += weight.at(j * channels + c) * inputs[j];
        state.set((slot * taps + j) * channels + c, inputs[j]);
      }
      result.push_back(rounded(silu(sum)));
    }
    return result;
  }

  /// y of head h.
  std::vector<double> recur(int64_t h, const double *x, const double *b, const double *c) const {
    double dt = softplus(projected(args.field("dt_offset") + h) + args["dt_bias"].at(h));
    double decay = std::exp(-dt * std::exp(args["a_log"].at(h)));
    const Tensor &state = args["state"];
    std::vector<double> y;
    for (int64_t p = 0; p < width; ++p) {
      int64_t first = ((slot * heads + h) * width + p) * n;
      std::vector<double> row = state.read(first, n);
      for (int64_t i = 0; i < n; ++i) {
        row[i] = row[i] * decay + dt * x[p] * b[i];
        state.set(first + i, row[i]);
      }
      y.push_back(rounded(dot(row.data(), c, n) + args["d"].at(h) * x[p]));
    }
    return y;
  }

  void normalise(int64_t h, std::vector<double> y) const {
    double squares = 0;
    for (int64_t p = 0; p < width; ++p) {
      y[p] *= silu(projected(args.field("z_offset") + h * width + p));
      squares += y[p] * y[p];
    }
    double factor = 1 / std::sqrt(squares / double(width) + args.desc().getFloat("eps"));
    for (int64_t p = 0; p < width; ++p)
      args["out"].set((token * heads + h) * width + p,
                      y[p] * factor * args["norm_weight"].at(h * width + p));
  }

  const Arguments &args;
  int64_t token, slot;
  int64_t heads = args.field("num_heads"), kvHeads = args.field("num_kv_heads");
  int64_t width = args.field("head_dim"), n = args.field("d_state");
};
} // namespace

Status runMamba2Step(const Arguments &args) {
  if (Status s = args.checkIndices("slots", args.size("num_slots"), "num_slots"); !s)
    return s;
  for (int64_t t = 0; t < args.size("tokens"); ++t)
    Step(args, t).run();
  return Status::success();
}

} // namespace zorse::reference
