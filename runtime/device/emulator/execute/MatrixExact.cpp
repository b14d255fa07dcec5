//===- MatrixExact.cpp - i8 and f64 matrix instructions ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/MatrixMultiply.h"

namespace zorse::emulator {
namespace {

using enum Element;
constexpr MatrixEntry entries[] = {
    matrix::sameElements<I8, 32, 32, 4, 2>(),  matrix::sameElements<I8, 16, 16, 4, 4>(),
    matrix::sameElements<I8, 4, 4, 4, 16>(),   matrix::sameElements<I8, 32, 32, 8, 1>(),
    matrix::sameElements<I8, 16, 16, 16, 1>(), matrix::sameElements<I8, 32, 32, 16, 1>(),
    matrix::sameElements<I8, 16, 16, 32, 1>(), matrix::sameElements<I8, 32, 32, 32, 1>(),
    matrix::sameElements<I8, 16, 16, 64, 1>(), matrix::sameElements<F64, 16, 16, 4, 1>(),
    matrix::sameElements<F64, 4, 4, 4, 4>(),
};

} // namespace

Handler findMatrixExact(const MatrixOp &op) { return findEntry(entries, op); }

} // namespace zorse::emulator
