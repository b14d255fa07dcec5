//===- LowerToHost.h - tile programs as x86-64 functions --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/TargetDesc.h"

#include "mlir/IR/BuiltinOps.h"

namespace zorse {

/// Replaces every tile kernel of the module by a function
/// `void symbol(ptr slots, i64 x, i64 y, i64 z)` (CodeObject.h) of scf, arith, math, vector and
/// llvm ops. Fails with a diagnostic on an op that it does not know.
mlir::LogicalResult lowerTileToHost(mlir::ModuleOp module, const TargetDesc &target);

} // namespace zorse
