//===- MatrixExact.cpp - i8 and f64 matrix instructions ---------------------===//
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
    entry<I8, 32, 32, 4, 2>(),  entry<I8, 16, 16, 4, 4>(),  entry<I8, 4, 4, 4, 16>(),
    entry<I8, 32, 32, 8, 1>(),  entry<I8, 16, 16, 16, 1>(), entry<I8, 32, 32, 16, 1>(),
    entry<I8, 16, 16, 32, 1>(), entry<I8, 32, 32, 32, 1>(), entry<I8, 16, 16, 64, 1>(),
    entry<F64, 16, 16, 4, 1>(), entry<F64, 4, 4, 4, 4>(),
};

} // namespace

Handler findMatrixExact(const MatrixOp &op) {
  for (const MatrixEntry &entry : entries)
    if (entry.op == op)
      return entry.handler;
  return nullptr;
}

} // namespace zorse::emulator
