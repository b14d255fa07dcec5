//===- Staging.cpp - tiles through LDS ------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"

#include <numeric>

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;

void KernelEmitter::barrier() {
  LLVM::FenceOp::create(b, LLVM::AtomicOrdering::release, "workgroup");
  ROCDL::SBarrierOp::create(b);
  LLVM::FenceOp::create(b, LLVM::AtomicOrdering::acquire, "workgroup");
  hazards.clear();
}

void KernelEmitter::beforeLdsWrite(LdsRange range) {
  if (hazards.writeNeedsBarrier(range))
    barrier();
  hazards.write(range);
}

// One barrier before all of them: a barrier forgets what was read before it, and these reads come
// after it.
void KernelEmitter::beforeLdsReads(ArrayRef<LdsRange> ranges) {
  if (llvm::any_of(ranges, [&](LdsRange range) { return hazards.readNeedsBarrier(range); }))
    barrier();
  for (LdsRange range : ranges)
    hazards.read(range);
}

Value KernelEmitter::ldsPointer(Value byteOffset, int64_t constantBytes) {
  return LLVM::GEPOp::create(b, ldsBase.getType(), b.getI8Type(), ldsBase,
                             ArrayRef<LLVM::GEPArg>{plus(byteOffset, constantBytes)});
}

/// Runs `body` under a condition; null means always.
static void when(ImplicitLocOpBuilder &b, Value condition, function_ref<void()> body) {
  if (!condition)
    return body();
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
}

void KernelEmitter::emitStage(tile::StageOp op) {
  // A stage that all its products read from registers leaves nothing to do.
  for (const auto &form : plan.formsOf(op)) {
    beforeLdsWrite(form->range);
    storeForm(*form, plan.layoutOf(op.getValue()), registersOf(op.getValue()));
    zeroPadding(*form);
  }
}

/// How many registers, neighbours along K, may be written to a line together.
static int64_t groupAlongK(const DimLayout &k) {
  if (k.repStride != 1)
    return 1;
  int64_t common = std::gcd(std::gcd(k.reps, k.extent), std::gcd(k.laneStride, k.waveStride));
  return std::min<int64_t>(4, common & -common);
}

void KernelEmitter::storeForm(const StagedForm &form, const Layout &layout,
                              const Registers &registers) {
  unsigned kDim = form.kDim, rowDim = 1 - kDim;
  const DimLayout &k = layout.dims[kDim], &rows = layout.dims[rowDim];
  bool alongK = k.vec > 1;
  // The last register of a line that ends inside a vector is written element by element.
  int64_t vecPiece = alongK && k.extent % k.vec == 0 ? k.vec : 1;
  int64_t group = alongK ? 1 : groupAlongK(k);
  Value rowPlace = placeOf(rows), kPlace = placeOf(k);
  Value start = add(times(rowPlace, form.lineBytes()), times(kPlace, form.elementBytes));

  auto store = [&](int64_t rowRep, int64_t rowElement, int64_t kRep, int64_t kElement, Value data) {
    Value condition;
    if (rows.padded(rowRep))
      condition = all(condition, inside(rows, rowPlace, rowRep, rowElement, i32(rows.extent)));
    if (k.padded(kRep))
      condition = all(condition, inside(k, kPlace, kRep, kElement, i32(k.extent)));
    int64_t constant = (rowRep * rows.repStride + rowElement) * form.lineBytes() +
                       (kRep * k.repStride + kElement) * form.elementBytes + form.range.begin;
    int64_t bytes = lengthOf(data) * form.elementBytes;
    when(b, condition, [&] {
      LLVM::StoreOp::create(b, data, ldsPointer(start, constant),
                            std::min(bytes, form.alignment()));
    });
  };
  auto registerAt = [&](int64_t rowRep, int64_t kRep) {
    SmallVector<int64_t, 2> reps(2);
    reps[rowDim] = rowRep, reps[kDim] = kRep;
    return registers[layout.registerOf(reps)];
  };

  for (int64_t rowRep = 0; rowRep < rows.reps; ++rowRep)
    for (int64_t kRep = 0; kRep < k.reps; kRep += group) {
      if (rowRep * rows.repStride >= rows.extent || kRep * k.repStride >= k.extent)
        continue;
      if (alongK) {
        for (int64_t at = 0; at < k.vec; at += vecPiece)
          store(rowRep, 0, kRep, at, slice(registerAt(rowRep, kRep), at, vecPiece));
        continue;
      }
      for (int64_t element = 0; element < rows.vec; ++element) {
        SmallVector<Value> parts;
        for (int64_t i = 0; i < group; ++i)
          parts.push_back(extract(registerAt(rowRep, kRep + i), element));
        store(rowRep, element, kRep, 0, build(parts));
      }
    }
}

