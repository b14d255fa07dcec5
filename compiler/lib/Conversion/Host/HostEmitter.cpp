//===- HostEmitter.cpp - control flow and numbers -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostEmitter.h"
#include "LowerToHost.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace zorse::host {

Extent extentOf(Value tile) {
  auto type = cast<RankedTensorType>(tile.getType());
  if (type.getRank() == 1)
    return {1, type.getDimSize(0)};
  return {type.getDimSize(0), type.getDimSize(1)};
}

static bool isTile(Value value) { return isa<RankedTensorType>(value.getType()); }

HostEmitter::HostEmitter(func::FuncOp source, const TargetDesc &target)
    : source(source), target(target), lanes(target.hostLanes()),
      b(source.getLoc(), source.getContext()) {}

LogicalResult HostEmitter::run() {
  b.setInsertionPoint(source);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  std::string symbol = source.getName().str();
  source.setName(symbol + ".tile");
  auto function = func::FuncOp::create(b, symbol, b.getFunctionType({pointer, i64, i64, i64}, {}));
  entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  bindArguments(function);
  if (failed(emitBlock(source.getBody().front())))
    return failure();
  func::ReturnOp::create(b);
  return success();
}

void HostEmitter::bindArguments(func::FuncOp function) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  slots = function.getArgument(0);
  for (int dim = 0; dim < 3; ++dim)
    programIds[dim] =
        arith::IndexCastOp::create(b, b.getIndexType(), function.getArgument(dim + 1));
  for (auto [slot, argument] : llvm::enumerate(source.getArguments())) {
    if (argument.use_empty())
      continue;
    Value at = LLVM::GEPOp::create(b, pointer, b.getI64Type(), slots,
                                   ArrayRef<LLVM::GEPArg>{int32_t(slot)});
    if (isa<MemRefType>(argument.getType())) {
      scalars[argument] = LLVM::LoadOp::create(b, pointer, at);
    } else {
      Value size = LLVM::LoadOp::create(b, b.getI64Type(), at);
      scalars[argument] = arith::IndexCastOp::create(b, b.getIndexType(), size);
    }
  }
}

LogicalResult HostEmitter::emitBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(emitOp(&op)))
      return failure();
  return success();
}

LogicalResult HostEmitter::emitOp(Operation *op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return emitFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return emitIf(branch);
  if (auto id = dyn_cast<tile::ProgramIdOp>(op)) {
    scalars[id] = programIds[id.getDim()];
    return success();
  }
  if (takeIntoRows(op))
    return success();
  if (auto store = dyn_cast<tile::StoreOp>(op)) {
    freezeLoadsBefore(store);
    emitStore(store);
    return success();
  }
  if (auto stage = dyn_cast<tile::StageOp>(op)) {
    emitStage(stage);
    return success();
  }
  if (auto dot = dyn_cast<tile::DotOp>(op)) {
    if (dot.getPaired() && !isStreamed(dot))
      return dot.emitOpError("expected pairs that are loaded in whole rows, of a multiple of ")
             << lanes << " columns";
    emitDot(dot);
    return success();
  }
  if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
    emitReduce(reduce);
    return success();
  }
  if (isa<memref::LoadOp>(op)) {
    emitScalarLoad(op);
    return success();
  }
  if (op->getNumResults() != 1)
    return op->emitError("this op has no place in a tile program for the host");
  Value result = op->getResult(0);
  if (isTile(result)) {
    if (needsBuffer(op) && !startRows(op)) {
      Extent extent = extentOf(result);
      auto inPlace = destinationInPlace(op, result);
      TileBuffer into = inPlace
                            ? *inPlace
                            : allocate(extent.rows, extent.columns,
                                       cast<RankedTensorType>(result.getType()).getElementType());
      materialize(result, into);
      buffers[result] = into;
    }
    return success();
  }
  // A number: the same op on the numbers it came from.
  IRMapping mapping;
  for (Value operand : op->getOperands()) {
    Value number = scalarOf(operand);
    if (!number)
      return op->emitError("a number computed from a tile has no lowering on the host");
    mapping.map(operand, number);
  }
  scalars[result] = b.clone(*op, mapping)->getResult(0);
  return success();
}

