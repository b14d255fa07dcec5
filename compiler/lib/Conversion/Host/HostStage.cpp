//===- HostStage.cpp - packing tiles for products -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace zorse::host {

void HostEmitter::emitStage(tile::StageOp stage) {
  Value given = stage.getValue(), result = stage.getResult();
  noteAhead(given, stage);
  Type element = cast<RankedTensorType>(result.getType()).getElementType();
  bool straight = result.use_empty(), swapped = false, rowPairsWanted = false,
       columnPairsWanted = false;
  for (OpOperand &use : result.getUses()) {
    auto dot = dyn_cast<tile::DotOp>(use.getOwner());
    bool asB = dot && use.getOperandNumber() == 1;
    if (asB && takesPairs(dot))
      (dot.getTransposeB() ? columnPairsWanted : rowPairsWanted) = true;
    else
      (asB && dot.getTransposeB() ? swapped : straight) = true;
  }
  // The pairs of a transposed stage are the other pairs of what it was made from.
  bool turned = stage.getTranspose();
  if (rowPairsWanted)
    rowPairs[result] = turned ? pairsOfColumns(given) : pairsOfRows(given);
  if (columnPairsWanted)
    columnPairs[result] = turned ? pairsOfRows(given) : pairsOfColumns(given);
  if (!straight && !swapped)
    return;
  Extent extent = extentOf(given);
  if (turned && !swapped && element.isBF16() && target.hasBf16Dot) {
    // Squares of pairs transpose faster than squares of twice as many 16-bit elements.
    TileBuffer pairs = pairsOfRows(given);
    int64_t count = llvm::divideCeil(extent.rows, 2);
    TileBuffer into = allocate(extent.columns, count, b.getI32Type());
    packTransposed(rowsOf(pairs), {count, extent.columns}, into);
    buffers[result] = {into.pointer, 2 * into.rowStride, element};
    return;
  }
  // The tile is read row by row once, as memory likes it; the other orientation is made from that
  // copy.
  TileBuffer asGiven = allocate(extent.rows, extent.columns, element);
  materialize(given, asGiven);
  auto oriented = [&](bool turn) {
    if (!turn)
      return asGiven;
    TileBuffer into = allocate(extent.columns, extent.rows, element);
    packTransposed(rowsOf(asGiven), extent, into);
    return into;
  };
  // Swapping a stage that is itself transposed gives the original order back.
  if (swapped)
    transposed[result] = oriented(!turned);
  if (straight)
    buffers[result] = oriented(turned);
}

/// Transposes lanes vectors of as many lanes with the shuffles that x86 has: pairs within 128-bit
/// quarters, pairs of pairs, then whole quarters.
void HostEmitter::transposeSquare(SmallVectorImpl<Value> &rows) {
  int64_t quarters = lanes / 4;
  auto shuffle = [&](Value a, Value c, const std::function<int64_t(int64_t)> &from) {
    auto mask = llvm::map_to_vector(llvm::seq<int64_t>(0, lanes), from);
    return vector::ShuffleOp::create(b, a, c, mask).getResult();
  };
  // Within each quarter, take two runs of `run` elements from each side, starting at `first`.
  auto interleave = [&](Value a, Value c, int64_t run, int64_t first) {
    return shuffle(a, c, [&](int64_t lane) {
      int64_t in = lane % 4, side = (in / run) % 2, at = first + in / (2 * run) * run + in % run;
      return side * lanes + lane / 4 * 4 + at;
    });
  };
  SmallVector<Value> pairs(lanes), fours(lanes);
  for (int64_t i = 0; i < lanes; i += 2) {
    pairs[i] = interleave(rows[i], rows[i + 1], 1, 0);
    pairs[i + 1] = interleave(rows[i], rows[i + 1], 1, 2);
  }
  for (int64_t i = 0; i < lanes; i += 4)
    for (int64_t j = 0; j < 4; ++j)
      fours[i + j] = interleave(pairs[i + j / 2], pairs[i + j / 2 + 2], 2, j % 2 * 2);
  // fours[4 i + j] now holds, in quarter q, column 4 q + j of rows 4 i to 4 i + 3.
  auto chooseQuarters = [&](Value a, Value c, int64_t first, int64_t stride) {
    return shuffle(a, c, [&](int64_t lane) {
      int64_t place = lane / 4, half = quarters / 2;
      return place / half * lanes + (first + place % half * stride) * 4 + lane % 4;
    });
  };
  for (int64_t j = 0; j < 4; ++j) {
    if (quarters == 2) {
      for (int64_t q = 0; q < 2; ++q)
        rows[4 * q + j] = chooseQuarters(fours[j], fours[4 + j], q, 1);
      continue;
    }
    for (int64_t odd = 0; odd < 2; ++odd) {
      Value low = chooseQuarters(fours[j], fours[4 + j], odd, 2);
      Value high = chooseQuarters(fours[8 + j], fours[12 + j], odd, 2);
      rows[4 * odd + j] = chooseQuarters(low, high, 0, 2);
      rows[4 * (odd + 2) + j] = chooseQuarters(low, high, 1, 2);
    }
  }
}

