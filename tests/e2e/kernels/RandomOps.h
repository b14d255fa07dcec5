//===- RandomOps.h - ops and sizes drawn at random --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"

#include <random>

namespace zorse {

/// An op of `kind` in `dtype` and the sizes of one launch. Widths, head counts and ranks are drawn
/// from those of the published models and from odd ones; lengths from 1 to 4097, so that tiles end
/// in the middle; all small enough that `maxFlops` useful operations suffice.
struct RandomOp {
  OpDesc op; ///< its tuning point is the sizes
  Sizes sizes;
};
RandomOp drawOp(const std::string &kind, DType dtype, std::mt19937_64 &random, double maxFlops);

} // namespace zorse
