//===- HostStage.cpp - packing tiles for products -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace zorse::host {

void HostEmitter::emitStage(tile::StageOp stage) {
  Extent extent = extentOf(stage.getResult());
  Type element = cast<RankedTensorType>(stage.getResult().getType()).getElementType();
  bool straight = false, swapped = false;
  for (OpOperand &use : stage.getResult().getUses()) {
    auto dot = dyn_cast<tile::DotOp>(use.getOwner());
    bool asB = dot && use.getOperandNumber() == 1;
    (asB && dot.getTransposeB() ? swapped : straight) = true;
  }
  // Swapping a stage that is itself transposed gives the original order back.
  auto pack = [&](bool transposeNow) {
    int64_t rows = transposeNow ? extent.columns : extent.rows;
    int64_t columns = transposeNow ? extent.rows : extent.columns;
    TileBuffer into = allocate(rows, columns, element);
    if (transposeNow != stage.getTranspose())
      packTransposed(stage.getValue(), into);
    else
      materialize(stage.getValue(), into);
    return into;
  };
  if (swapped)
    transposed[stage.getResult()] = pack(true);
  if (straight || !swapped)
    buffers[stage.getResult()] = pack(false);
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

/// A function (ptr square, ptr to, i64 rowStride) that stores the transpose of one square of lanes x
/// lanes. It is a call, not inlined, because instruction selection takes longer over this many
/// shuffles than over the rest of a kernel, and a kernel stages in several places.
func::FuncOp HostEmitter::transposer(Type element) {
  auto module = source->getParentOfType<ModuleOp>();
  std::string symbol = "transpose_square_" + std::to_string(element.getIntOrFloatBitWidth());
  if (auto made = module.lookupSymbol<func::FuncOp>(symbol))
    return made;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto function =
      func::FuncOp::create(b, symbol, b.getFunctionType({pointer, pointer, b.getI64Type()}, {}));
  function->setAttr("llvm.linkage",
                    LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
  function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  Block *body = function.addEntryBlock();
  b.setInsertionPointToStart(body);
  TileBuffer square{body->getArgument(0), lanes, element};
  SmallVector<Value> rows;
  for (int64_t i = 0; i < lanes; ++i)
    rows.push_back(loadVector(address(square, index(i), index(0)), element, lanes));
  transposeSquare(rows);
  for (int64_t i = 0; i < lanes; ++i) {
    Value at = LLVM::MulOp::create(b, body->getArgument(2),
                                   LLVM::ConstantOp::create(b, b.getI64Type(), i));
    storeVector(rows[i], LLVM::GEPOp::create(b, pointer, element, body->getArgument(1),
                                             ArrayRef<LLVM::GEPArg>{at}));
  }
  func::ReturnOp::create(b);
  return function;
}

/// into[j][i] = tile[i][j], by square blocks transposed in registers.
void HostEmitter::packTransposed(Value tile, const TileBuffer &into) {
  Extent extent = extentOf(tile);
  TileBuffer square = allocate(lanes, lanes, into.element);
  auto block = [&](Value row, Value column, int64_t rows, int64_t columns) {
    if (rows == lanes && columns == lanes) {
      for (int64_t i = 0; i < lanes; ++i)
        storeVector(evaluate(tile, plus(row, i), column, lanes), address(square, index(i), index(0)));
      Value to = address(into, column, row);
      func::CallOp::create(b, transposer(into.element),
                           ValueRange{square.pointer, to, LLVM::ConstantOp::create(
                                                              b, b.getI64Type(), into.rowStride)});
      return;
    }
    for (int64_t i = 0; i < rows; ++i) {
      Value vector = evaluate(tile, plus(row, i), column, columns);
      for (int64_t j = 0; j < columns; ++j)
        storeVector(vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{j}),
                    address(into, plus(column, j), plus(row, i)));
    }
  };
  int64_t wholeRows = extent.rows / lanes * lanes, wholeColumns = extent.columns / lanes * lanes;
  auto alongColumns = [&](Value row, int64_t rows) {
    if (wholeColumns > 0) {
      auto loop = scf::ForOp::create(b, index(0), index(wholeColumns), index(lanes));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(loop.getBody()->getTerminator());
      block(row, loop.getInductionVar(), rows, lanes);
    }
    if (wholeColumns < extent.columns)
      block(row, index(wholeColumns), rows, extent.columns - wholeColumns);
  };
  if (wholeRows > 0) {
    auto loop = scf::ForOp::create(b, index(0), index(wholeRows), index(lanes));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    alongColumns(loop.getInductionVar(), lanes);
  }
  if (wholeRows < extent.rows)
    alongColumns(index(wholeRows), extent.rows - wholeRows);
}

} // namespace zorse::host
