//===- Compare.h - is a result as exact as it must be -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tolerance, derived. A kernel computes in f32 what the reference computes in
// fp64; both round to the storage dtype. With u(t) the unit roundoff of a type, L
// the reduction length of the spec and `rms` the root mean square of the wanted
// values around the element (its innermost row, or as many rows as make 32 values):
//
//   allowed = 2 u(out) |want|                      the two final roundings
//           + 6/sqrt(3) sqrt(n) u(mid) rms         roundings inside the kernel
//           + 6/sqrt(6) sqrt(L) u(f32) rms         accumulation in f32
//           + g u(f32) rms                         everything else in f32
//           + 6/sqrt(6) sqrt(D) u(f32) s rms       attention: the scores
//           + 2 u(mid) |want|                      only where n > 0
//           + smallest subnormal of the out dtype
//           + 6/sqrt(3) sqrt(m + 4) 2^-14          only where f16 subnormals count as 0
//
// * One rounding is an error of relative size uniform in ±u at most, so of standard
//   deviation u/sqrt(3). Six of them bound what the largest of 1e8 elements shows.
// * `n` counts the intermediates that are rounded to the dtype of the op instead of
//   f32, because a matrix unit takes them so: 2 for attention (the probabilities; the
//   partial results of a split), 3 for ssd_scan (decayed C·B, decayed B, the state at
//   a chunk's border). Or because the op says so, where a kernel and the reference
//   may round a value between two numbers to different sides: 1 for rmsnorm that
//   rounds twice, 2 for mamba2_step (the convolved row, y). 0 for the others. Those
//   errors are independent and meet the same sum as the result, whose size is `rms`.
// * A sum of L independent terms passes through partial sums of size sqrt(k/L) rms;
//   their L rounding errors add up to sqrt(L/2) u/sqrt(3) rms.
// * `g` is 32: exp, rsqrt, a division and a handful of products, each good to a few
//   u. The state ops chain two of those functions before each (softplus into the
//   decay): 64. mamba2_step has x, B and C through an exp each before that and the
//   gated norm behind it: 64 + 4 * 32. In the ssd_scan the exponents are differences
//   of a running sum of dt·|A| besides; with |A| up to 16, dt about 1 and 256 steps a
//   chunk it reaches 16 * 256, and its rounding is a relative error of the decay: 64 +
//   16 * 256.
//
// * A score is a sum of D products, s = softmax_scale * sqrt(D) in size. Its error, by
//   the same sum of partial sums, is a relative error of a probability.
// * A matrix unit that reads f16 subnormals as zeros loses up to 2^-14 of a product
//   whose other factor is about 1. Of L factors of size 1/sqrt(L), as weights have it,
//   m = 0.8 * 2^-14 * L^1.5 are that small; the 4 covers the chance of a few more.
//
// i32 results must be equal. NaN and infinity must be where the reference has them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"

#include <span>

namespace zorse {

/// The terms of the bound above, for one operand of one op.
struct Tolerance {
  double relative = 0; ///< times |want|
  double scaled = 0;   ///< times rms
  double absolute = 0;
};
/// `flushed`: the target's matrix unit reads f16 subnormals as zeros (TargetDesc).
Result<Tolerance> toleranceOf(const OpDesc &op, const OperandSpec &operand, const Sizes &sizes,
                              bool flushed = false);

struct Comparison {
  bool passed = false;
  double maxError = 0; ///< largest |got - want| / allowed; infinite for a NaN that is not wanted
  int64_t elements = 0, wrong = 0;
  std::string detail; ///< the worst element: "out[3,7]: got 1.5, want 1.25, allowed 0.004"
};

/// Compares every Out and InOut operand of `got` with `want`; both as for runReference.
/// A result that differs is no error but a Comparison that did not pass.
Result<Comparison> compareOperands(const OpDesc &op, const Sizes &sizes, std::span<void *const> got,
                                   std::span<void *const> want, bool flushed = false);

} // namespace zorse
