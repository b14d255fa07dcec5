//===- Grid.h - the workgroups of a configuration, before it is compiled -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How the schedules cut each op into workgroups. Code objects carry the true formulas;
// this is the same knowledge for configurations that no code was made for.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/KernelConfig.h"

#include <vector>

namespace zorse::tuner {

/// One axis of the grid of the main kernel: `extent` elements in blocks of `block`.
struct GridAxis {
  int64_t extent = 1, block = 1;
  bool isStatic = false; ///< a field of the op, known when it is compiled

  int64_t blocks() const { return (extent + block - 1) / block; }
  /// Elements that the blocks cover over elements that there are, at least 1.
  double padding() const { return double(blocks() * block) / double(extent); }
};

/// The axes at the tuning point of `op`, empty for a kind that is not known here.
std::vector<GridAxis> gridOf(const OpDesc &op, const KernelConfig &config);
/// Their product.
int64_t groupsOf(const std::vector<GridAxis> &grid);

} // namespace zorse::tuner
