//===- RandomTensor.h - weights that keep activations finite ----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace zorse {

/// Draws tensors by name, in bf16. Linear weights have the variance 1 / inputs, those that write
/// to the residual stream are smaller by sqrt(2 layers), norms are 1, and the parameters of the
/// state space are drawn as Mamba2 initialises them.
class RandomTensor {
public:
  RandomTensor(uint64_t seed, size_t numLayers) : state(seed), numLayers(numLayers) {}

  void write(std::ostream &out, const std::string &name, const std::vector<int64_t> &shape);

private:
  uint64_t next();
  /// Elements whose distribution is given by its quantile function on (0, 1).
  void draw(std::ostream &out, int64_t count, const std::function<double(double)> &quantile);

  uint64_t state;
  size_t numLayers;
};

} // namespace zorse
