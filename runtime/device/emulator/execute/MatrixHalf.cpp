//===- MatrixHalf.cpp - f16 and bf16 matrix instructions --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/MatrixMultiply.h"

namespace zorse::emulator {
namespace {

template <Element E, int M, int N, int K, int Blocks, bool Flushes> constexpr MatrixEntry entry() {
  constexpr MatrixOp op{
      .a = E, .b = E, .m = M, .n = N, .k = K, .blocks = Blocks, .flushes = Flushes};
  return {op, matrix::multiply<op>};
}

using enum Element;
template <bool Flushes>
constexpr MatrixEntry entries[] = {
    entry<F16, 32, 32, 4, 2, Flushes>(),
    entry<F16, 16, 16, 4, 4, Flushes>(),
    entry<F16, 4, 4, 4, 16, Flushes>(),
    entry<F16, 32, 32, 8, 1, Flushes>(),
    entry<F16, 16, 16, 16, 1, Flushes>(),
    entry<Bf16, 32, 32, 4, 2, Flushes>(),
    entry<Bf16, 16, 16, 4, 4, Flushes>(),
    entry<Bf16, 4, 4, 4, 16, Flushes>(),
    entry<Bf16, 32, 32, 8, 1, Flushes>(),
    entry<Bf16, 16, 16, 16, 1, Flushes>(),
    // Two elements a lane: the older bf16 instructions.
    entry<Bf16, 32, 32, 2, 2, Flushes>(),
    entry<Bf16, 16, 16, 2, 4, Flushes>(),
    entry<Bf16, 4, 4, 2, 16, Flushes>(),
    entry<Bf16, 32, 32, 4, 1, Flushes>(),
    entry<Bf16, 16, 16, 8, 1, Flushes>(),
    // Eight elements a lane.
    entry<F16, 32, 32, 16, 1, Flushes>(),
    entry<F16, 16, 16, 32, 1, Flushes>(),
    entry<Bf16, 32, 32, 16, 1, Flushes>(),
    entry<Bf16, 16, 16, 32, 1, Flushes>(),
};

} // namespace

Handler findMatrixHalf(const MatrixOp &op) {
  for (const auto *table : {&entries<false>, &entries<true>})
    for (const MatrixEntry &entry : *table)
      if (entry.op == op)
        return entry.handler;
  return nullptr;
}

} // namespace zorse::emulator
