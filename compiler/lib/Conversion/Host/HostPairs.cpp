//===- HostPairs.cpp - products of bf16 by pairs --------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dot instruction of AVX512-BF16 adds to each lane of f32 the products of a
// pair of bf16, twice what an fma does. So the column kernel walks k by twos:
// the rows of a are read two elements at a time, as one 32-bit number that is
// spread over a vector, and b is packed so that the elements 2 k and 2 k + 1 of
// a column are neighbours:
//
//   packed[k][n] = (b[2 k][n], b[2 k + 1][n])          [ceil(K / 2)][N] of i32
//
// From a b that lies row by row this is an interleave of two rows; from a
// transposed one a transposition of 32-bit elements. Both read the memory of a
// load directly where all of it is inside. An odd K ends in a zero on both sides.
//
//===----------------------------------------------------------------------===//

#include "HostEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace zorse::host {

static bool isBf16(Value tile) {
  return cast<RankedTensorType>(tile.getType()).getElementType().isBF16();
}

bool HostEmitter::takesPairs(tile::DotOp dot) const {
  return target.hasBf16Dot && isBf16(dot.getA()) && isBf16(dot.getB());
}

/// The instruction has 4, 8 or 16 lanes.
static int64_t lanesFor(int64_t width) {
  return std::max<int64_t>(4, int64_t(llvm::PowerOf2Ceil(width)));
}

/// The first `width` lanes of a vector; lanes that it does not have are undefined.
static Value resized(ImplicitLocOpBuilder &b, Value vector, int64_t width) {
  int64_t given = cast<VectorType>(vector.getType()).getNumElements();
  if (given == width)
    return vector;
  auto lanes = llvm::map_to_vector(llvm::seq<int64_t>(0, width), [&](int64_t lane) {
    return lane < given ? lane : vector::ShuffleOp::kPoisonIndex;
  });
  return vector::ShuffleOp::create(b, vector, vector, lanes);
}

/// a0 c0 a1 c1 …, `width` of each.
static Value interleaved(ImplicitLocOpBuilder &b, Value a, Value c, int64_t width) {
  int64_t given = cast<VectorType>(a.getType()).getNumElements();
  auto lanes = llvm::map_to_vector(llvm::seq<int64_t>(0, 2 * width), [&](int64_t lane) {
    return lane / 2 < given ? lane / 2 + lane % 2 * given : vector::ShuffleOp::kPoisonIndex;
  });
  return vector::ShuffleOp::create(b, a, c, lanes);
}

Value HostEmitter::dotPairs(Value sum, Value a, Value c) {
  auto type = cast<VectorType>(sum.getType());
  std::string name = "llvm.x86.avx512bf16.dpbf16ps." + std::to_string(32 * type.getNumElements());
  return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(name), ValueRange{sum, a, c})
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

std::optional<MemoryRows> HostEmitter::rowsInPlace(Value tile) {
  if (auto found = buffers.find(tile); found != buffers.end())
    return rowsOf(found->second);
  auto load = tile.getDefiningOp<tile::LoadOp>();
  if (!load || load.getStrides().size() != 2 || !matchPattern(load.getStrides().back(), m_One()))
    return std::nullopt;
  auto shape = cast<RankedTensorType>(tile.getType()).getShape();
  for (auto [bound, extent] : llvm::zip(load.getValid(), shape)) {
    APInt number;
    if (!matchPattern(bound, m_ConstantInt(&number)) || number.getSExtValue() < extent)
      return std::nullopt;
  }
  auto wide = [&](Value value) {
    return arith::IndexCastOp::create(b, b.getI64Type(), scalarOf(value)).getResult();
  };
  Value start = LLVM::GEPOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), b.getBF16Type(),
                                    scalarOf(load.getBuffer()),
                                    ArrayRef<LLVM::GEPArg>{wide(load.getOffset())});
  Value two = LLVM::ConstantOp::create(b, b.getI64Type(), 2);
  return MemoryRows{start, arith::MulIOp::create(b, wide(load.getStrides().front()), two)};
}

MemoryRows HostEmitter::memoryRows(Value tile, bool wholePairs) {
  Extent extent = extentOf(tile);
  bool odd = wholePairs && extent.columns % 2 != 0;
  if (!odd)
    if (auto rows = rowsInPlace(tile))
      return *rows;
  TileBuffer copy = allocate(extent.rows, extent.columns + odd, b.getBF16Type());
  materialize(tile, copy);
  if (odd) {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.getBF16Type()));
    forRows(index(extent.rows),
            [&](Value row) { storeVector(zero, address(copy, row, index(extent.columns))); });
  }
  return rowsOf(copy);
}

