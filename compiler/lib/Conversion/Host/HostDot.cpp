//===- HostDot.cpp - register-blocked matrix products ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two kernels. The *column kernel* keeps rows x vectors of the result in
// registers and walks k: one vector of b, one broadcast of a, one fma. It wants
// columns of b contiguous, which staging provides. The *inner kernel* serves a
// transposed b that is read where it lies, such as a weight used once: it keeps
// one vector of partial sums for each result and adds up its lanes at the end.
// HostPairs.cpp has the column kernel for pairs of bf16.
//
//===----------------------------------------------------------------------===//

#include "HostEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace zorse::host {

Value HostEmitter::evaluateF32(Value tile, Value row, Value column, int64_t width) {
  Value value = evaluate(tile, row, column, width);
  if (getElementTypeOrSelf(value.getType()).isF32())
    return value;
  Type type = width == 0 ? Type(b.getF32Type()) : Type(VectorType::get({width}, b.getF32Type()));
  return arith::ExtFOp::create(b, type, value);
}

void HostEmitter::forBlocks(int64_t count, int64_t step,
                            const std::function<void(Value, int64_t)> &body) {
  int64_t whole = count / step * step;
  if (whole == step) {
    body(index(0), step);
  } else if (whole > 0) {
    auto loop = scf::ForOp::create(b, index(0), index(whole), index(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    body(loop.getInductionVar(), step);
  }
  if (whole < count)
    body(index(whole), count - whole);
}

void HostEmitter::emitDot(tile::DotOp dot) {
  Value result = dot.getResult();
  Extent extent = extentOf(result);
  auto inPlace = destinationInPlace(dot, result);
  TileBuffer into = inPlace ? *inPlace : allocate(extent.rows, extent.columns, b.getF32Type());
  bool packed = transposed.contains(dot.getB()) || columnPairs.contains(dot.getB());
  // Pairs that memory does not hold side by side are made in registers, by the pair kernel.
  if (isStreamed(dot) && (dot.getPaired() || !takesPairs(dot))) {
    emitPanelKernel(dot, into);
  } else {
    noteAhead(dot.getB(), dot);
    if (dot.getTransposeB() && !packed)
      emitInnerKernel(dot, into);
    else if (takesPairs(dot))
      emitPairKernel(dot, into);
    else
      emitColumnKernel(dot, into);
  }
  buffers[result] = into;
}

//===----------------------------------------------------------------------===//
// Column kernel
//===----------------------------------------------------------------------===//

void HostEmitter::forResultBlocks(Extent extent,
                                  const std::function<void(const ResultBlock &)> &body) {
  // Accumulators, one row of b and a broadcast must fit the registers: 32 with AVX-512, else 16.
  int64_t budget = lanes == 16 ? 26 : 12;
  int64_t vectors = llvm::divideCeil(extent.columns, lanes);
  // Few rows in one block, so that b is walked once.
  int64_t across = extent.rows > 6 ? (lanes == 16 ? 4 : 2)
                                   : std::min(budget / extent.rows, lanes == 16 ? int64_t(8) : 4);
  across = std::min(vectors, across);
  int64_t down = std::clamp<int64_t>(budget / across, 1, extent.rows);
  // Blocks of equal size rather than many and a rest: 24 rows are 4 x 6.
  across = llvm::divideCeil(vectors, llvm::divideCeil(vectors, across));
  down = llvm::divideCeil(extent.rows, llvm::divideCeil(extent.rows, down));

  int64_t step = across * lanes, blocksDown = llvm::divideCeil(extent.rows, down);
  int64_t count = llvm::divideCeil(extent.columns, step) * blocksDown;
  auto quotient = [&](Value a, int64_t c) {
    return arith::DivUIOp::create(b, a, index(c)).getResult();
  };
  forBlocks(extent.columns, step, [&](Value column, int64_t columns) {
    SmallVector<int64_t> widths;
    for (int64_t left = columns; left > 0; left -= lanes)
      widths.push_back(std::min(left, lanes));
    forBlocks(extent.rows, down, [&](Value row, int64_t rows) {
      Value before = arith::MulIOp::create(b, quotient(column, step), index(blocksDown));
      Value number = arith::AddIOp::create(b, before, quotient(row, down));
      body({row, column, rows, widths, number, count});
    });
  });
  ahead.clear();
}

void HostEmitter::emitColumnKernel(tile::DotOp dot, const TileBuffer &into) {
  forResultBlocks(extentOf(dot.getResult()),
                  [&](const ResultBlock &block) { emitColumnBlock(dot, into, block); });
}

void HostEmitter::emitColumnBlock(tile::DotOp dot, const TileBuffer &into,
                                  const ResultBlock &block) {
  Value row = block.row, column = block.column;
  int64_t rows = block.rows;
  ArrayRef<int64_t> widths = block.widths;
  int64_t inner = cast<RankedTensorType>(dot.getA().getType()).getDimSize(1);
  auto at = [&](size_t part) { return plus(column, int64_t(part) * lanes); };
  SmallVector<Value> sums;
  for (int64_t i = 0; i < rows; ++i)
    for (auto [part, width] : llvm::enumerate(widths))
      sums.push_back(evaluate(dot.getAccumulator(), plus(row, i), at(part), width));

  auto loop = scf::ForOp::create(b, index(0), index(inner), index(1), sums);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value k = loop.getInductionVar();
    prefetchAhead(block, k, inner);
    SmallVector<Value> line;
    for (auto [part, width] : llvm::enumerate(widths)) {
      if (auto packed = transposed.find(dot.getB());
          dot.getTransposeB() && packed != transposed.end()) {
        Value value =
            loadVector(address(packed->second, k, at(part)), packed->second.element, width);
        if (!packed->second.element.isF32())
          value = arith::ExtFOp::create(b, VectorType::get({width}, b.getF32Type()), value);
        line.push_back(value);
      } else {
        line.push_back(evaluateF32(dot.getB(), k, at(part), width));
      }
    }
    SmallVector<Value> next;
    for (int64_t i = 0; i < rows; ++i) {
      Value a = evaluateF32(dot.getA(), plus(row, i), k, 0);
      for (auto [part, width] : llvm::enumerate(widths)) {
        Value spread = vector::BroadcastOp::create(b, VectorType::get({width}, b.getF32Type()), a);
        next.push_back(
            vector::FMAOp::create(b, spread, line[part], loop.getRegionIterArg(next.size())));
      }
    }
    scf::YieldOp::create(b, next);
  }
  size_t number = 0;
  for (int64_t i = 0; i < rows; ++i)
    for (size_t part = 0; part < widths.size(); ++part)
      storeVector(loop.getResult(number++), address(into, plus(row, i), at(part)));
}

//===----------------------------------------------------------------------===//
// Inner kernel
//===----------------------------------------------------------------------===//

void HostEmitter::emitInnerKernel(tile::DotOp dot, const TileBuffer &into) {
  Extent extent = extentOf(dot.getResult());
  // Enough independent sums to cover the latency of fma, and few loads a sum.
  int64_t down = std::min<int64_t>(extent.rows, 4);
  int64_t across = std::min<int64_t>(extent.columns, lanes == 16 ? (down == 1 ? 8 : 16 / down + 1)
                                                                 : (down == 1 ? 6 : 2));
  forBlocks(extent.columns, across, [&](Value column, int64_t columns) {
    forBlocks(extent.rows, down, [&](Value row, int64_t rows) {
      emitInnerBlock(dot, into, row, rows, column, columns);
    });
  });
}

void HostEmitter::emitInnerBlock(tile::DotOp dot, const TileBuffer &into, Value row, int64_t rows,
                                 Value column, int64_t columns) {
  int64_t inner = cast<RankedTensorType>(dot.getA().getType()).getDimSize(1);
  // Pairs of bf16 as far as they fill vectors, the rest widened.
  bool pairs = takesPairs(dot);
  int64_t stride = pairs ? 2 * lanes : lanes, whole = inner / stride * stride;
  SmallVector<Value> totals(rows * columns);
  auto finish = [&](ArrayRef<Value> sums) {
    for (auto [number, sum] : llvm::enumerate(sums)) {
      Value total = vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum,
                                                arith::FastMathFlags::reassoc);
      totals[number] =
          totals[number] ? arith::AddFOp::create(b, totals[number], total).getResult() : total;
    }
  };
  auto step = [&](Value k, int64_t width, ValueRange sums) {
    SmallVector<Value> as, bs, next;
    bool byPairs = width > lanes;
    auto operand = [&](Value tile, Value at) {
      return byPairs ? evaluate(tile, at, k, width) : evaluateF32(tile, at, k, width);
    };
    for (int64_t i = 0; i < rows; ++i)
      as.push_back(operand(dot.getA(), plus(row, i)));
    for (int64_t j = 0; j < columns; ++j)
      bs.push_back(operand(dot.getB(), plus(column, j)));
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        Value sum = sums[next.size()];
        next.push_back(byPairs ? dotPairs(sum, as[i], bs[j])
                               : vector::FMAOp::create(b, as[i], bs[j], sum).getResult());
      }
    return next;
  };
  auto zeros = [&](int64_t width) {
    auto type = VectorType::get({width}, b.getF32Type());
    return SmallVector<Value>(rows * columns, arith::ConstantOp::create(b, b.getZeroAttr(type)));
  };
  if (whole > 0) {
    auto loop = scf::ForOp::create(b, index(0), index(whole), index(stride), zeros(lanes));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(loop.getBody());
      scf::YieldOp::create(b, step(loop.getInductionVar(), stride, loop.getRegionIterArgs()));
    }
    SmallVector<Value> sums(loop.getResults());
    finish(sums);
  }
  for (int64_t width; whole < inner; whole += width) {
    width = std::min(inner - whole, lanes);
    finish(step(index(whole), width, zeros(width)));
  }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      Value start = evaluate(dot.getAccumulator(), plus(row, i), plus(column, j), 0);
      storeVector(arith::AddFOp::create(b, start, totals[i * columns + j]),
                  address(into, plus(row, i), plus(column, j)));
    }
}

} // namespace zorse::host
