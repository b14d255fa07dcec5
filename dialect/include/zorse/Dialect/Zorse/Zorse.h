//===- Zorse.h - the zorse dialect ------------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/OpDesc.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "zorse/Dialect/Zorse/ZorseDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "zorse/Dialect/Zorse/ZorseAttrs.h.inc"

namespace zorse::ir {

class DescribedOpInterface;

/// Name of the attribute that tells the target of everything inside an op: "zorse.target".
constexpr llvm::StringLiteral targetAttrName = "zorse.target";

/// Reads a dictionary of static parameters. Integers, floats, booleans, strings and float types
/// stand for themselves; "tuning" may hold a dictionary of sizes.
Result<OpDesc> describe(llvm::StringRef kind, mlir::DictionaryAttr fields);

/// The opposite: every field, with `tuning` at the end.
mlir::DictionaryAttr fieldsOf(const OpDesc &op, mlir::MLIRContext &context);

/// The memref type that an operand of `op` has; sizes are dynamic dimensions.
mlir::MemRefType operandType(const OpDesc &op, const OperandSpec &operand,
                             mlir::MLIRContext &context);

/// Checks zorse_c1 to zorse_c4.
mlir::LogicalResult verifyDescribedOp(DescribedOpInterface op);

/// Reads of the operands with the roles "in" and "inout", writes of "out" and "inout".
void collectEffects(DescribedOpInterface op,
                    llvm::SmallVectorImpl<mlir::MemoryEffects::EffectInstance> &effects);

} // namespace zorse::ir

#include "zorse/Dialect/Zorse/ZorseInterfaces.h.inc"

#define GET_OP_CLASSES
#include "zorse/Dialect/Zorse/ZorseOps.h.inc"
