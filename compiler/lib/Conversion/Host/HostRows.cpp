//===- HostRows.cpp - matrices that are read row by row -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A matrix with several readers would be a buffer. If all of them are stores and
// sums along its rows, a row is computed, read by all and forgotten before the next
// one begins: memory flows in one stream instead of in bursts, and a row of a few
// vectors stays in registers. Its readers are emitted together, where the last of
// them stands, so nothing between the first and the last may change what they read.
//
//===----------------------------------------------------------------------===//

#include "HostEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace zorse::host {

/// Collects the stores and row sums behind `tile`, directly or through formulas; false if anything
/// else reads it.
bool HostEmitter::collectRowReaders(Value tile, Block *block,
                                    SmallVectorImpl<Operation *> &readers) const {
  for (Operation *user : tile.getUsers()) {
    if (user->getBlock() != block)
      return false;
    if (isa<tile::StoreOp>(user)) {
      readers.push_back(user);
      continue;
    }
    if (auto reduce = dyn_cast<tile::ReduceOp>(user)) {
      if (reduce.getDim() != 1)
        return false;
      readers.push_back(user);
      continue;
    }
    if (user->getNumResults() != 1 || !user->hasTrait<OpTrait::Elementwise>() ||
        needsBuffer(user) || !collectRowReaders(user->getResult(0), block, readers))
      return false;
  }
  return true;
}

/// One value, or two equal numbers.
static bool sameIndex(Value a, Value c) {
  APInt left, right;
  return a == c || (matchPattern(a, m_ConstantInt(&left)) &&
                    matchPattern(c, m_ConstantInt(&right)) && left == right);
}

/// Whether evaluating an element of `tile` reads memory that `store` writes at another element.
static bool readsElsewhere(Value tile, tile::StoreOp store,
                           const DenseMap<Value, TileBuffer> &buffers, bool repeated = false) {
  Operation *op = tile.getDefiningOp();
  if (!op || buffers.contains(tile))
    return false;
  if (auto load = dyn_cast<tile::LoadOp>(op)) {
    if (load.getBuffer() != store.getBuffer())
      return false;
    return repeated || !sameIndex(load.getOffset(), store.getOffset()) ||
           !llvm::all_of_zip(load.getStrides(), store.getStrides(), sameIndex);
  }
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    return isa<RankedTensorType>(operand.getType()) &&
           readsElsewhere(operand, store, buffers, repeated || isa<tile::BroadcastOp>(op));
  });
}

bool HostEmitter::startRows(Operation *op) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (rows || type.getRank() != 2 || type.getDimSize(0) == 1 ||
      !op->hasTrait<OpTrait::Elementwise>())
    return false;
  RowGroup group{op, {}};
  if (!collectRowReaders(op->getResult(0), op->getBlock(), group.readers) || group.readers.empty())
    return false;
  llvm::sort(group.readers, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  group.readers.erase(llvm::unique(group.readers), group.readers.end());

  SmallVector<tile::StoreOp> stores;
  for (Operation *reader : group.readers)
    if (auto store = dyn_cast<tile::StoreOp>(reader))
      stores.push_back(store);
  for (tile::StoreOp store : stores)
    for (Operation *reader : group.readers)
      if (readsElsewhere(reader->getOperand(0), store, buffers))
        return false;
  auto written = [&](Value buffer) {
    return llvm::any_of(stores, [&](tile::StoreOp store) { return store.getBuffer() == buffer; });
  };
  for (Operation *next = op; next != group.readers.back();) {
    next = next->getNextNode();
    // What is emitted in between could overwrite what the readers are still to read.
    bool isTile = next->getNumResults() == 1 && isa<RankedTensorType>(next->getResult(0).getType());
    if (!llvm::is_contained(group.readers, next) &&
        (next->getNumRegions() != 0 || isa<tile::StoreOp>(next) || (isTile && needsBuffer(next)) ||
         isa<tile::DotOp, tile::ReduceOp, tile::StageOp>(next)))
      return false;
    if (auto load = dyn_cast<tile::LoadOp>(next); load && written(load.getBuffer()))
      return false;
    if (auto load = dyn_cast<memref::LoadOp>(next); load && written(load.getMemRef()))
      return false;
    // A sum is there after the last row only.
    if (llvm::any_of(next->getOperands(), [&](Value operand) {
          auto sum = operand.getDefiningOp<tile::ReduceOp>();
          return sum && llvm::is_contained(group.readers, sum.getOperation());
        }))
      return false;
  }
  rows = std::move(group);
  return true;
}

