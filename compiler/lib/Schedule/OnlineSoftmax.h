//===- OnlineSoftmax.h - attention block by block ----------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===-------------------------------------------------------------------*- C++ -*-===//
#pragma once

#include "KernelBuilder.h"

namespace zorse::schedule {

/// The sum of values weighted by a softmax, as far as it has been seen: for each row the largest
/// score, the sum of exp(score - largest), and that weighted sum of values. All f32.
struct OnlineSoftmax {
  Val largest;           ///< [rows]
  Val weight;            ///< [rows]
  std::vector<Val> sums; ///< [rows, …] each: the columns of the sum in one or more parts

  /// Nothing seen: the largest score is a finite number below all others, so that a sweep over no
  /// blocks has no weight when it is merged with another.
  static OnlineSoftmax nothing(KernelBuilder &k, int64_t rows, llvm::ArrayRef<int64_t> widths);
  static OnlineSoftmax fromVals(const std::vector<Val> &vals) {
    return {vals[0], vals[1], {vals.begin() + 2, vals.end()}};
  }
  std::vector<Val> vals() const;

  /// Takes in a block: scores [rows, n] in f32, and values [n, width] as a product wants them, of
  /// `type` on AMD.
  OnlineSoftmax add(KernelBuilder &k, Val scores, Val values, DType type) const {
    return add(k, scores, type, [&](Val p, size_t, Val sum) { return k.dot(p, values, sum); });
  }
  /// The same with the sum in parts: `addPart` adds the product of the weights and part i of the
  /// values.
  using AddPart = llvm::function_ref<Val(Val p, size_t i, Val sum)>;
  OnlineSoftmax add(KernelBuilder &k, Val scores, DType type, AddPart addPart) const;
  /// What both have seen together.
  OnlineSoftmax merge(KernelBuilder &k, const OnlineSoftmax &other) const;
  /// Part i of the weighted mean, [rows, …].
  Val result(KernelBuilder &k, size_t i = 0) const;
};

/// What a position outside the visible ones scores: exp(hiddenScore - anything visible) is 0.
inline constexpr double hiddenScore = -1e30;

/// The scale on the scores that the op asks for, where `headWidth` is that of an unabsorbed head.
double softmaxScale(const ScheduleInput &input, int64_t headWidth);

/// Takes in the positions from `from` to `to`, `step` at a time; `block` adds those at j. Up to
/// `visible` (a multiple of step from `from`) all positions are inside and seen by all rows. On the
/// host these blocks are a loop of their own, with no bounds and no mask; `masked` is then false.
using AddBlock = std::function<OnlineSoftmax(Val j, const OnlineSoftmax &seen, bool masked)>;
OnlineSoftmax sweep(KernelBuilder &k, Val from, Val visible, Val to, int64_t step,
                    const OnlineSoftmax &nothing, const AddBlock &block);

/// Attention of single tokens, whose positions may be shared by several workgroups.
struct SplitAttention {
  const ScheduleInput &input;
  TileProgram &program;
  std::string symbol;    ///< of the first kernel
  int64_t heads;         ///< of the result [tokens, heads, width]
  int64_t headsPerBlock; ///< of a workgroup
  int64_t width;
  int64_t splits;

  /// Adds the workspaces; before the first kernel.
  void addWorkspaces() const;
  struct Range {
    Val from, visible, to;
  };
  /// The positions of this workgroup: `split` of those below `length`, in blocks of `block`.
  Range range(Val length, Val split, int64_t block) const;
  /// Stores the result of heads h0… of token t, or what the second kernel needs of it. Each part of
  /// the sum has `partWidth` columns but the last.
  void store(KernelBuilder &k, const OnlineSoftmax &seen, Val t, Val split, Val h0, Operand rows,
             int64_t partWidth) const;
  /// The kernel that merges the splits; nothing if there is one split.
  void combine() const;
};

} // namespace zorse::schedule
