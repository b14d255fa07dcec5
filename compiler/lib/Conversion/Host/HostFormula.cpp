//===- HostFormula.cpp - evaluating tiles, moving them to memory ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace zorse::host {

static std::optional<int64_t> constantIndex(Value value) {
  APInt number;
  if (value && matchPattern(value, m_ConstantInt(&number)))
    return number.getSExtValue();
  return std::nullopt;
}

static Type elementOf(Value tile) {
  return cast<RankedTensorType>(tile.getType()).getElementType();
}

static Type shaped(Type element, int64_t width) {
  return width == 0 ? element : VectorType::get({width}, element);
}

/// 0, 1, 2, … as a vector of i32.
static Value steps(ImplicitLocOpBuilder &b, int64_t width) {
  auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, width));
  auto type = VectorType::get({width}, b.getI32Type());
  return arith::ConstantOp::create(b, DenseIntElementsAttr::get(type, ArrayRef<int32_t>(numbers)));
}

/// Lane i is set if start + i < limit.
static Value lanesBelow(ImplicitLocOpBuilder &b, Value start, Value limit, int64_t width) {
  Value left =
      arith::IndexCastOp::create(b, b.getI32Type(), arith::SubIOp::create(b, limit, start));
  Value spread = vector::BroadcastOp::create(b, VectorType::get({width}, b.getI32Type()), left);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, steps(b, width), spread);
}

/// 0, stride, 2 stride, … as a vector of i64.
static Value stridedLanes(ImplicitLocOpBuilder &b, Value stride, int64_t width) {
  auto type = VectorType::get({width}, b.getI64Type());
  auto numbers = llvm::to_vector(llvm::seq<int64_t>(0, width));
  Value lanes =
      arith::ConstantOp::create(b, DenseIntElementsAttr::get(type, ArrayRef<int64_t>(numbers)));
  Value wide = arith::IndexCastOp::create(b, b.getI64Type(), stride);
  return arith::MulIOp::create(b, lanes, vector::BroadcastOp::create(b, type, wide));
}

Value HostEmitter::evaluate(Value tile, Value row, Value column, int64_t width) {
  if (auto found = buffers.find(tile); found != buffers.end()) {
    Value usedRow = extentOf(tile).rows == 1 ? Value() : row;
    return loadVector(address(found->second, usedRow, column), found->second.element, width);
  }
  Operation *op = tile.getDefiningOp();
  assert(op && "a tile is a buffer or has an op that defines it");
  Type type = shaped(elementOf(tile), width);
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return evaluateLoad(load, row, column, width);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto splat = cast<SplatElementsAttr>(constant.getValue());
    auto value = splat.getSplatValue<Attribute>();
    TypedAttr attr = width == 0
                         ? cast<TypedAttr>(value)
                         : cast<TypedAttr>(SplatElementsAttr::get(cast<ShapedType>(type), value));
    return arith::ConstantOp::create(b, attr);
  }
  if (auto splat = dyn_cast<tensor::SplatOp>(op)) {
    Value number = scalarOf(splat.getInput());
    return width == 0 ? number : vector::BroadcastOp::create(b, type, number).getResult();
  }
  if (auto broadcast = dyn_cast<tile::BroadcastOp>(op)) {
    if (broadcast.getDim() == 1)
      return evaluate(broadcast.getValue(), Value(), column, width);
    Value number = evaluate(broadcast.getValue(), Value(), row ? row : index(0), 0);
    return width == 0 ? number : vector::BroadcastOp::create(b, type, number).getResult();
  }
  if (auto iota = dyn_cast<tile::IotaOp>(op)) {
    bool alongRows = iota.getDim() == 0 && cast<RankedTensorType>(tile.getType()).getRank() == 2;
    Value start = alongRows ? (row ? row : index(0)) : column;
    Value number = arith::IndexCastOp::create(b, b.getI32Type(), start);
    if (width == 0)
      return number;
    Value all = vector::BroadcastOp::create(b, type, number);
    if (alongRows)
      return all;
    auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, width));
    Value offsets = arith::ConstantOp::create(
        b, DenseIntElementsAttr::get(cast<VectorType>(type), ArrayRef<int32_t>(numbers)));
    return arith::AddIOp::create(b, all, offsets);
  }
  // Elementwise: the same op on the same elements of its operands.
  IRMapping mapping;
  for (Value operand : op->getOperands()) {
    if (isa<RankedTensorType>(operand.getType())) {
      mapping.map(operand, evaluate(operand, row, column, width));
      continue;
    }
    Value number = scalarOf(operand);
    mapping.map(operand, number);
  }
  Operation *copy = b.clone(*op, mapping);
  copy->getResult(0).setType(type);
  return copy->getResult(0);
}

