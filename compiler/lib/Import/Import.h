//===- Import.h - op descriptions to the zorse dialect ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/KernelConfig.h"
#include "zorse/desc/OpDesc.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace zorse {

/// Makes a module with one function, named after the kind, that holds the op with this
/// configuration. Its arguments are the operands (memrefs, in the order of the spec), then the
/// sizes (index). The result is verified by construction.
mlir::OwningOpRef<mlir::ModuleOp> importOp(mlir::MLIRContext &context, const OpDesc &op,
                                           const KernelConfig &config);

} // namespace zorse
