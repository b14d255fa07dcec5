//===- X86Codegen.h - host functions to machine code ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Backend.h"

namespace zorse {

/// Lowers the functions that lowerTileToHost made to the LLVM dialect, in place.
Status lowerHostToLLVM(mlir::ModuleOp module, const TargetDesc &target);

/// Optimises, selects instructions and links to a shared object without dependencies.
Result<BackendCode> generateHostCode(mlir::ModuleOp module, const TargetDesc &target, int optLevel,
                                     bool keepText);

} // namespace zorse