void KernelEmitter::zeroPadding(const StagedForm &form) {
  // The right margin of the rows, then the rows below.
  struct Area {
    int64_t row, column, rows, columns;
  };
  int64_t k = form.k, kPadded = form.kPadded();
  for (Area area : {Area{0, k, form.rows, kPadded - k},
                    Area{form.rows, 0, form.rowsPadded() - form.rows, kPadded}}) {
    if (area.rows == 0 || area.columns == 0)
      continue;
    int64_t piece = std::gcd<int64_t>(std::gcd(area.column, area.columns), 16 / form.elementBytes);
    int64_t perRow = area.columns / piece, total = area.rows * perRow;
    int64_t threads = plan.waves * waveSize;
    Value zero = arith::ConstantOp::create(
        b, cast<TypedAttr>(
               b.getZeroAttr(registerType(b.getIntegerType(form.elementBytes * 8), piece))));
    Value thread = add(times(wave, waveSize), lane);
    for (int64_t first = 0; first < total; first += threads) {
      Value index = plus(thread, first);
      Value condition;
      if (first + threads > total)
        condition = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, i32(total));
      Value row = index, column = i32(0);
      if (perRow > 1) {
        row = arith::DivUIOp::create(b, index, i32(perRow));
        column = arith::RemUIOp::create(b, index, i32(perRow));
      }
      Value offset = add(times(row, form.lineBytes()), times(column, piece * form.elementBytes));
      when(b, condition, [&] {
        int64_t constant =
            form.range.begin + area.row * form.lineBytes() + area.column * form.elementBytes;
        LLVM::StoreOp::create(b, zero, ldsPointer(offset, constant),
                              std::min(piece * form.elementBytes, form.alignment()));
      });
    }
  }
}

KernelEmitter::Registers KernelEmitter::convertVector(const Registers &registers,
                                                      const Layout &from, const Layout &to,
                                                      LdsRange scratch) {
  Type element = getElementTypeOrSelf(registers[0].getType());
  bool isBit = element.isInteger(1);
  Type stored = isBit ? Type(b.getI32Type()) : element;
  int64_t bytes = stored.getIntOrFloatBitWidth() / 8;
  const DimLayout &source = from.dims[0], &result = to.dims[0];

  beforeLdsWrite(scratch);
  Value place = placeOf(source), owner = ownerOf(from);
  for (int64_t rep = 0; rep < source.reps; ++rep)
    for (int64_t i = 0; i < source.vec; ++i) {
      if (rep * source.repStride + i >= source.extent)
        continue;
      Value condition = owner;
      if (source.padded(rep))
        condition = all(condition, inside(source, place, rep, i, this->i32(source.extent)));
      when(b, condition, [&] {
        Value data = extract(registers[rep], i);
        if (isBit)
          data = arith::ExtUIOp::create(b, stored, data);
        LLVM::StoreOp::create(
            b, data,
            ldsPointer(times(place, bytes), scratch.begin + (rep * source.repStride + i) * bytes),
            bytes);
      });
    }

  beforeLdsReads(scratch);
  place = placeOf(result);
  Registers out;
  for (int64_t rep = 0; rep < result.reps; ++rep) {
    SmallVector<Value> parts;
    for (int64_t i = 0; i < result.vec; ++i) {
      Value at = plus(place, rep * result.repStride + i);
      if (result.padded(rep)) // any element will do outside the tile
        at = arith::MinSIOp::create(b, at, i32(result.extent - 1));
      Value data =
          LLVM::LoadOp::create(b, stored, ldsPointer(times(at, bytes), scratch.begin), bytes);
      if (isBit)
        data = arith::TruncIOp::create(b, element, data);
      parts.push_back(data);
    }
    out.push_back(build(parts));
  }
  return out;
}
