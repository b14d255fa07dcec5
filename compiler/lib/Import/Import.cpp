//===- Import.cpp - op descriptions to the zorse dialect ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Import.h"

#include "zorse/Dialect/Zorse/Zorse.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace zorse {

/// The op itself, made from its name so that a new kind needs no change here.
static void createOp(OpBuilder &builder, Location location, const OpDesc &op,
                     const KernelConfig &config, ArrayRef<Value> inputs, ArrayRef<Value> outputs) {
  MLIRContext &context = *builder.getContext();
  OperationState state(location, "zorse." + op.kind());
  state.addOperands(inputs);
  state.addOperands(outputs);
  state.addAttribute("operandSegmentSizes",
                     builder.getDenseI32ArrayAttr({static_cast<int32_t>(inputs.size()),
                                                   static_cast<int32_t>(outputs.size())}));
  state.addAttribute("fields", ir::fieldsOf(op, context));
  state.addAttribute("config", ir::ConfigAttr::get(&context, config.text()));
  builder.create(state);
}

OwningOpRef<ModuleOp> importOp(MLIRContext &context, const OpDesc &op, const KernelConfig &config) {
  context.loadDialect<ir::ZorseDialect, func::FuncDialect>();
  OpBuilder builder(&context);
  Location location = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(location);
  builder.setInsertionPointToEnd(module->getBody());

  std::vector<const OperandSpec *> operands = op.operands();
  SmallVector<Type> types;
  for (const OperandSpec *operand : operands)
    types.push_back(ir::operandType(op, *operand, context));
  types.append(op.sizes().size(), builder.getIndexType());
  auto function = func::FuncOp::create(builder, location, op.kind(),
                                       builder.getFunctionType(types, TypeRange()));

  Block *body = function.addEntryBlock();
  SmallVector<Value> inputs, outputs;
  for (auto [argument, operand] : llvm::zip(body->getArguments(), operands)) {
    argument.setLoc(NameLoc::get(builder.getStringAttr(operand->name)));
    (operand->role == OperandSpec::Role::In ? inputs : outputs).push_back(argument);
  }
  for (auto [argument, size] :
       llvm::zip(body->getArguments().drop_front(operands.size()), op.sizes()))
    argument.setLoc(NameLoc::get(builder.getStringAttr(size->name)));
  builder.setInsertionPointToEnd(body);
  createOp(builder, location, op, config, inputs, outputs);
  func::ReturnOp::create(builder, location);
  return module;
}

} // namespace zorse
