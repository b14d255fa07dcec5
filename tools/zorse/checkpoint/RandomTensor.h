//===- RandomTensor.h - weights that keep activations finite ----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/DType.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace zorse::tool {

/// The elements of one tensor, drawn by its name. Linear weights have the variance 1 / inputs,
/// those that write to the residual stream are smaller by sqrt(2 layers), norms are 1, and the
/// parameters of the state space are drawn as Mamba2 initialises them.
///
/// Every block of a tensor is drawn on its own, from seed, name and index alone: any number of
/// threads in any order give the same bytes.
class RandomTensor {
public:
  static constexpr int64_t blockElements = 1 << 20;

  RandomTensor(std::string_view name, const std::vector<int64_t> &shape, int64_t numLayers,
               DType dtype, uint64_t seed);

  int64_t elements() const { return count; }
  int64_t blocks() const { return (count + blockElements - 1) / blockElements; }
  /// Elements of one block; only the last one may be shorter.
  int64_t elementsOf(int64_t block) const;
  /// Writes elementsOf(block) elements of the dtype to `out`.
  void draw(int64_t block, uint8_t *out) const;

private:
  int64_t count = 1;
  DType dtype;
  uint64_t start = 0;         ///< of the generator, before the block is mixed in
  std::vector<uint8_t> table; ///< quantiles of the distribution, in the dtype
};

} // namespace zorse::tool
