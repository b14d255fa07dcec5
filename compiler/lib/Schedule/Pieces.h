//===- Pieces.h - what fused kernels share with the ops they fuse -*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelBuilder.h"

namespace zorse::schedule {

/// Where a causal convolution finds its inputs and parameters.
struct ConvSource {
  Val x, weight, bias, state; ///< buffers
  int64_t stride, offset;     ///< of the channels in a row of x
  int64_t channels;
};

/// The inputs of one block of channels of one sequence, by the time they came: token 0 is the first
/// of this launch, token -1 the newest in the state. (Conv.cpp)
struct ConvWindow {
  KernelBuilder &k;
  ConvSource source;
  int64_t taps, extent;
  Val c0;
  Operand cols;
  Val x, stateRow; ///< element of channel c0 of token 0, and of the oldest row of the state

  ConvWindow(KernelBuilder &k, const ConvSource &source, Val firstToken, Val slot, Val c0,
             int64_t extent);
  Val stateAt(int64_t row) { return stateRow + row * source.channels; }
  /// The input of one token, [extent], as it is stored.
  Val storedAt(int64_t token);
  Val at(int64_t token) { return k.convert(storedAt(token), DType::F32); }
  Val weight(int64_t tap);
  Val bias();
  /// The result of one token of those that reach back into the state, [extent].
  Val result(int64_t token);
  /// Makes the state hold the last inputs after `tokens` new ones, at most as many as the taps.
  /// Rows move towards the oldest, so each is read before it is overwritten.
  void remember(int64_t tokens);
};

/// What a token does to the state of one head, both numbers. (SsmUpdate.cpp)
struct StateStep {
  Val dt, decay;
  /// softplus(dt + dt_bias) and exp(-dt * exp(a_log)); `raw` is the dt of the projection.
  StateStep(KernelBuilder &k, Val raw, Val head);
  /// Reads rows [P, N] of the state from element `place` on, updates and writes them. Returns
  /// state . c + d * x, [P]; x is [P], b and c are [N], `rows` bounds P.
  Val advance(KernelBuilder &k, Val place, Operand rows, Val x, Val b, Val c, Val d) const;
};

/// x * rsqrt(mean over each row of x^2 + eps), for a matrix. (Norm.cpp)
Val unitRows(KernelBuilder &k, Val x, double eps);

} // namespace zorse::schedule
