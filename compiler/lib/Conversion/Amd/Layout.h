//===- Layout.h - which lane holds what -------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile lies spread over the registers of a workgroup. Each dimension spreads
// on its own: a coordinate is the sum of what the wave, the lane, the register
// and the position inside the register contribute,
//
//   coordinate = wave / waveDiv % waves * waveStride + lane / laneDiv % lanes * laneStride
//              + rep * repStride + element                       (element < vec)
//
// and that is all there is to a layout. README.md shows each kind with an
// example. A layout that reaches beyond the extent of the tile is padded: those
// elements are never loaded, stored or reduced.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <string>

namespace zorse::amd {

constexpr int64_t waveSize = 64;

/// How one dimension of a tile spreads over waves, lanes and registers. All counts are powers of
/// two but `reps` and `extent`.
struct DimLayout {
  int64_t extent = 1;
  int64_t vec = 1;
  int64_t lanes = 1, laneDiv = 1, laneStride = 0;
  int64_t waves = 1, waveDiv = 1, waveStride = 0;
  int64_t reps = 1, repStride = 0;

  int64_t coordinate(int64_t wave, int64_t lane, int64_t rep, int64_t element) const {
    return wave / waveDiv % waves * waveStride + lane / laneDiv % lanes * laneStride +
           rep * repStride + element;
  }
  /// The largest coordinate of a register, over all waves and lanes.
  int64_t last(int64_t rep) const {
    return (waves - 1) * waveStride + (lanes - 1) * laneStride + rep * repStride + vec - 1;
  }
  /// Whether some element of some lane's register lies outside the tile.
  bool padded(int64_t rep) const { return last(rep) >= extent; }
  bool padded() const;
  /// Bits of the lane (and of the wave) number that select a coordinate.
  int64_t laneBits() const { return (lanes - 1) * laneDiv; }
  int64_t waveBits() const { return (waves - 1) * waveDiv; }
  bool operator==(const DimLayout &) const = default;
};

/// A layout of a tile of rank 1 or 2. Registers are numbered with the last dimension fastest; at
/// most one dimension has vec > 1. A layout of rank 1 is replicated over the lanes and waves that
/// it does not name.
struct Layout {
  llvm::SmallVector<DimLayout, 2> dims;

  unsigned rank() const { return dims.size(); }
  int64_t vec() const;
  /// The dimension along which a register runs.
  unsigned vecDim() const;
  int64_t registers() const;
  /// Reps of each dimension for a register.
  llvm::SmallVector<int64_t, 2> repsOf(int64_t reg) const;
  int64_t registerOf(llvm::ArrayRef<int64_t> reps) const;
  /// What a vector along dimension `dim` needs to combine with this tile lane by lane.
  Layout slice(unsigned dim) const;
  bool padded() const;
  /// Lane bits and wave bits that select no element: copies of the same data.
  int64_t freeLaneBits() const;
  int64_t freeWaveBits(int64_t waves) const;
  bool operator==(const Layout &) const = default;
  /// "32x64: rows lane%16 … " for people.
  std::string text() const;
};

/// How the waves of a workgroup share the 16 x 16 blocks of a product: along M as far as the block
/// count divides, the rest along N.
struct WaveGrid {
  int64_t m = 1, n = 1;
  static WaveGrid of(int64_t rows, int64_t waves);
};

/// The result of a product of M x N. The instruction is given B as its first operand and A as its
/// second, so a lane holds four neighbouring columns of one row:
/// row = lane % 16, column = 4 * (lane / 16) + element.
Layout accumulatorLayout(int64_t m, int64_t n, int64_t waves);

/// An operand with `rows` along M (or N) and K along the other dimension, `chunk` consecutive k in
/// a register: row = lane % 16, k = chunk * (lane / 16) + element. `rowsAreN` for B; `kDim` is the
/// dimension of the tile that K runs along.
Layout operandLayout(int64_t rows, int64_t k, int64_t chunk, bool rowsAreN, unsigned kDim,
                     WaveGrid grid);

/// What is known about the uses of a tile that no product ties down.
struct LayoutDemand {
  struct Access {
    int64_t elementBytes = 4;
    int contiguousDim = -1; ///< dimension with stride 1, -1 for none
    int64_t vec = 1;        ///< elements that alignment allows at a time
  };
  llvm::SmallVector<Access> accesses;
  llvm::SmallVector<unsigned> reducedDims;
  llvm::SmallVector<unsigned> stagedKDims; ///< dimension that must become contiguous in LDS
};

/// The cheapest layout for a tile of this shape: wide accesses first, then few idle lanes, then few
/// exchanges between lanes and waves.
Layout blockedLayout(llvm::ArrayRef<int64_t> shape, int64_t waves, const LayoutDemand &demand);

} // namespace zorse::amd
