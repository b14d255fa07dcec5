//===- ZorseInterfaces.td - ops that a spec describes ------*- tablegen -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ZORSE_DIALECT_ZORSE_ZORSEINTERFACES_TD
#define ZORSE_DIALECT_ZORSE_ZORSEINTERFACES_TD

include "mlir/IR/Interfaces.td"

def Zorse_DescribedOpInterface : OpInterface<"DescribedOpInterface"> {
  let cppNamespace = "::zorse::ir";
  let description = [{
    An op that a spec describes. Its verifier is the one behind every op of the dialect.
  }];
  let methods = [
    InterfaceMethod<"Buffers that are only read.", "::mlir::OperandRange", "getInputs">,
    InterfaceMethod<"Buffers that are written.", "::mlir::OperandRange", "getOutputs">,
    InterfaceMethod<"The static parameters.", "::mlir::DictionaryAttr", "getFields">,
    InterfaceMethod<"The configuration, or null.", "::zorse::ir::ConfigAttr", "getConfigAttr">,
  ];
  let extraSharedClassDeclaration = [{
    /// The op as the rest of Zorse knows it, or why the dictionary is no legal request.
    ::zorse::Result<::zorse::OpDesc> describe() {
      return ::zorse::ir::describe($_op->getName().stripDialect(), $_op.getFields());
    }
  }];
  let verify = [{
    return ::zorse::ir::verifyDescribedOp(::mlir::cast<::zorse::ir::DescribedOpInterface>($_op));
  }];
}

#endif // ZORSE_DIALECT_ZORSE_ZORSEINTERFACES_TD