/// A function (ptr from, i64 fromStride, ptr to, i64 toStride), strides in bytes, that transposes
/// one square of lanes x lanes elements. It is a call, not inlined, because instruction selection
/// takes longer over this many shuffles than over the rest of a kernel, and a kernel stages in
/// several places.
func::FuncOp HostEmitter::transposer(Type element) {
  auto module = source->getParentOfType<ModuleOp>();
  std::string symbol = "transpose_square_" + std::to_string(element.getIntOrFloatBitWidth());
  if (auto made = module.lookupSymbol<func::FuncOp>(symbol))
    return made;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext()), i64 = b.getI64Type();
  auto function =
      func::FuncOp::create(b, symbol, b.getFunctionType({pointer, i64, pointer, i64}, {}));
  function->setAttr("llvm.linkage",
                    LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
  function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  Block *body = function.addEntryBlock();
  b.setInsertionPointToStart(body);
  auto rowAt = [&](Value start, Value stride, int64_t row) {
    Value at = LLVM::MulOp::create(b, stride, LLVM::ConstantOp::create(b, i64, row));
    return LLVM::GEPOp::create(b, pointer, b.getI8Type(), start, ArrayRef<LLVM::GEPArg>{at})
        .getResult();
  };
  SmallVector<Value> rows;
  for (int64_t i = 0; i < lanes; ++i)
    rows.push_back(LLVM::LoadOp::create(b, VectorType::get({lanes}, element),
                                        rowAt(body->getArgument(0), body->getArgument(1), i),
                                        /*alignment=*/2)); // may be the rows of a bf16 tile
  transposeSquare(rows);
  for (int64_t i = 0; i < lanes; ++i)
    storeVector(rows[i], rowAt(body->getArgument(2), body->getArgument(3), i));
  func::ReturnOp::create(b);
  return function;
}

MemoryRows HostEmitter::rowsOf(const TileBuffer &buffer) {
  int64_t bytes = buffer.rowStride * buffer.element.getIntOrFloatBitWidth() / 8;
  return {buffer.pointer, LLVM::ConstantOp::create(b, b.getI64Type(), bytes)};
}

Value HostEmitter::addressIn(const MemoryRows &rows, Type element, Value row, Value column) {
  auto wide = [&](Value value) {
    return arith::IndexCastOp::create(b, b.getI64Type(), value).getResult();
  };
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value bytes = arith::MulIOp::create(b, wide(row), rows.stride);
  Value start =
      LLVM::GEPOp::create(b, pointer, b.getI8Type(), rows.pointer, ArrayRef<LLVM::GEPArg>{bytes});
  return LLVM::GEPOp::create(b, pointer, element, start, ArrayRef<LLVM::GEPArg>{wide(column)});
}

/// into[j][i] = from[i][j]: squares in registers, the last ones over the ones before them; in a
/// tile that is narrower than a square, one element at a time.
void HostEmitter::packTransposed(const MemoryRows &from, Extent extent, const TileBuffer &into) {
  if (extent.rows < lanes || extent.columns < lanes) {
    forRows(index(extent.rows), [&](Value row) {
      forRows(index(extent.columns), [&](Value column) {
        Value moved =
            LLVM::LoadOp::create(b, into.element, addressIn(from, into.element, row, column), 2);
        storeVector(moved, address(into, column, row));
      });
    });
    return;
  }
  auto forSquares = [&](int64_t count, const std::function<void(Value)> &body) {
    forRows(index(llvm::divideCeil(count, lanes)), [&](Value square) {
      Value start = arith::MulIOp::create(b, square, index(lanes));
      body(count % lanes == 0 ? start
                              : arith::MinSIOp::create(b, start, index(count - lanes)).getResult());
    });
  };
  forSquares(extent.rows, [&](Value row) {
    forSquares(extent.columns, [&](Value column) {
      func::CallOp::create(b, transposer(into.element),
                           ValueRange{addressIn(from, into.element, row, column), from.stride,
                                      address(into, column, row), rowsOf(into).stride});
    });
  });
}

} // namespace zorse::host