Value HostEmitter::loadScalar(memref::LoadOp load, Value index) {
  Type element = load.getMemRefType().getElementType();
  Value offset = arith::IndexCastOp::create(b, b.getI64Type(), index);
  Value at = LLVM::GEPOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), element,
                                 scalarOf(load.getMemRef()), ArrayRef<LLVM::GEPArg>{offset});
  return LLVM::LoadOp::create(b, element, at);
}

void HostEmitter::emitScalarLoad(Operation *op) {
  auto load = cast<memref::LoadOp>(op);
  scalars[load] = loadScalar(load, scalarOf(load.getIndices().front()));
}

LogicalResult HostEmitter::emitFor(scf::ForOp loop) {
  SmallVector<Value> numbers;
  for (auto [argument, initial, result] :
       llvm::zip(loop.getRegionIterArgs(), loop.getInitArgs(), loop.getResults())) {
    if (!isTile(initial)) {
      numbers.push_back(scalarOf(initial));
      continue;
    }
    Extent extent = extentOf(initial);
    TileBuffer buffer = allocate(extent.rows, extent.columns,
                                 cast<RankedTensorType>(initial.getType()).getElementType());
    materialize(initial, buffer);
    buffers[argument] = buffer;
    buffers[result] = buffer;
    carried[argument] = buffer;
  }
  auto lowered =
      scf::ForOp::create(b, scalarOf(loop.getLowerBound()), scalarOf(loop.getUpperBound()),
                         scalarOf(loop.getStep()), numbers);
  OpBuilder::InsertionGuard guard(b);
  Block *body = lowered.getBody();
  if (numbers.empty())
    body->getTerminator()->erase();
  b.setInsertionPointToEnd(body);
  scalars[loop.getInductionVar()] = lowered.getInductionVar();
  size_t number = 0;
  for (auto [argument, result] : llvm::zip(loop.getRegionIterArgs(), loop.getResults()))
    if (!isTile(argument)) {
      scalars[argument] = lowered.getRegionIterArg(number);
      scalars[result] = lowered.getResult(number++);
    }
  if (failed(emitBlock(*loop.getBody())))
    return failure();
  ahead.clear();

  // A carried value may be a formula over what the others were before this round, so all that are
  // not yet in place are computed before any is overwritten.
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  struct Copy {
    TileBuffer from, to;
    Extent extent;
  };
  SmallVector<Copy> copies;
  SmallVector<Value> yielded;
  for (auto [argument, value] : llvm::zip(loop.getRegionIterArgs(), yield.getOperands())) {
    if (!isTile(value)) {
      yielded.push_back(scalarOf(value));
      continue;
    }
    TileBuffer from = bufferOf(value), into = buffers.lookup(argument);
    if (from.pointer != into.pointer)
      copies.push_back({from, into, extentOf(value)});
  }
  for (const Copy &copy : copies)
    forRows(index(copy.extent.rows), [&](Value row) {
      forColumns(copy.extent.columns, [&](Value column, int64_t width) {
        storeVector(loadVector(address(copy.from, row, column), copy.from.element, width),
                    address(copy.to, row, column));
      });
    });
  scf::YieldOp::create(b, yielded);
  for (Value argument : loop.getRegionIterArgs())
    carried.erase(argument);
  return success();
}

LogicalResult HostEmitter::emitIf(scf::IfOp branch) {
  if (branch.getNumResults() != 0 || branch.elseBlock())
    return branch.emitError("expected an if without results and else in a tile program");
  auto lowered = scf::IfOp::create(b, scalarOf(branch.getCondition()), /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(lowered.thenBlock()->getTerminator());
  return emitBlock(*branch.thenBlock());
}

//===----------------------------------------------------------------------===//
// Small things
//===----------------------------------------------------------------------===//

TileBuffer HostEmitter::allocate(int64_t rows, int64_t columns, Type element) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(entry);
  int64_t rowStride = columns;
  if (rows > 1)
    rowStride = llvm::alignTo(columns, lanes);
  // Rows a multiple of 2 KiB apart would share a few sets of the first-level cache.
  if (int64_t bits = element.getIntOrFloatBitWidth(); rows > 2 && rowStride * bits % (8 << 11) == 0)
    rowStride += 512 / bits;
  Value count = LLVM::ConstantOp::create(b, b.getI64Type(), rows * rowStride);
  Value pointer = LLVM::AllocaOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), element,
                                         count, /*alignment=*/64);
  return {pointer, rowStride, element};
}

Value HostEmitter::index(int64_t number) { return arith::ConstantIndexOp::create(b, number); }

