//===- Dot.cpp - products on the matrix units -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sum does not care in which order k runs, as long as both operands agree. So
// a lane takes 16 consecutive bytes of its row at a time (one LDS read), and an
// instruction after the other takes its share of them: over a block of
// 4 * chunk values of k, lane l holds k = chunk * (l / 16) + [0, chunk).
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;

static zorse::DType dtypeOf(Type element) {
  return element.isF32()   ? zorse::DType::F32
         : element.isF16() ? zorse::DType::F16
                           : zorse::DType::BF16;
}

Value KernelEmitter::loadFragment(const DotOperand &operand, const DimLayout &rows, int64_t rep,
                                  int64_t k, int64_t chunk, Type element) {
  const StagedForm &form = *operand.staged;
  int64_t each = form.elementBytes;
  int64_t padded = operand.gathered ? form.kPadded() : form.rowsPadded();
  Value row = plus(wavePart(rows), rep * rows.repStride);
  if (rows.last(rep) >= padded) // a block that only fills up the wave grid
    row = arith::MinSIOp::create(b, row, i32(padded - 16));
  row = add(row, lanePart(rows));
  Value along = lanePart(DimLayout{.lanes = 4, .laneDiv = 16, .laneStride = chunk});
  if (!operand.gathered) {
    Value offset = add(times(row, form.lineBytes()), times(along, each));
    return LLVM::LoadOp::create(b, registerType(element, chunk),
                                ldsPointer(offset, form.range.begin + k * each),
                                std::min(chunk * each, form.alignment()));
  }
  Value offset = add(times(along, form.lineBytes()), times(row, each));
  SmallVector<Value> parts;
  for (int64_t i = 0; i < chunk; ++i)
    parts.push_back(LLVM::LoadOp::create(
        b, element, ldsPointer(offset, form.range.begin + (k + i) * form.lineBytes()), each));
  return build(parts);
}

/// acc + the product of two fragments of equal chunk. B goes in first, so that the result has the
/// columns in its rows' place (see accumulatorLayout).
Value KernelEmitter::multiplyAdd(Value fragmentB, Value fragmentA, Value acc, Type element) {
  int64_t chunk = lengthOf(fragmentA);
  Value zero = i32(0);
  // The deepest instruction that the fragment fills: each lane gives a quarter of its k.
  int64_t share = 0;
  for (const MatrixShape &shape : target.matrixShapes)
    if (shape.input == dtypeOf(element) && shape.m == 16 && shape.n == 16 && shape.k / 4 <= chunk)
      share = std::max<int64_t>(share, shape.k / 4);
  auto part = [&](Value fragment, int64_t from) {
    Value data = slice(fragment, from, share);
    // The older bf16 instructions are declared on integers.
    if (element.isBF16() && share == 4)
      data = bitcast(data, VectorType::get({4}, b.getI16Type()));
    return data;
  };
  for (int64_t from = 0; from < chunk; from += share) {
    SmallVector<Value> args = {part(fragmentB, from), part(fragmentA, from), acc, zero, zero, zero};
    if (element.isF32())
      acc = ROCDL::mfma_f32_16x16x4f32::create(b, acc.getType(), args);
    else if (element.isF16() && share == 8)
      acc = ROCDL::mfma_f32_16x16x32_f16::create(b, acc.getType(), args);
    else if (element.isF16())
      acc = ROCDL::mfma_f32_16x16x16f16::create(b, acc.getType(), args);
    else if (share == 8)
      acc = ROCDL::mfma_f32_16x16x32_bf16::create(b, acc.getType(), args);
    else
      acc = ROCDL::mfma_f32_16x16x16bf16_1k::create(b, acc.getType(), args);
  }
  return acc;
}

void KernelEmitter::emitDot(tile::DotOp op) {
  const DotPlan &product = plan.dot(op);
  auto aType = cast<RankedTensorType>(op.getA().getType());
  Type element = aType.getElementType();
  int64_t m = aType.getDimSize(0), k = aType.getDimSize(1);
  int64_t n = cast<RankedTensorType>(op.getResult().getType()).getDimSize(1);
  int64_t widest = element.isF32() ? 4 : 8;

  SmallVector<LdsRange, 2> read;
  for (const DotOperand *operand : {&product.a, &product.b})
    if (operand->staged)
      read.push_back(operand->staged->range);
  beforeLdsReads(read);

  Layout aLayout = operandLayout(m, k, widest, false, 1, product.grid);
  Layout bLayout = operandLayout(n, k, widest, true, 1, product.grid);
  unsigned bKDim = op.getTransposeB() ? 1 : 0;
  auto fragment = [&](const DotOperand &operand, const DimLayout &rows, unsigned kDim, int64_t rep,
                      int64_t at, int64_t chunk) {
    if (operand.staged)
      return loadFragment(operand, rows, rep, at, chunk, element);
    const Layout &layout = plan.layoutOf(operand.inRegisters);
    SmallVector<int64_t, 2> reps(2, at / (4 * chunk));
    reps[1 - kDim] = rep;
    return registersOf(operand.inRegisters)[layout.registerOf(reps)];
  };

  Registers acc = registersOf(op.getAccumulator());
  int64_t depth = (k + 15) / 16 * 16;
  for (int64_t at = 0; at < depth;) {
    int64_t chunk = product.chunk ? product.chunk : depth - at >= 4 * widest ? widest : 4;
    SmallVector<Value> bParts;
    for (int64_t column = 0; column < bLayout.dims[0].reps; ++column)
      bParts.push_back(fragment(product.b, bLayout.dims[0], bKDim, column, at, chunk));
    for (int64_t row = 0; row < aLayout.dims[0].reps; ++row) {
      Value aPart = fragment(product.a, aLayout.dims[0], 1, row, at, chunk);
      for (auto [column, bPart] : llvm::enumerate(bParts)) {
        Value &sum = acc[row * bParts.size() + column];
        sum = multiplyAdd(bPart, aPart, sum, element);
      }
    }
    at += 4 * chunk;
  }
  tiles[op.getResult()] = acc;
}