bool HostEmitter::takeIntoRows(Operation *op) {
  if (!rows || !llvm::is_contained(rows->readers, op))
    return false;
  if (op != rows->readers.back())
    return true;
  RowGroup group = std::move(*rows);
  rows.reset();
  emitRows(group);
  return true;
}

/// Asks for what the loads behind `tile` will read so many bytes further on, where they say so.
void HostEmitter::prefetchRow(Value tile, Value row) {
  Operation *op = tile.getDefiningOp();
  if (!op || buffers.contains(tile) || isa<tile::BroadcastOp>(op))
    return;
  auto load = dyn_cast<tile::LoadOp>(op);
  if (!load) {
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        prefetchRow(operand, row);
    return;
  }
  int64_t ahead = load.getPrefetch().value_or(0);
  if (ahead == 0)
    return;
  Type element = cast<RankedTensorType>(load.getResult().getType()).getElementType();
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value offset =
      arith::AddIOp::create(b, scalarOf(load.getOffset()),
                            arith::MulIOp::create(b, row, scalarOf(load.getStrides().front())));
  Value wide = arith::IndexCastOp::create(b, b.getI64Type(), offset);
  Value at = LLVM::GEPOp::create(b, pointer, element, scalarOf(load.getBuffer()),
                                 ArrayRef<LLVM::GEPArg>{wide});
  int64_t bytes = extentOf(tile).columns * element.getIntOrFloatBitWidth() / 8;
  for (int64_t byte = 0; byte < bytes; byte += 64) {
    Value next = LLVM::GEPOp::create(b, pointer, b.getI8Type(), at,
                                     ArrayRef<LLVM::GEPArg>{int32_t(ahead + byte)});
    LLVM::Prefetch::create(b, next, /*rw=*/0, /*hint=*/3, /*cache=*/1);
  }
}

void HostEmitter::emitRows(const RowGroup &group) {
  Value matrix = group.maker->getResult(0);
  Extent extent = extentOf(matrix);
  // One line for all rows.
  TileBuffer line =
      allocate(1, extent.columns, cast<RankedTensorType>(matrix.getType()).getElementType());
  line.rowStride = 0;
  DenseMap<Operation *, TileBuffer> sums;
  DenseMap<Operation *, Value> limits;
  for (Operation *reader : group.readers) {
    if (auto store = dyn_cast<tile::StoreOp>(reader))
      limits[reader] = rowLimitOf(store);
    else
      sums[reader] = allocate(
          1, extent.rows, cast<RankedTensorType>(reader->getResult(0).getType()).getElementType());
  }
  forRows(index(extent.rows), [&](Value row) {
    prefetchRow(matrix, row);
    forLine(extent.columns, [&](Value column, int64_t width) {
      storeVector(evaluate(matrix, row, column, width), address(line, Value(), column));
    });
    buffers[matrix] = line;
    for (Operation *reader : group.readers) {
      if (auto reduce = dyn_cast<tile::ReduceOp>(reader)) {
        storeVector(reduceRow(reduce, row), address(sums[reader], Value(), row));
        continue;
      }
      auto store = cast<tile::StoreOp>(reader);
      if (!limits[reader]) {
        storeRow(store, row);
        continue;
      }
      Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, row, limits[reader]);
      auto branch = scf::IfOp::create(b, inside, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(branch.thenBlock()->getTerminator());
      storeRow(store, row);
    }
    buffers.erase(matrix);
  });
  for (auto &[reduce, sum] : sums)
    buffers[reduce->getResult(0)] = sum;
}

} // namespace zorse::host