Value HostEmitter::evaluateLoad(tile::LoadOp load, Value row, Value column, int64_t width) {
  auto type = cast<RankedTensorType>(load.getResult().getType());
  Extent extent = extentOf(load.getResult());
  bool matrix = type.getRank() == 2;
  Value columnStride = load.getStrides().back();
  auto constantStride = constantIndex(columnStride);
  Value offset = scalarOf(load.getOffset());
  if (matrix)
    offset = arith::AddIOp::create(
        b, offset,
        arith::MulIOp::create(b, row ? row : index(0), scalarOf(load.getStrides().front())));
  bool contiguous = constantStride && *constantStride == 1;
  Value scaled =
      contiguous ? column : arith::MulIOp::create(b, column, scalarOf(columnStride)).getResult();
  offset = arith::AddIOp::create(b, offset, scaled);
  Value wide = arith::IndexCastOp::create(b, b.getI64Type(), offset);
  Type element = type.getElementType();
  Value at = LLVM::GEPOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), element,
                                 scalarOf(load.getBuffer()), ArrayRef<LLVM::GEPArg>{wide});

  // The bound of a dimension matters unless it is known to cover the tile.
  Value rowLimit, columnLimit;
  if (!load.getValid().empty()) {
    auto limited = [&](Value bound, int64_t size) {
      auto constant = constantIndex(bound);
      return constant && *constant >= size ? Value() : scalarOf(bound);
    };
    columnLimit = limited(load.getValid().back(), extent.columns);
    if (matrix)
      rowLimit = limited(load.getValid().front(), extent.rows);
  }
  int64_t count = std::max<int64_t>(width, 1);
  if (!rowLimit && !columnLimit && (contiguous || width == 0))
    return loadVector(at, element, width);

  auto maskType = VectorType::get({count}, b.getI1Type());
  Value mask;
  if (columnLimit) {
    mask = lanesBelow(b, column, columnLimit, count);
  }
  if (rowLimit) {
    Value inside =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, row ? row : index(0), rowLimit);
    Value spread = vector::BroadcastOp::create(b, maskType, inside);
    mask = mask ? arith::AndIOp::create(b, mask, spread).getResult() : spread;
  }
  Value result;
  if (contiguous) {
    result = loadMasked(at, mask, element, count, /*scattered=*/false);
  } else {
    // Strided columns: one address a lane.
    if (!mask)
      mask = arith::ConstantOp::create(b, SplatElementsAttr::get(maskType, true));
    Value lanes64 = stridedLanes(b, scalarOf(columnStride), count);
    auto pointers = VectorType::get({count}, LLVM::LLVMPointerType::get(b.getContext()));
    Value addresses =
        LLVM::GEPOp::create(b, pointers, element, at, ArrayRef<LLVM::GEPArg>{lanes64});
    result = loadMasked(addresses, mask, element, count, /*scattered=*/true);
  }
  if (width == 0)
    return vector::ExtractOp::create(b, result, ArrayRef<int64_t>{0});
  return result;
}

