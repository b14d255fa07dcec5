//===- Tile.cpp - the tile dialect ----------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "zorse/Dialect/Tile/Tile.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace zorse::tile;

#include "zorse/Dialect/Tile/TileDialect.cpp.inc"

#include "zorse/Dialect/Tile/TileEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "zorse/Dialect/Tile/TileAttrs.cpp.inc"

#define GET_OP_CLASSES
#include "zorse/Dialect/Tile/TileOps.cpp.inc"

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "zorse/Dialect/Tile/TileAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "zorse/Dialect/Tile/TileOps.cpp.inc"
      >();
}

/// C1 to C3 of tile.load and tile.store.
static LogicalResult verifyAccess(Operation *op, RankedTensorType tile, MemRefType buffer,
                                  size_t strides, size_t valid) {
  size_t rank = tile.getRank();
  if (rank < 1 || rank > 2)
    return op->emitOpError("expected a tile of rank 1 or 2, got rank ") << rank;
  if (strides != rank)
    return op->emitOpError("expected ") << rank << " strides, got " << strides;
  if (valid != 0 && valid != rank)
    return op->emitOpError("expected no bounds or ") << rank << ", got " << valid;
  if (tile.getElementType() != buffer.getElementType())
    return op->emitOpError("expected a tile of ")
           << buffer.getElementType() << " like the buffer, got " << tile.getElementType();
  return success();
}

LogicalResult LoadOp::verify() {
  return verifyAccess(*this, cast<RankedTensorType>(getResult().getType()), getBuffer().getType(),
                      getStrides().size(), getValid().size());
}

LogicalResult StoreOp::verify() {
  return verifyAccess(*this, cast<RankedTensorType>(getValue().getType()), getBuffer().getType(),
                      getStrides().size(), getValid().size());
}

LogicalResult StageOp::verify() {
  auto in = cast<RankedTensorType>(getValue().getType());
  auto out = cast<RankedTensorType>(getResult().getType());
  if (in.getRank() != 2)
    return emitOpError("expected a tile of rank 2, got rank ") << in.getRank();
  SmallVector<int64_t> shape(in.getShape());
  if (getTranspose())
    std::swap(shape[0], shape[1]);
  auto expected = RankedTensorType::get(shape, in.getElementType());
  if (out != expected)
    return emitOpError("expected a result of type ") << expected << ", got " << out;
  return success();
}

LogicalResult DotOp::verify() {
  auto a = cast<RankedTensorType>(getA().getType());
  auto b = cast<RankedTensorType>(getB().getType());
  auto c = cast<RankedTensorType>(getAccumulator().getType());
  if (a.getRank() != 2 || b.getRank() != 2 || c.getRank() != 2)
    return emitOpError("expected tiles of rank 2, got ranks ")
           << a.getRank() << ", " << b.getRank() << ", " << c.getRank();
  if (a.getElementType() != b.getElementType())
    return emitOpError("expected a and b of one element type, got ")
           << a.getElementType() << " and " << b.getElementType();
  int64_t m = a.getDimSize(0), k = a.getDimSize(1);
  int64_t bk = b.getDimSize(getTransposeB() ? 1 : 0), n = b.getDimSize(getTransposeB() ? 0 : 1);
  if (getPaired()) {
    if (getTransposeB())
      return emitOpError("expected paired or transpose_b, got both");
    int64_t lines = (k + 1) / 2;
    if (bk != lines || n % 2 != 0)
      return emitOpError("expected ") << lines << " rows of pairs in b, got " << bk << "x" << n;
    n /= 2;
  } else if (bk != k)
    return emitOpError("expected ") << k << " as inner extent of b, like a, got " << bk;
  if (c.getDimSize(0) != m || c.getDimSize(1) != n)
    return emitOpError("expected an accumulator of ")
           << m << "x" << n << ", got " << c.getDimSize(0) << "x" << c.getDimSize(1);
  return success();
}

LogicalResult ReduceOp::verify() {
  auto in = cast<RankedTensorType>(getValue().getType());
  if (in.getRank() != 2)
    return emitOpError("expected a tile of rank 2, got rank ") << in.getRank();
  if (!in.getElementType().isF32() && !in.getElementType().isInteger(32))
    return emitOpError("expected f32 or i32, got ") << in.getElementType();
  auto expected = RankedTensorType::get({in.getDimSize(1 - getDim())}, in.getElementType());
  if (getResult().getType() != expected)
    return emitOpError("expected a result of type ")
           << expected << ", got " << getResult().getType();
  return success();
}

LogicalResult BroadcastOp::verify() {
  auto in = cast<RankedTensorType>(getValue().getType());
  auto out = cast<RankedTensorType>(getResult().getType());
  if (in.getRank() != 1 || out.getRank() != 2)
    return emitOpError("expected rank 1 to rank 2, got ")
           << in.getRank() << " to " << out.getRank();
  if (in.getElementType() != out.getElementType() || in.getDimSize(0) != out.getDimSize(getDim()))
    return emitOpError("expected a value of ")
           << out.getDimSize(getDim()) << " x " << out.getElementType() << ", got " << in;
  return success();
}

LogicalResult IotaOp::verify() {
  auto type = cast<RankedTensorType>(getResult().getType());
  if (type.getRank() < 1 || type.getRank() > 2 || getDim() >= type.getRank())
    return emitOpError("expected a rank of 1 or 2 above dim ")
           << getDim() << ", got rank " << type.getRank();
  return success();
}
