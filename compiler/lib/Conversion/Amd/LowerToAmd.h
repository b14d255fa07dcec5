//===- LowerToAmd.h - tile kernels to LLVM for AMD GPUs ---------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/TargetDesc.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir {
class DialectRegistry;
}

namespace zorse {

/// The dialects that the lowering makes ops of.
void registerAmdDialects(mlir::DialectRegistry &registry);

/// Replaces every tile kernel (func.func) of the module by an llvm.func of the same name that runs
/// on `target`: pointers to global memory and i64 sizes in the order of the tile kernel, workgroups
/// of tile.waves * 64 lanes. The body is the program of one lane in arith, scf, llvm and rocdl ops.
/// Fails with a diagnostic on ops it does not know.
mlir::LogicalResult lowerTileToAmd(mlir::ModuleOp tileModule, const TargetDesc &target);

/// What lowerTileToAmd leaves of arith and scf becomes llvm, by the standard conversions.
mlir::LogicalResult lowerAmdToLLVM(mlir::ModuleOp module);

/// Sets the attribute `tile.layout` (a text) on every op that makes a tile, for people to read.
mlir::LogicalResult annotateAmdLayouts(mlir::ModuleOp tileModule, const TargetDesc &target);

} // namespace zorse
