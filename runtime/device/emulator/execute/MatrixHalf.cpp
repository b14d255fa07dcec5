//===- MatrixHalf.cpp - f16 and bf16 matrix instructions --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/MatrixMultiply.h"

namespace zorse::emulator {
namespace {

using enum Element;
template <bool Flushes>
constexpr MatrixEntry entries[] = {
    matrix::sameElements<F16, 32, 32, 4, 2, Flushes>(),
    matrix::sameElements<F16, 16, 16, 4, 4, Flushes>(),
    matrix::sameElements<F16, 4, 4, 4, 16, Flushes>(),
    matrix::sameElements<F16, 32, 32, 8, 1, Flushes>(),
    matrix::sameElements<F16, 16, 16, 16, 1, Flushes>(),
    matrix::sameElements<Bf16, 32, 32, 4, 2, Flushes>(),
    matrix::sameElements<Bf16, 16, 16, 4, 4, Flushes>(),
    matrix::sameElements<Bf16, 4, 4, 4, 16, Flushes>(),
    matrix::sameElements<Bf16, 32, 32, 8, 1, Flushes>(),
    matrix::sameElements<Bf16, 16, 16, 16, 1, Flushes>(),
    // Two elements a lane: the older bf16 instructions.
    matrix::sameElements<Bf16, 32, 32, 2, 2, Flushes>(),
    matrix::sameElements<Bf16, 16, 16, 2, 4, Flushes>(),
    matrix::sameElements<Bf16, 4, 4, 2, 16, Flushes>(),
    matrix::sameElements<Bf16, 32, 32, 4, 1, Flushes>(),
    matrix::sameElements<Bf16, 16, 16, 8, 1, Flushes>(),
    // Eight elements a lane.
    matrix::sameElements<F16, 32, 32, 16, 1, Flushes>(),
    matrix::sameElements<F16, 16, 16, 32, 1, Flushes>(),
    matrix::sameElements<Bf16, 32, 32, 16, 1, Flushes>(),
    matrix::sameElements<Bf16, 16, 16, 32, 1, Flushes>(),
};

} // namespace

Handler findMatrixHalf(const MatrixOp &op) {
  for (const auto *table : {&entries<false>, &entries<true>})
    if (Handler handler = findEntry(*table, op))
      return handler;
  return nullptr;
}

} // namespace zorse::emulator
