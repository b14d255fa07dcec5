//===- MatrixFloat.cpp - f32 and xf32 matrix instructions -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/MatrixMultiply.h"

namespace zorse::emulator {
namespace {

template <Element E, int M, int N, int K, int Blocks> constexpr MatrixEntry entry() {
  constexpr MatrixOp op{.a = E, .b = E, .m = M, .n = N, .k = K, .blocks = Blocks};
  return {op, matrix::multiply<op>};
}

using enum Element;
constexpr MatrixEntry entries[] = {
    entry<F32, 32, 32, 1, 2>(),  entry<F32, 16, 16, 1, 4>(), entry<F32, 4, 4, 1, 16>(),
    entry<F32, 32, 32, 2, 1>(),  entry<F32, 16, 16, 4, 1>(), entry<Xf32, 32, 32, 4, 1>(),
    entry<Xf32, 16, 16, 8, 1>(),
};

} // namespace

Handler findMatrixFloat(const MatrixOp &op) {
  for (const MatrixEntry &entry : entries)
    if (entry.op == op)
      return entry.handler;
  return nullptr;
}

} // namespace zorse::emulator
