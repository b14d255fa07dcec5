//===- MatrixShape.h - what a matrix instruction's name says ----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// D[b] = A[b] B[b] + C[b] for `blocks` products of m x k by k x n. A and B lie
// in VGPRs as `perLane` consecutive elements a lane. Lanes run over the m rows
// of A (columns of B), then over blocks, then over groups of k:
//
//   lane = (k / perLane) * m * blocks + block * m + row, element k % perLane
//
// C and D have columns in lanes. A stripe is four rows in four registers (f64:
// one row in a pair); stripes fill the 64 lanes, blocks before rows, then the
// next registers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Handlers.h"

#include <optional>
#include <span>

namespace zorse::emulator {

enum class Element : uint8_t { F64, F32, Xf32, F16, Bf16, Fp8Fnuz, Bf8Fnuz, Fp8, Bf8, I8 };

constexpr int bytesOf(Element element) {
  switch (element) {
  case Element::F64:
    return 8;
  case Element::F32:
  case Element::Xf32:
    return 4;
  case Element::F16:
  case Element::Bf16:
    return 2;
  default:
    return 1;
  }
}

struct MatrixOp {
  Element a = Element::F32, b = Element::F32;
  int m = 0, n = 0, k = 0, blocks = 1;
  bool sparse = false;  ///< of each four consecutive k, A holds two
  bool flushes = false; ///< subnormals are zeros

  constexpr bool operator==(const MatrixOp &) const = default;
  constexpr int kOfA() const { return sparse ? k / 2 : k; }
  /// Consecutive elements of A in a lane; of B there are as many, or twice as many when sparse.
  constexpr int perLane() const { return m * kOfA() * blocks / 64; }
};

struct MatrixEntry {
  MatrixOp op;
  Handler handler;
};

/// The handler of that operation, or null.
inline Handler findEntry(std::span<const MatrixEntry> entries, const MatrixOp &op) {
  for (const MatrixEntry &entry : entries)
    if (entry.op == op)
      return entry.handler;
  return nullptr;
}

/// "v_mfma_f32_32x32x8bf16_1k", "v_mfma_f32_32x32x4_2b_f16", "v_smfmac_i32_16x16x64_i8", … Nothing
/// for any other word. Says what is meant, not whether there is such an instruction.
std::optional<MatrixOp> parseMatrixMnemonic(std::string_view mnemonic, const TargetDesc &target);

// Null for a shape that the family does not have.
Handler findMatrixFloat(const MatrixOp &op);   ///< f32 and xf32
Handler findMatrixHalf(const MatrixOp &op);    ///< f16 and bf16
Handler findMatrixQuarter(const MatrixOp &op); ///< fp8 and bf8
Handler findMatrixExact(const MatrixOp &op);   ///< i8 and f64
Handler findMatrixSparse(const MatrixOp &op);

} // namespace zorse::emulator
