//===- X86Codegen.h - host functions to machine code ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"
#include "zorse/desc/TargetDesc.h"

#include "mlir/IR/BuiltinOps.h"

namespace zorse {

struct HostCode {
  std::vector<uint8_t> bytes; ///< shared object without dependencies
  std::string llvmText, asmText;
};

/// Lowers the functions that lowerTileToHost made to the LLVM dialect, in place.
Status lowerHostToLLVM(mlir::ModuleOp module, const TargetDesc &target);

/// Optimises, selects instructions and links. With `keepText` the optimised LLVM IR and the
/// assembly are returned too.
Result<HostCode> generateHostCode(mlir::ModuleOp module, const TargetDesc &target, int optLevel,
                                  bool keepText);

} // namespace zorse
