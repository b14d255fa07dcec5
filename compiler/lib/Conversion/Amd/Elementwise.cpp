//===- Elementwise.cpp - numbers, one by one ------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <numbers>

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;

Value KernelEmitter::perElement(Value value, function_ref<Value(Value)> function) {
  SmallVector<Value> parts;
  for (int64_t i = 0; i < lengthOf(value); ++i)
    parts.push_back(function(extract(value, i)));
  return build(parts);
}

Value KernelEmitter::intrinsic(StringRef name, Type type, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(name), operands).getResult(0);
}

/// One op on the registers of a lane; also what becomes of an op on scalars. Transcendental
/// functions are single instructions with an error of about one unit in the last place, well below
/// that of the sums around them.
FailureOr<Value> KernelEmitter::emitScalarOp(Operation *op, ArrayRef<Value> operands, Type type) {
  Type f32 = b.getF32Type();
  auto constant = [&](double number) -> Value {
    return arith::ConstantOp::create(b, b.getFloatAttr(f32, number));
  };
  auto exp2 = [&](Value x) -> Value { return ROCDL::ROCDLExp2::create(b, f32, x); };
  auto log2 = [&](Value x) -> Value { return ROCDL::ROCDLLog::create(b, f32, x); };
  auto scaled = [&](Value x, double factor) -> Value {
    return arith::MulFOp::create(b, x, constant(factor));
  };
  if (isa<math::MathDialect>(op->getDialect()) && getElementTypeOrSelf(type) == f32) {
    auto apply = [&](auto function) { return perElement(operands[0], function); };
    if (isa<math::ExpOp>(op))
      return apply([&](Value x) { return exp2(scaled(x, std::numbers::log2e)); });
    if (isa<math::Exp2Op>(op))
      return apply(exp2);
    if (isa<math::LogOp>(op))
      return apply([&](Value x) { return scaled(log2(x), std::numbers::ln2); });
    if (isa<math::Log2Op>(op))
      return apply(log2);
    if (isa<math::RsqrtOp>(op))
      return apply([&](Value x) { return intrinsic("llvm.amdgcn.rsq.f32", f32, x); });
    if (isa<math::SqrtOp>(op))
      return apply([&](Value x) { return intrinsic("llvm.amdgcn.sqrt.f32", f32, x); });
    if (isa<math::AbsFOp>(op))
      return LLVM::FAbsOp::create(b, operands[0]).getResult();
    if (isa<math::FmaOp>(op))
      return LLVM::FMAOp::create(b, type, operands[0], operands[1], operands[2]).getResult();
    if (isa<math::FloorOp>(op))
      return LLVM::FFloorOp::create(b, operands[0]).getResult();
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    unsigned from = getElementTypeOrSelf(operands[0].getType()).getIntOrFloatBitWidth();
    unsigned to = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    if (from == to)
      return operands[0];
    if (from > to)
      return b.createOrFold<arith::TruncIOp>(type, operands[0]);
    return isa<arith::IndexCastOp>(op) ? b.createOrFold<arith::ExtSIOp>(type, operands[0])
                                       : b.createOrFold<arith::ExtUIOp>(type, operands[0]);
  }
  if (!isa<arith::ArithDialect>(op->getDialect()))
    return op->emitOpError(
        "expected an op that AMD kernels can be made of: tile, scf, arith, or "
        "one of math.absf, exp, exp2, floor, fma, log, log2, rsqrt, sqrt on f32");

  OperationState state(b.getLoc(), op->getName(), operands, type, op->getAttrs());
  if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(op)) {
    // A product and a sum may become one rounding; a quotient, a product with the reciprocal.
    // Conversions get no such freedom: a program that rounds and widens again means it. LLVM
    // narrows such arithmetic to 16 bits, so what is rounded must not become part of a sum either.
    auto fast = cast<arith::ArithFastMathInterface>(op);
    auto flags = fast.getFastMathFlagsAttr().getValue();
    bool isRounded = isa<arith::MulFOp>(op) && llvm::any_of(op->getUsers(), [](Operation *user) {
                       return isa<arith::TruncFOp>(user);
                     });
    if (!isRounded)
      flags = flags | arith::FastMathFlags::contract;
    if (isa<arith::DivFOp>(op))
      flags = flags | arith::FastMathFlags::arcp | arith::FastMathFlags::afn;
    state.attributes.set(fast.getFastMathAttrName(),
                         arith::FastMathFlagsAttr::get(b.getContext(), flags));
  }
  Operation *created = b.create(state);
  SmallVector<Value> folded;
  if (succeeded(b.tryFold(created, folded)) && folded.size() == 1 && folded[0].getType() == type) {
    created->erase();
    return folded[0];
  }
  return created->getResult(0);
}

static Type withoutIndex(Type type) {
  return isa<IndexType>(type) ? Type(IntegerType::get(type.getContext(), 64)) : type;
}

LogicalResult KernelEmitter::emitElementwise(Operation *op) {
  auto tileType = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!tileType) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(scalars.lookup(operand));
    FailureOr<Value> result = emitScalarOp(op, operands, withoutIndex(op->getResult(0).getType()));
    if (succeeded(result))
      scalars.map(op->getResult(0), *result);
    return result;
  }
  const Layout &layout = plan.layoutOf(op->getResult(0));
  Type type = registerType(tileType.getElementType(), layout.vec());
  Registers out;
  for (int64_t reg = 0; reg < layout.registers(); ++reg) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(isa<RankedTensorType>(operand.getType()) ? registersOf(operand)[reg]
                                                                  : scalars.lookup(operand));
    FailureOr<Value> result = emitScalarOp(op, operands, type);
    if (failed(result))
      return failure();
    out.push_back(*result);
  }
  tiles[op->getResult(0)] = out;
  return success();
}

/// Tiles made of nothing: constants, splats, positions.
LogicalResult KernelEmitter::emitMaker(Operation *op) {
  Value result = op->getResult(0);
  const Layout &layout = plan.layoutOf(result);
  Registers out;
  if (auto splatOp = dyn_cast<tensor::SplatOp>(op)) {
    out.assign(layout.registers(), splat(scalars.lookup(splatOp.getInput()), layout.vec()));
  } else if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto elements = dyn_cast<SplatElementsAttr>(constant.getValue());
    if (!elements)
      return op->emitOpError("expected a tile constant with one value everywhere");
    Type element = elements.getElementType();
    auto number = elements.getSplatValue<TypedAttr>();
    TypedAttr value = layout.vec() == 1
                          ? number
                          : TypedAttr(DenseElementsAttr::get(
                                VectorType::get({layout.vec()}, element), Attribute(number)));
    out.assign(layout.registers(), arith::ConstantOp::create(b, value).getResult());
  } else {
    unsigned dim = cast<tile::IotaOp>(op).getDim();
    const DimLayout &spread = layout.dims[dim];
    Value place = placeOf(spread);
    for (int64_t reg = 0; reg < layout.registers(); ++reg) {
      int64_t first = layout.repsOf(reg)[dim] * spread.repStride;
      SmallVector<Value> parts;
      for (int64_t i = 0; i < spread.vec; ++i)
        parts.push_back(plus(place, first + i));
      out.push_back(spread.vec > 1 ? build(parts) : splat(parts[0], layout.vec()));
    }
  }
  tiles[result] = out;
  return success();
}
