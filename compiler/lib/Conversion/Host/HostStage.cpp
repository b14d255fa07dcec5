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
  Type element = cast<RankedTensorType>(stage.getResult().getType()).getElementType();
  bool straight = false, swapped = false;
  for (OpOperand &use : stage.getResult().getUses()) {
    auto dot = dyn_cast<tile::DotOp>(use.getOwner());
    bool asB = dot && use.getOperandNumber() == 1;
    (asB && dot.getTransposeB() ? swapped : straight) = true;
  }
  // The tile is read row by row once, as memory likes it; the other orientation is made from that
  // copy.
  Extent given = extentOf(stage.getValue());
  TileBuffer asGiven = allocate(given.rows, given.columns, element);
  materialize(stage.getValue(), asGiven);
  auto oriented = [&](bool turned) {
    if (!turned)
      return asGiven;
    TileBuffer into = allocate(given.columns, given.rows, element);
    packTransposed(asGiven, given, into);
    return into;
  };
  // Swapping a stage that is itself transposed gives the original order back.
  if (swapped)
    transposed[stage.getResult()] = oriented(!stage.getTranspose());
  if (straight || !swapped)
    buffers[stage.getResult()] = oriented(stage.getTranspose());
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

/// A function (ptr from, i64 fromStride, ptr to, i64 toStride) that transposes one square of lanes
/// x lanes elements. It is a call, not inlined, because instruction selection takes longer over
/// this many shuffles than over the rest of a kernel, and a kernel stages in several places.
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
    return LLVM::GEPOp::create(b, pointer, element, start, ArrayRef<LLVM::GEPArg>{at}).getResult();
  };
  SmallVector<Value> rows;
  for (int64_t i = 0; i < lanes; ++i)
    rows.push_back(
        loadVector(rowAt(body->getArgument(0), body->getArgument(1), i), element, lanes));
  transposeSquare(rows);
  for (int64_t i = 0; i < lanes; ++i)
    storeVector(rows[i], rowAt(body->getArgument(2), body->getArgument(3), i));
  func::ReturnOp::create(b);
  return function;
}

/// into[j][i] = from[i][j]: whole squares in registers, what is left over one element at a time.
void HostEmitter::packTransposed(const TileBuffer &from, Extent extent, const TileBuffer &into) {
  auto stride = [&](const TileBuffer &buffer) {
    return LLVM::ConstantOp::create(b, b.getI64Type(), buffer.rowStride).getResult();
  };
  int64_t wholeRows = extent.rows / lanes * lanes, wholeColumns = extent.columns / lanes * lanes;
  auto loop = [&](int64_t start, int64_t end, int64_t step,
                  const std::function<void(Value)> &body) {
    if (start >= end)
      return;
    auto made = scf::ForOp::create(b, index(start), index(end), index(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(made.getBody()->getTerminator());
    body(made.getInductionVar());
  };
  auto copy = [&](Value row, Value column) {
    storeVector(loadVector(address(from, row, column), from.element, 0),
                address(into, column, row));
  };
  loop(0, wholeRows, lanes, [&](Value row) {
    loop(0, wholeColumns, lanes, [&](Value column) {
      func::CallOp::create(b, transposer(into.element),
                           ValueRange{address(from, row, column), stride(from),
                                      address(into, column, row), stride(into)});
    });
  });
  loop(0, wholeRows, 1, [&](Value row) {
    loop(wholeColumns, extent.columns, 1, [&](Value column) { copy(row, column); });
  });
  loop(wholeRows, extent.rows, 1,
       [&](Value row) { loop(0, extent.columns, 1, [&](Value column) { copy(row, column); }); });
}

} // namespace zorse::host