void HostEmitter::materialize(Value tile, const TileBuffer &into) {
  Extent extent = extentOf(tile);
  forRows(index(extent.rows), [&](Value row) {
    forColumns(extent.columns, [&](Value column, int64_t width) {
      Value value = evaluate(tile, row, column, width);
      storeVector(value, address(into, extent.rows == 1 ? Value() : row, column));
    });
  });
}

TileBuffer HostEmitter::bufferOf(Value tile) {
  if (auto found = buffers.find(tile); found != buffers.end())
    return found->second;
  Extent extent = extentOf(tile);
  TileBuffer into = allocate(extent.rows, extent.columns, elementOf(tile));
  materialize(tile, into);
  return into;
}

void HostEmitter::emitStore(tile::StoreOp store) {
  Value rowCount = index(extentOf(store.getValue()).rows);
  if (Value limit = rowLimitOf(store))
    rowCount = arith::MinSIOp::create(b, rowCount, limit);
  forRows(rowCount, [&](Value row) { storeRow(store, row); });
}

Value HostEmitter::rowLimitOf(tile::StoreOp store) {
  auto type = cast<RankedTensorType>(store.getValue().getType());
  if (store.getValid().empty() || type.getRank() != 2)
    return {};
  auto rows = constantIndex(store.getValid().front());
  return rows && *rows >= type.getDimSize(0) ? Value() : scalarOf(store.getValid().front());
}

void HostEmitter::storeRow(tile::StoreOp store, Value row) {
  Value tile = store.getValue();
  Extent extent = extentOf(tile);
  Type element = elementOf(tile);
  Value columnLimit;
  if (!store.getValid().empty()) {
    auto columns = constantIndex(store.getValid().back());
    if (!columns || *columns < extent.columns)
      columnLimit = scalarOf(store.getValid().back());
  }
  auto constantStride = constantIndex(store.getStrides().back());
  bool contiguous = constantStride && *constantStride == 1;
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value rowOffset = scalarOf(store.getOffset());
  if (cast<RankedTensorType>(tile.getType()).getRank() == 2)
    rowOffset = arith::AddIOp::create(
        b, rowOffset, arith::MulIOp::create(b, row, scalarOf(store.getStrides().front())));
  auto put = [&](Value column, int64_t width) {
    Value value = evaluate(tile, row, column, width);
    Value scaled =
        contiguous
            ? column
            : arith::MulIOp::create(b, column, scalarOf(store.getStrides().back())).getResult();
    Value offset = arith::AddIOp::create(b, rowOffset, scaled);
    Value wide = arith::IndexCastOp::create(b, b.getI64Type(), offset);
    Value at = LLVM::GEPOp::create(b, pointer, element, scalarOf(store.getBuffer()),
                                   ArrayRef<LLVM::GEPArg>{wide});
    if (contiguous && !columnLimit) {
      storeVector(value, at);
      return;
    }
    Value mask;
    auto maskType = VectorType::get({width}, b.getI1Type());
    if (columnLimit) {
      mask = lanesBelow(b, column, columnLimit, width);
    } else {
      mask = arith::ConstantOp::create(b, SplatElementsAttr::get(maskType, true));
    }
    if (contiguous) {
      storeMasked(value, at, mask, /*scattered=*/false);
      return;
    }
    Value lanes64 = stridedLanes(b, scalarOf(store.getStrides().back()), width);
    Value addresses = LLVM::GEPOp::create(b, VectorType::get({width}, pointer), element, at,
                                          ArrayRef<LLVM::GEPArg>{lanes64});
    storeMasked(value, addresses, mask, /*scattered=*/true);
  };
  forLine(extent.columns, put);
}

static Value combined(ImplicitLocOpBuilder &b, tile::ReduceKind kind, Value a, Value c) {
  bool integer = getElementTypeOrSelf(a.getType()).isInteger(32);
  switch (kind) {
  case tile::ReduceKind::Add:
    return integer ? arith::AddIOp::create(b, a, c).getResult()
                   : arith::AddFOp::create(b, a, c).getResult();
  case tile::ReduceKind::Max:
    return integer ? arith::MaxSIOp::create(b, a, c).getResult()
                   : arith::MaxNumFOp::create(b, a, c).getResult();
  case tile::ReduceKind::Min:
    return integer ? arith::MinSIOp::create(b, a, c).getResult()
                   : arith::MinNumFOp::create(b, a, c).getResult();
  }
  llvm_unreachable("every kind is handled");
}

