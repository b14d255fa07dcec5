//===- X86Math.h - elementary functions for x86 -----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/TargetDesc.h"

#include "mlir/IR/PatternMatch.h"

namespace zorse {

/// exp of f32 within two units in the last place, and maxima and minima as the one instruction that
/// x86 has for each. They come before MLIR's own approximations.
void populateX86MathPatterns(mlir::RewritePatternSet &patterns, const TargetDesc &target);

} // namespace zorse
