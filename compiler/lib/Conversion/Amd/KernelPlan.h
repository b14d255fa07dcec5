//===- KernelPlan.h - what is decided before a kernel is written -*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile kernel goes in; out come the layout of every tile, where the operands
// of every product come from, and a place in LDS for everything that needs one.
// The emitter then only follows the plan.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Layout.h"

#include "zorse/Dialect/Tile/Tile.h"
#include "zorse/desc/TargetDesc.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

#include <map>
#include <memory>

namespace zorse::amd {

/// Bytes of LDS, [begin, end).
struct LdsRange {
  int64_t begin = 0, end = 0;
  bool overlaps(const LdsRange &other) const { return begin < other.end && other.begin < end; }
};

/// A staged tile in LDS, `rows` lines of `k` contiguous elements. Both are padded with zeros to
/// multiples of 16, and each line by some bytes against bank conflicts.
struct StagedForm {
  unsigned kDim; ///< dimension of the staged value that lies along the line
  int64_t rows, k, elementBytes;
  LdsRange range;
  bool readInHalves = false; ///< all its products read 8 bytes at a time

  int64_t rowsPadded() const { return (rows + 15) / 16 * 16; }
  int64_t kPadded() const { return (k + 15) / 16 * 16; }
  /// A product reads neighbouring rows in neighbouring lanes. A wave's reads of 16 bytes go eight
  /// lanes at a time, four rows at one place and the next four at the next: these meet eight
  /// different quarters of the banks if a line is 2 or 6 times 16 bytes beyond a multiple of 128.
  /// Reads of 8 bytes go 16 rows at a time, which want an odd number of 8 bytes.
  int64_t lineBytes() const {
    int64_t bytes = kPadded() * elementBytes;
    return readInHalves ? bytes + 8 : bytes % 64 == 32 ? bytes : bytes + 32;
  }
  /// What lines and their pieces of 16 bytes are aligned to.
  int64_t alignment() const { return readInHalves ? 8 : 16; }
  int64_t bytes() const { return rowsPadded() * lineBytes(); }
};

/// Where a product finds an operand: in LDS, or already in the registers of the right lanes.
struct DotOperand {
  StagedForm *staged = nullptr;
  /// The lines of `staged` run along the rows of the operand instead of K: elements are picked one
  /// by one. Slower, but it saves the second copy where LDS is short.
  bool gathered = false;
  mlir::Value inRegisters; ///< the tile, if not staged
};

struct DotPlan {
  WaveGrid grid;
  /// Consecutive k in a lane: what the operands in registers have, or 0 if both are in LDS.
  int64_t chunk = 0;
  DotOperand a, b;
};

class KernelPlan {
public:
  /// Fails with a diagnostic on what cannot be lowered. Changes the kernel only by duplicating
  /// constants and loads whose uses want different layouts.
  static mlir::FailureOr<KernelPlan> make(mlir::func::FuncOp kernel, const TargetDesc &target);

  int64_t waves = 1;
  const Layout &layoutOf(mlir::Value tile) const;
  const DotPlan &dot(mlir::Operation *op) const { return dots.at(op); }
  llvm::ArrayRef<std::unique_ptr<StagedForm>> formsOf(mlir::Operation *stage) const;
  /// LDS through which a reduction joins the waves, or a vector changes its layout.
  std::optional<LdsRange> reduceScratch(mlir::Operation *op) const;
  std::optional<LdsRange> convertScratch(mlir::Operation *op) const;
  int64_t ldsBytes = 0;

private:
  friend class PlanBuilder;
  llvm::DenseMap<mlir::Value, Layout> layouts;
  llvm::DenseMap<mlir::Operation *, DotPlan> dots;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<std::unique_ptr<StagedForm>, 2>> forms;
  std::map<mlir::Operation *, LdsRange> reduceRanges, convertRanges; // stable references
};

/// Whether `op` combines tiles element by element.
bool isElementwise(mlir::Operation *op);
/// The layout in which tile.reduce finds its result and tile.broadcast needs its operand.
Layout sliceOf(const KernelPlan &plan, mlir::Operation *reduceOrBroadcast);

} // namespace zorse::amd
