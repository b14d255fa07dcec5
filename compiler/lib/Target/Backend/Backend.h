//===- Backend.h - LLVM dialect to a linked shared object -------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/TargetDesc.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/CodeGen.h"

#include <functional>

namespace llvm {
class Module;
}

namespace zorse {

struct BackendCode {
  std::vector<uint8_t> bytes;    ///< a linked ELF shared object
  std::string llvmText, asmText; ///< optimised LLVM IR and assembly, if asked for
};

struct BackendOptions {
  int optLevel = 3;
  llvm::CodeGenOptLevel selection = llvm::CodeGenOptLevel::Default;
  bool keepText = false;
  /// Adds attributes and flags to the module before it is optimised.
  std::function<void(llvm::Module &)> prepare;
};

/// Translates a module of the LLVM dialect, optimises it, selects instructions, links with lld.
/// LLVM's backend for the target must have been initialised. Errors: Runtime, with LLVM's own
/// diagnostic.
Result<BackendCode> generateCode(mlir::ModuleOp module, const TargetDesc &target,
                                 const BackendOptions &options);

} // namespace zorse
