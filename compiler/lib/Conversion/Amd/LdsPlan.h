//===- LdsPlan.h - places in LDS --------------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelPlan.h"

namespace zorse::amd {

/// Gives each buffer an offset; buffers whose lives in the program text do not overlap may share
/// bytes. (That a slow wave is still reading when a fast one overwrites is not decided here: the
/// emitter puts the barriers.)
class LdsPlan {
public:
  explicit LdsPlan(mlir::func::FuncOp kernel);

  /// A buffer that is written at `maker` and read by `users` (or by `maker` alone). `range` is set
  /// by place().
  void add(int64_t bytes, mlir::Operation *maker, llvm::ArrayRef<mlir::Operation *> users,
           LdsRange &range);
  /// Returns the bytes needed in all.
  int64_t place();

private:
  struct Life {
    int64_t begin, end, number, bytes;
    LdsRange *range;
  };
  llvm::DenseMap<mlir::Operation *, std::pair<int64_t, int64_t>> positions;
  std::vector<Life> lives;
};

/// The barriers of a kernel: remembers what was read and written since the last one. Addresses are
/// ranges of LDS, or of the imaginary addresses that stand for a buffer in memory.
class Hazards {
public:
  bool writeNeedsBarrier(LdsRange range) const { return hits(reads, range) || hits(writes, range); }
  bool readNeedsBarrier(LdsRange range) const { return hits(writes, range); }
  void read(LdsRange range) { reads.push_back(range); }
  void write(LdsRange range) { writes.push_back(range); }
  void clear() {
    reads.clear();
    writes.clear();
  }
  /// What either path may have left.
  void join(const Hazards &other) {
    reads.append(other.reads);
    writes.append(other.writes);
  }

private:
  using Ranges = llvm::SmallVector<LdsRange>;
  static bool hits(const Ranges &ranges, LdsRange range) {
    return llvm::any_of(ranges, [&](LdsRange other) { return other.overlaps(range); });
  }
  Ranges reads, writes;
};

} // namespace zorse::amd
