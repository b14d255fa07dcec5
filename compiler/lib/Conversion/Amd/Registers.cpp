//===- Registers.cpp - small arithmetic of a lane -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;

Value KernelEmitter::i32(int64_t number) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(number)));
}
Value KernelEmitter::i64(int64_t number) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(number));
}
Value KernelEmitter::add(Value a, Value c) { return b.createOrFold<arith::AddIOp>(a, c); }
Value KernelEmitter::mul(Value a, Value c) { return b.createOrFold<arith::MulIOp>(a, c); }
Value KernelEmitter::times(Value a, int64_t number) {
  return mul(a, a.getType().isInteger(64) ? i64(number) : i32(number));
}
Value KernelEmitter::plus(Value a, int64_t number) {
  return number == 0 ? a : add(a, a.getType().isInteger(64) ? i64(number) : i32(number));
}

Value KernelEmitter::all(Value a, Value c) {
  return !a ? c : !c ? a : b.createOrFold<arith::AndIOp>(a, c);
}

Value KernelEmitter::lanePart(const DimLayout &dim) {
  if (dim.lanes == 1)
    return i32(0);
  Value part = lane;
  if (dim.laneDiv > 1)
    part = arith::ShRUIOp::create(b, part, i32(llvm::Log2_64(dim.laneDiv)));
  if (dim.laneDiv * dim.lanes < waveSize)
    part = arith::AndIOp::create(b, part, i32(dim.lanes - 1));
  return times(part, dim.laneStride);
}

Value KernelEmitter::wavePart(const DimLayout &dim) {
  if (dim.waves == 1)
    return i32(0);
  Value part = wave;
  if (dim.waveDiv > 1)
    part = arith::ShRUIOp::create(b, part, i32(llvm::Log2_64(dim.waveDiv)));
  if (dim.waveDiv * dim.waves < plan.waves)
    part = arith::AndIOp::create(b, part, i32(dim.waves - 1));
  return times(part, dim.waveStride);
}

Value KernelEmitter::placeOf(const DimLayout &dim) { return add(wavePart(dim), lanePart(dim)); }

Value KernelEmitter::inside(const DimLayout &dim, Value place, int64_t rep, int64_t element,
                            Value bound) {
  // The bound is the same for all lanes, so the sum is cheaper on its side.
  Value limit = plus(bound, -(rep * dim.repStride + element));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, place, limit);
}

Value KernelEmitter::ownerOf(const Layout &layout) {
  auto zero = [&](Value number, int64_t bits) -> Value {
    if (bits == 0)
      return {};
    Value masked = arith::AndIOp::create(b, number, i32(bits));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, masked, i32(0));
  };
  return all(zero(wave, layout.freeWaveBits(plan.waves)), zero(lane, layout.freeLaneBits()));
}

Type KernelEmitter::registerType(Type element, int64_t vec) {
  return vec == 1 ? element : VectorType::get({vec}, element);
}

int64_t KernelEmitter::lengthOf(Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? vector.getNumElements() : 1;
}

Value KernelEmitter::extract(Value vector, int64_t index) {
  if (!isa<VectorType>(vector.getType()))
    return vector;
  return LLVM::ExtractElementOp::create(b, vector, i32(index));
}

Value KernelEmitter::slice(Value vector, int64_t from, int64_t count) {
  if (count == lengthOf(vector))
    return vector;
  if (count == 1)
    return extract(vector, from);
  SmallVector<int32_t> mask;
  for (int64_t i = 0; i < count; ++i)
    mask.push_back(int32_t(from + i));
  return LLVM::ShuffleVectorOp::create(b, vector, vector, mask);
}

Value KernelEmitter::build(ArrayRef<Value> parts) {
  if (parts.size() == 1)
    return parts[0];
  int64_t length = 0;
  for (Value part : parts)
    length += lengthOf(part);
  Type element = getElementTypeOrSelf(parts[0].getType());
  Value result = LLVM::PoisonOp::create(b, VectorType::get({length}, element));
  int64_t at = 0;
  for (Value part : parts)
    for (int64_t i = 0, count = lengthOf(part); i < count; ++i)
      result = LLVM::InsertElementOp::create(b, result, extract(part, i), i32(at++));
  return result;
}

Value KernelEmitter::splat(Value scalar, int64_t count) {
  if (count == 1)
    return scalar;
  Value poison = LLVM::PoisonOp::create(b, VectorType::get({count}, scalar.getType()));
  Value first = LLVM::InsertElementOp::create(b, poison, scalar, i32(0));
  return LLVM::ShuffleVectorOp::create(b, first, poison, SmallVector<int32_t>(count, 0));
}

Value KernelEmitter::bitcast(Value value, Type type) {
  return value.getType() == type ? value : LLVM::BitcastOp::create(b, type, value).getResult();
}
