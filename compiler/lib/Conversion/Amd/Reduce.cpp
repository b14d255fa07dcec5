//===- Reduce.cpp - along lanes and waves ---------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"

#include <limits>

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;
using tile::ReduceKind;

Value KernelEmitter::combine(ReduceKind kind, Value a, Value c) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(a.getType()));
  switch (kind) {
  case ReduceKind::Add:
    return isFloat ? arith::AddFOp::create(b, a, c).getResult() : arith::AddIOp::create(b, a, c);
  case ReduceKind::Max:
    return isFloat ? arith::MaxNumFOp::create(b, a, c).getResult()
                   : arith::MaxSIOp::create(b, a, c);
  case ReduceKind::Min:
    return isFloat ? arith::MinNumFOp::create(b, a, c).getResult()
                   : arith::MinSIOp::create(b, a, c);
  }
  llvm_unreachable("all kinds are named above");
}

Value KernelEmitter::neutral(ReduceKind kind, Type type) {
  if (isa<FloatType>(type)) {
    double infinity = std::numeric_limits<double>::infinity();
    double number = kind == ReduceKind::Add ? 0 : kind == ReduceKind::Max ? -infinity : infinity;
    return arith::ConstantOp::create(b, b.getFloatAttr(type, number));
  }
  int64_t number = kind == ReduceKind::Add   ? 0
                   : kind == ReduceKind::Max ? std::numeric_limits<int32_t>::min()
                                             : std::numeric_limits<int32_t>::max();
  return i32(number);
}

/// The value of lane ^ mask. `lowerBitsAgree`: lanes that differ in bits below the mask hold the
/// same value, which allows mirrored reads.
Value KernelEmitter::fromLaneXor(Value value, int64_t mask, bool lowerBitsAgree) {
  constexpr uint32_t quadSwapPairs = 0xb1, quadSwapHalves = 0x4e; // [1,0,3,2] and [2,3,0,1]
  constexpr uint32_t rowRotate8 = 0x128, rowHalfMirror = 0x141;
  auto dpp = [&](uint32_t control) -> Value {
    return ROCDL::DPPUpdateOp::create(b, value.getType(), value, value, control, 0xf, 0xf, true);
  };
  switch (mask) {
  case 1:
    return dpp(quadSwapPairs);
  case 2:
    return dpp(quadSwapHalves);
  case 4:
    if (lowerBitsAgree)
      return dpp(rowHalfMirror);
    break;
  case 8:
    return dpp(rowRotate8);
  }
  Value bits = bitcast(value, b.getI32Type());
  if (mask < 32)
    bits = ROCDL::DsSwizzleOp::create(b, b.getI32Type(), bits, i32(mask << 10 | 0x1f));
  else
    bits = ROCDL::DsBpermuteOp::create(b, b.getI32Type(),
                                       times(arith::XOrIOp::create(b, lane, i32(mask)), 4), bits);
  return bitcast(bits, value.getType());
}

void KernelEmitter::emitReduce(tile::ReduceOp op) {
  ReduceKind kind = op.getKind();
  unsigned dim = op.getDim();
  const Layout &layout = plan.layoutOf(op.getValue());
  const DimLayout &reduced = layout.dims[dim], &kept = layout.dims[1 - dim];
  const Registers &values = registersOf(op.getValue());
  Type element = getElementTypeOrSelf(op.getValue().getType());

  Value place = placeOf(reduced);
  Registers results;
  for (int64_t keep = 0; keep < kept.reps; ++keep) {
    Value sum;
    for (int64_t rep = 0; rep < reduced.reps; ++rep) {
      if (rep * reduced.repStride >= reduced.extent)
        continue;
      SmallVector<int64_t, 2> reps(2);
      reps[dim] = rep, reps[1 - dim] = keep;
      Value value = values[layout.registerOf(reps)];
      if (reduced.padded(rep)) {
        SmallVector<Value> parts;
        Value other = neutral(kind, element);
        for (int64_t i = 0; i < lengthOf(value); ++i) {
          Value valid = inside(reduced, place, rep, reduced.vec > 1 ? i : 0, i32(reduced.extent));
          parts.push_back(arith::SelectOp::create(b, valid, extract(value, i), other));
        }
        value = build(parts);
      }
      sum = sum ? combine(kind, sum, value) : value;
    }
    // Halve the vector until one element is left.
    for (int64_t length = reduced.vec; length > 1; length /= 2)
      sum = combine(kind, slice(sum, 0, length / 2), slice(sum, length / 2, length / 2));
    SmallVector<Value> parts;
    for (int64_t i = 0; i < lengthOf(sum); ++i) {
      Value part = extract(sum, i);
      for (int64_t mask = reduced.laneDiv; mask < reduced.laneDiv * reduced.lanes; mask *= 2)
        part = combine(kind, part, fromLaneXor(part, mask, reduced.laneDiv == 1));
      parts.push_back(part);
    }
    results.push_back(build(parts));
  }

  Layout slice = layout.slice(1 - dim);
  if (std::optional<LdsRange> scratch = plan.reduceScratch(op))
    results = acrossWaves(kind, results, slice, reduced, *scratch);
  if (std::optional<LdsRange> scratch = plan.convertScratch(op))
    results = convertVector(results, slice, plan.layoutOf(op.getResult()), *scratch);
  tiles[op.getResult()] = results;
}