static vector::CombiningKind combiningKind(tile::ReduceKind kind, bool integer) {
  if (kind == tile::ReduceKind::Add)
    return vector::CombiningKind::ADD;
  if (kind == tile::ReduceKind::Max)
    return integer ? vector::CombiningKind::MAXSI : vector::CombiningKind::MAXNUMF;
  return integer ? vector::CombiningKind::MINSI : vector::CombiningKind::MINNUMF;
}

void HostEmitter::emitReduce(tile::ReduceOp reduce) {
  Value tile = reduce.getValue();
  Extent extent = extentOf(tile);
  TileBuffer into = allocate(1, extentOf(reduce.getResult()).columns, elementOf(tile));
  if (reduce.getDim() == 1) {
    forRows(index(extent.rows),
            [&](Value row) { storeVector(reduceRow(reduce, row), address(into, Value(), row)); });
    buffers[reduce.getResult()] = into;
    return;
  }
  forColumns(extent.columns, [&](Value column, int64_t width) {
    Value first = evaluate(tile, index(0), column, width);
    if (extent.rows > 1) {
      auto loop = scf::ForOp::create(b, index(1), index(extent.rows), index(1), ValueRange{first});
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(loop.getBody());
      Value next = evaluate(tile, loop.getInductionVar(), column, width);
      scf::YieldOp::create(
          b, ValueRange{combined(b, reduce.getKind(), loop.getRegionIterArg(0), next)});
      first = loop.getResult(0);
    }
    storeVector(first, address(into, Value(), column));
  });
  buffers[reduce.getResult()] = into;
}

// Some vectors in parallel to hide the latency of the addition, then a tree.
Value HostEmitter::reduceRow(tile::ReduceOp reduce, Value row) {
  Value tile = reduce.getValue();
  int64_t columns = extentOf(tile).columns, whole = columns / lanes;
  auto combine = [&](Value a, Value c) { return combined(b, reduce.getKind(), a, c); };
  auto at = [&](Value column) { return evaluate(tile, row, column, lanes); };
  auto kind = combiningKind(reduce.getKind(), elementOf(tile).isInteger(32));
  Value total;
  auto add = [&](Value vector) {
    Value number = vector::ReductionOp::create(b, kind, vector, arith::FastMathFlags::reassoc);
    total = total ? combine(total, number) : number;
  };
  if (whole > 0) {
    int64_t chains = std::min<int64_t>(whole, 4), step = chains * lanes;
    SmallVector<Value> partial;
    for (int64_t chain = 0; chain < chains; ++chain)
      partial.push_back(at(index(chain * lanes)));
    int64_t done = step;
    if (whole > unrolledVectors) {
      done = columns / step * step;
      auto loop = scf::ForOp::create(b, index(step), index(done), index(step), partial);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(loop.getBody());
      SmallVector<Value> next;
      for (int64_t chain = 0; chain < chains; ++chain)
        next.push_back(
            combine(loop.getRegionIterArg(chain), at(plus(loop.getInductionVar(), chain * lanes))));
      scf::YieldOp::create(b, next);
      partial.assign(loop.getResults().begin(), loop.getResults().end());
    }
    for (int64_t chain = 0; done + lanes <= columns; done += lanes, ++chain)
      partial[chain % chains] = combine(partial[chain % chains], at(index(done)));
    Value all = partial[0];
    for (size_t chain = 1; chain < partial.size(); ++chain)
      all = combine(all, partial[chain]);
    add(all);
  }
  if (whole * lanes < columns)
    add(evaluate(tile, row, index(whole * lanes), columns - whole * lanes));
  return total;
}

} // namespace zorse::host
