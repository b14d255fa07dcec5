//===- MatrixFloat.cpp - f32 and xf32 matrix instructions -------------------===//
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
    matrix::sameElements<F32, 32, 32, 1, 2>(),  matrix::sameElements<F32, 16, 16, 1, 4>(),
    matrix::sameElements<F32, 4, 4, 1, 16>(),   matrix::sameElements<F32, 32, 32, 2, 1>(),
    matrix::sameElements<F32, 16, 16, 4, 1>(),  matrix::sameElements<Xf32, 32, 32, 4, 1>(),
    matrix::sameElements<Xf32, 16, 16, 8, 1>(),
};

} // namespace

Handler findMatrixFloat(const MatrixOp &op) { return findEntry(entries, op); }

} // namespace zorse::emulator
