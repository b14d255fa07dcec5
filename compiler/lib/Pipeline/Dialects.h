//===- Dialects.h - every dialect the pipeline uses -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/DialectRegistry.h"

namespace zorse {

/// The dialects of every stage, with their translations to LLVM IR. Made once.
const mlir::DialectRegistry &dialectRegistry();

} // namespace zorse