void HostEmitter::packPairs(const MemoryRows &from, Extent extent, const TileBuffer &into) {
  auto line = [&](Value pair, bool second) {
    Value first = arith::MulIOp::create(b, pair, index(2));
    forColumns(extent.columns, [&](Value column, int64_t width) {
      auto load = [&](Value row) {
        return loadVector(addressIn(from, b.getBF16Type(), row, column), b.getBF16Type(), width);
      };
      Value a = load(first);
      Value c = second ? load(plus(first, 1))
                       : arith::ConstantOp::create(b, b.getZeroAttr(a.getType())).getResult();
      storeVector(interleaved(b, a, c, width), address(into, pair, column));
    });
  };
  if (extent.rows > 1)
    forRows(index(extent.rows / 2), [&](Value pair) { line(pair, true); });
  if (extent.rows % 2 != 0)
    line(index(extent.rows / 2), false);
}

TileBuffer HostEmitter::pairsOfRows(Value tile) {
  Extent extent = extentOf(tile);
  // Lines are read as whole vectors, past their end too.
  TileBuffer into = allocate(llvm::divideCeil(extent.rows, 2), llvm::alignTo(extent.columns, lanes),
                             b.getI32Type());
  packPairs(memoryRows(tile, /*wholePairs=*/false), extent, into);
  return into;
}

TileBuffer HostEmitter::pairsOfColumns(Value tile) {
  Extent extent = extentOf(tile);
  int64_t count = llvm::divideCeil(extent.columns, 2);
  TileBuffer into = allocate(count, llvm::alignTo(extent.rows, lanes), b.getI32Type());
  packTransposed(memoryRows(tile, /*wholePairs=*/true), {extent.rows, count}, into);
  return into;
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

HostEmitter::PairLine HostEmitter::pairLine(const TileBuffer &packed) {
  return [this, packed](Value pair, Value column, int64_t width) {
    int64_t count = lanesFor(width);
    Value line = loadVector(address(packed, pair, column), packed.element, count);
    return vector::BitCastOp::create(b, VectorType::get({2 * count}, b.getBF16Type()), line)
        .getResult();
  };
}

void HostEmitter::emitPairKernel(tile::DotOp dot, const TileBuffer &into) {
  Value right = dot.getB();
  auto &staged = dot.getTransposeB() ? columnPairs : rowPairs;
  if (auto found = staged.find(right); found != staged.end())
    return emitPairProduct(dot, into, pairLine(found->second));
  // Rows of b that are read where they lie, once for a few rows of a: interleaved on the way.
  if (extentOf(right).rows % 2 != 0)
    return emitPairProduct(dot, into, pairLine(pairsOfRows(right)));
  emitPairProduct(dot, into, [&](Value pair, Value column, int64_t width) {
    Value first = arith::MulIOp::create(b, pair, index(2));
    Value a = evaluate(right, first, column, width);
    return interleaved(b, a, evaluate(right, plus(first, 1), column, width), lanesFor(width));
  });
}

void HostEmitter::emitPairProduct(tile::DotOp dot, const TileBuffer &into, const PairLine &line) {
  MemoryRows a = memoryRows(dot.getA(), /*wholePairs=*/true);
  forResultBlocks(extentOf(dot.getResult()),
                  [&](const ResultBlock &block) { emitPairBlock(dot, a, line, into, block); });
}

void HostEmitter::emitPairBlock(tile::DotOp dot, const MemoryRows &a, const PairLine &line,
                                const TileBuffer &into, const ResultBlock &block) {
  Value row = block.row, column = block.column;
  int64_t rows = block.rows;
  ArrayRef<int64_t> widths = block.widths;
  int64_t pairs = llvm::divideCeil(extentOf(dot.getA()).columns, 2);
  auto at = [&](size_t part) { return plus(column, int64_t(part) * lanes); };
  SmallVector<Value> sums;
  for (int64_t i = 0; i < rows; ++i)
    for (auto [part, width] : llvm::enumerate(widths))
      sums.push_back(resized(b, evaluate(dot.getAccumulator(), plus(row, i), at(part), width),
                             lanesFor(width)));

  auto loop = scf::ForOp::create(b, index(0), index(pairs), index(1), sums);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value pair = loop.getInductionVar(), k = arith::MulIOp::create(b, pair, index(2));
    prefetchAhead(block, pair, pairs);
    SmallVector<Value> lines, next;
    for (auto [part, width] : llvm::enumerate(widths))
      lines.push_back(line(pair, at(part), width));
    for (int64_t i = 0; i < rows; ++i) {
      Value two =
          LLVM::LoadOp::create(b, b.getI32Type(), addressIn(a, b.getBF16Type(), plus(row, i), k),
                               /*alignment=*/2);
      for (auto [part, width] : llvm::enumerate(widths)) {
        int64_t count = lanesFor(width);
        Value spread =
            vector::BroadcastOp::create(b, VectorType::get({count}, b.getI32Type()), two);
        spread =
            vector::BitCastOp::create(b, VectorType::get({2 * count}, b.getBF16Type()), spread);
        next.push_back(dotPairs(loop.getRegionIterArg(next.size()), spread, lines[part]));
      }
    }
    scf::YieldOp::create(b, next);
  }
  size_t number = 0;
  for (int64_t i = 0; i < rows; ++i)
    for (auto [part, width] : llvm::enumerate(widths))
      storeVector(resized(b, loop.getResult(number++), width),
                  address(into, plus(row, i), at(part)));
}

} // namespace zorse::host