/// Each wave writes its part of the result to a line of its own, and all read all lines.
KernelEmitter::Registers KernelEmitter::acrossWaves(ReduceKind kind, Registers registers,
                                                    const Layout &result, const DimLayout &reduced,
                                                    LdsRange scratch) {
  const DimLayout &kept = result.dims[0];
  DimLayout line = reduced;
  line.waveStride = 1;
  Value place = placeOf(kept), lineStart = times(wavePart(line), kept.extent);
  Type element = getElementTypeOrSelf(registers[0].getType());

  beforeLdsWrite(scratch);
  // Lanes that hold copies write the same value; one of them is enough. Waves that hold copies
  // differ in the line.
  Layout lanesOnly = result;
  Value owner;
  if (int64_t bits = lanesOnly.freeLaneBits())
    owner = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                  arith::AndIOp::create(b, lane, i32(bits)), i32(0));
  auto forEach = [&](auto body) {
    for (int64_t rep = 0; rep < kept.reps; ++rep)
      for (int64_t i = 0; i < kept.vec; ++i)
        if (rep * kept.repStride + i < kept.extent)
          body(rep, i);
  };
  forEach([&](int64_t rep, int64_t i) {
    Value condition = owner;
    if (kept.padded(rep))
      condition = all(condition, inside(kept, place, rep, i, i32(kept.extent)));
    auto store = [&] {
      Value pointer = ldsPointer(times(add(lineStart, place), 4),
                                 scratch.begin + (rep * kept.repStride + i) * 4);
      LLVM::StoreOp::create(b, extract(registers[rep], i), pointer, 4);
    };
    if (!condition)
      return store();
    auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    store();
  });

  beforeLdsReads(scratch);
  Registers out;
  for (int64_t rep = 0; rep < kept.reps; ++rep) {
    SmallVector<Value> parts;
    for (int64_t i = 0; i < kept.vec; ++i) {
      Value at = plus(place, rep * kept.repStride + i), sum;
      if (kept.padded(rep))
        at = arith::MinSIOp::create(b, at, i32(kept.extent - 1));
      for (int64_t w = 0; w < reduced.waves; ++w) {
        Value pointer = ldsPointer(times(at, 4), scratch.begin + w * kept.extent * 4);
        Value part = LLVM::LoadOp::create(b, element, pointer, 4);
        sum = sum ? combine(kind, sum, part) : part;
      }
      parts.push_back(sum);
    }
    out.push_back(build(parts));
  }
  return out;
}

void KernelEmitter::emitBroadcast(tile::BroadcastOp op) {
  unsigned dim = op.getDim();
  const Layout &layout = plan.layoutOf(op.getResult());
  Registers vector = registersOf(op.getValue());
  if (std::optional<LdsRange> scratch = plan.convertScratch(op))
    vector = convertVector(vector, plan.layoutOf(op.getValue()), layout.slice(dim), *scratch);
  Registers out;
  for (int64_t reg = 0; reg < layout.registers(); ++reg) {
    Value value = vector[layout.repsOf(reg)[dim]];
    out.push_back(layout.dims[dim].vec > 1 ? value : splat(value, layout.vec()));
  }
  tiles[op.getResult()] = out;
}
