//===- Divisibility.h - powers of two in index arithmetic -------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Layout.h"

#include "zorse/Dialect/Tile/Tile.h"

#include <optional>

namespace zorse::amd {

/// The largest power of two, up to 2^20, that is known to divide an integer or index.
int64_t divisorOf(mlir::Value value);
/// The number that a value always is.
std::optional<int64_t> constantOf(mlir::Value value);

/// tile.load and tile.store as one thing.
struct TileAccess {
  mlir::Operation *op;
  mlir::Value buffer, offset;
  mlir::ValueRange strides, valid;
  llvm::ArrayRef<int64_t> shape;
  int64_t elementBytes;

  static std::optional<TileAccess> of(mlir::Operation *op);
  /// The bound of a dimension below its extent, or nothing if the whole extent is inside.
  std::optional<mlir::Value> boundOf(unsigned dim) const;
  /// How wide the accesses may be: a group of `vec` elements (at most 16 bytes) that starts at a
  /// multiple of vec is aligned in memory, and lies inside the bounds or outside as a whole.
  /// Buffers start at multiples of 16 bytes.
  LayoutDemand::Access demand() const;
};

} // namespace zorse::amd
