//===- AmdCodegen.h - LLVM dialect to AMD code objects ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"
#include "zorse/desc/TargetDesc.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir {
class DialectRegistry;
}

namespace zorse {

/// The translations from dialects to LLVM IR that generateAmdCode needs in the context.
void registerAmdTranslations(mlir::DialectRegistry &registry);

struct AmdCode {
  std::vector<uint8_t> bytes; ///< a linked HSACO, code object version 5
  std::string llvmText, asmText;
  /// What the linked code says about its kernels: symbol, block and resources. Grids are empty.
  std::vector<KernelInfo> kernels;
  std::map<std::string, int64_t> instructionMix;
};

/// Optimises, selects instructions and links the kernels that lowerTileToAmd made. With `keepText`
/// the optimised LLVM IR and the assembly are returned too. The bytes depend on the arguments
/// alone. Spills are no error; the resources tell them. Errors: Usage if a kernel needs more LDS
/// than the target has; Runtime if codegen fails, with its diagnostic.
Result<AmdCode> generateAmdCode(mlir::ModuleOp module, const TargetDesc &target, int optLevel,
                                bool keepText);

} // namespace zorse