Value HostEmitter::plus(Value a, int64_t offset) {
  return offset == 0 ? a : arith::AddIOp::create(b, a, index(offset)).getResult();
}

Value HostEmitter::address(const TileBuffer &buffer, Value row, Value column) {
  Value offset = column;
  if (row)
    offset =
        arith::AddIOp::create(b, arith::MulIOp::create(b, row, index(buffer.rowStride)), column);
  Value wide = arith::IndexCastOp::create(b, b.getI64Type(), offset);
  return LLVM::GEPOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), buffer.element,
                             buffer.pointer, ArrayRef<LLVM::GEPArg>{wide});
}

static unsigned elementBytes(Type type) { return (type.getIntOrFloatBitWidth() + 7) / 8; }

Value HostEmitter::loadVector(Value pointer, Type element, int64_t width) {
  Type type = width == 0 ? element : VectorType::get({width}, element);
  return LLVM::LoadOp::create(b, type, pointer, elementBytes(element));
}

void HostEmitter::storeVector(Value value, Value pointer) {
  LLVM::StoreOp::create(b, value, pointer, elementBytes(getElementTypeOrSelf(value.getType())));
}

/// 16-bit floats move as integers: a CPU without them would convert to f32 and back on the way.
static VectorType movedAs(Type element, int64_t width) {
  unsigned bits = element.getIntOrFloatBitWidth();
  return VectorType::get({width},
                         bits == 16 ? IntegerType::get(element.getContext(), 16) : element);
}

Value HostEmitter::loadMasked(Value pointer, Value mask, Type element, int64_t width,
                              bool scattered) {
  VectorType type = movedAs(element, width);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  auto alignment = b.getI32IntegerAttr(elementBytes(element));
  Value result;
  if (scattered)
    result = LLVM::masked_gather::create(b, type, pointer, mask, ValueRange{zero}, alignment);
  else
    result = LLVM::MaskedLoadOp::create(b, type, pointer, mask, zero, alignment,
                                        /*nontemporal=*/UnitAttr());
  if (type.getElementType() == element)
    return result;
  return arith::BitcastOp::create(b, VectorType::get({width}, element), result);
}

void HostEmitter::storeMasked(Value value, Value pointer, Value mask, bool scattered) {
  auto given = cast<VectorType>(value.getType());
  VectorType type = movedAs(given.getElementType(), given.getNumElements());
  if (type != given)
    value = arith::BitcastOp::create(b, type, value);
  unsigned alignment = elementBytes(type.getElementType());
  if (scattered)
    LLVM::masked_scatter::create(b, value, pointer, mask, alignment);
  else
    LLVM::MaskedStoreOp::create(b, value, pointer, mask, alignment);
}

void HostEmitter::forRows(Value count, const std::function<void(Value)> &body) {
  if (auto constant = count.getDefiningOp<arith::ConstantIndexOp>();
      constant && constant.value() == 1)
    return body(index(0));
  auto loop = scf::ForOp::create(b, index(0), count, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  body(loop.getInductionVar());
}

void HostEmitter::forColumns(int64_t columns, const std::function<void(Value, int64_t)> &body) {
  constexpr int64_t unroll = 4;
  int64_t step = lanes * unroll, done = 0;
  if (columns >= 2 * step) {
    done = columns / step * step;
    auto loop = scf::ForOp::create(b, index(0), index(done), index(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    for (int64_t part = 0; part < unroll; ++part)
      body(plus(loop.getInductionVar(), part * lanes), lanes);
  }
  for (; done + lanes <= columns; done += lanes)
    body(index(done), lanes);
  if (done < columns)
    body(index(done), columns - done);
}

void HostEmitter::forLine(int64_t columns, const std::function<void(Value, int64_t)> &body) {
  if (columns > unrolledVectors * lanes)
    return forColumns(columns, body);
  for (int64_t column = 0; column < columns; column += lanes)
    body(index(column), std::min(lanes, columns - column));
}

} // namespace zorse::host

LogicalResult zorse::lowerTileToHost(ModuleOp module, const TargetDesc &target) {
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("tile.grid"))
      kernels.push_back(function);
  for (func::FuncOp kernel : kernels) {
    host::HostEmitter emitter(kernel, target);
    if (failed(emitter.run()))
      return failure();
    kernel.erase();
  }
  return success();
}
