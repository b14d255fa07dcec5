//===- MatrixQuarter.cpp - fp8 and bf8 matrix instructions ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/MatrixMultiply.h"

namespace zorse::emulator {
namespace {

template <Element A, Element B, int M, int N, int K> constexpr MatrixEntry entry() {
  constexpr MatrixOp op{.a = A, .b = B, .m = M, .n = N, .k = K};
  return {op, matrix::multiply<op>};
}

using enum Element;
constexpr MatrixEntry entries[] = {
    entry<Bf8Fnuz, Bf8Fnuz, 16, 16, 32>(), entry<Bf8Fnuz, Fp8Fnuz, 16, 16, 32>(),
    entry<Fp8Fnuz, Bf8Fnuz, 16, 16, 32>(), entry<Fp8Fnuz, Fp8Fnuz, 16, 16, 32>(),
    entry<Bf8Fnuz, Bf8Fnuz, 32, 32, 16>(), entry<Bf8Fnuz, Fp8Fnuz, 32, 32, 16>(),
    entry<Fp8Fnuz, Bf8Fnuz, 32, 32, 16>(), entry<Fp8Fnuz, Fp8Fnuz, 32, 32, 16>(),
    entry<Bf8, Bf8, 16, 16, 32>(),         entry<Bf8, Fp8, 16, 16, 32>(),
    entry<Fp8, Bf8, 16, 16, 32>(),         entry<Fp8, Fp8, 16, 16, 32>(),
    entry<Bf8, Bf8, 32, 32, 16>(),         entry<Bf8, Fp8, 32, 32, 16>(),
    entry<Fp8, Bf8, 32, 32, 16>(),         entry<Fp8, Fp8, 32, 32, 16>(),
};

} // namespace

Handler findMatrixQuarter(const MatrixOp &op) { return findEntry(entries, op); }

} // namespace zorse::emulator
