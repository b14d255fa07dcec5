//===- Convolution.cpp - causal depthwise convolution ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

namespace zorse::reference {

namespace {
/// Runs `count` tokens from `first` of one sequence through the window stored in `slot`.
void convolve(const Arguments &args, int64_t first, int64_t count, int64_t slot) {
  int64_t channels = args.field("conv_dim"), taps = args.field("d_conv");
  int64_t stride = args.field("x_stride"), offset = args.field("x_offset");
  const Tensor &state = args["conv_state"], &weight = args["weight"];

  for (int64_t c = 0; c < channels; ++c) {
    // The stored inputs, oldest first, then the new ones.
    std::vector<double> inputs;
    for (int64_t j = 0; j < taps; ++j)
      inputs.push_back(state.at((slot * taps + j) * channels + c));
    for (int64_t t = first; t < first + count; ++t) {
      inputs.push_back(args["x"].at(t * stride + offset + c));
      double sum = args["bias"].at(c);
      for (int64_t j = 0; j < taps; ++j)
        sum += weight.at(j * channels + c) * inputs[inputs.size() - taps + j];
      args["out"].set(t * channels + c, silu(sum));
    }
    for (int64_t j = 0; j < taps; ++j)
      state.set((slot * taps + j) * channels + c, inputs[inputs.size() - taps + j]);
  }
}
} // namespace

Status runCausalConv1d(const Arguments &args) {
  if (Status s = args.checkIndices("slots", args.size("num_slots"), "num_slots"); !s)
    return s;
  if (Status s = args.checkOffsets("cu_seqlens", args.size("tokens")); !s)
    return s;
  const Tensor &begin = args["cu_seqlens"];
  for (int64_t b = 0; b < args.size("batch"); ++b)
    convolve(args, begin.index(b), begin.index(b + 1) - begin.index(b), args["slots"].index(b));
  return Status::success();
}

Status runCausalConv1dUpdate(const Arguments &args) {
  if (Status s = args.checkIndices("slots", args.size("num_slots"), "num_slots"); !s)
    return s;
  for (int64_t t = 0; t < args.size("tokens"); ++t)
    convolve(args, t, 1, args["slots"].index(t));
  return Status::success();
}

} // namespace zorse::reference
