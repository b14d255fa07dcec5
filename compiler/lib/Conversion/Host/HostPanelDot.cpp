//===- HostPanelDot.cpp - products whose b is streamed from memory --------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The *panel kernel* serves a b that lies in memory as a product reads it: rows of
// columns, or of columns in pairs of k, such as a packed weight. It keeps rows x
// vectors of the result in registers, reads b once for each such block of rows, and
// repeats elements of a from where they lie. Pairs of bf16 go to the dot instruction
// as they are, or are widened in registers: the low half by a shift, the high half by
// a mask. Few rows leave registers free, which then hold more sums along k, so that
// the latency of the addition does not show.
//
// Rows of a that lie outside its bound are not read: a block reads the last row that
// is inside in their place, and keeps what the accumulator had for them.
//
//===----------------------------------------------------------------------===//

#include "HostEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace zorse::host {

namespace {

tile::LoadOp loadBehind(Value tile) {
  if (auto widen = tile.getDefiningOp<arith::ExtFOp>())
    tile = widen.getIn();
  return tile.getDefiningOp<tile::LoadOp>();
}

std::optional<int64_t> constantOf(Value value) {
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)))
    return number.getSExtValue();
  return std::nullopt;
}

/// The bound of a dimension of a load, unless it is known to cover `extent`.
Value limitOf(tile::LoadOp load, unsigned dim, int64_t extent) {
  if (load.getValid().empty())
    return Value();
  auto constant = constantOf(load.getValid()[dim]);
  return constant && *constant >= extent ? Value() : load.getValid()[dim];
}

/// Columns follow each other, and none is outside.
bool hasWholeRows(tile::LoadOp load) {
  auto stride = constantOf(load.getStrides().back());
  return stride && *stride == 1 &&
         cast<RankedTensorType>(load.getResult().getType()).getRank() == 2 &&
         !limitOf(load, 1, extentOf(load.getResult()).columns);
}

/// Rows in memory, as a product reads them.
struct Lines {
  Value pointer;  ///< of element (0, 0)
  Value stride;   ///< elements from a row to the next, i64
  Type stored;    ///< type in memory
  Value rowLimit; ///< rows from here on are outside; absent if all are inside
};

} // namespace

bool HostEmitter::isStreamed(tile::DotOp dot) const {
  tile::LoadOp load = loadBehind(dot.getB());
  if (!load || buffers.contains(dot.getB()) || buffers.contains(load))
    return false;
  return !dot.getTransposeB() && hasWholeRows(load) &&
         !limitOf(load, 0, extentOf(load.getResult()).rows) &&
         extentOf(dot.getResult()).columns % lanes == 0;
}

namespace {

/// The products of one block of rows and vectors.
class PanelBlock {
public:
  PanelBlock(ImplicitLocOpBuilder &b, int64_t lanes, tile::DotOp dot, bool widened, const Lines &a,
             const Lines &panel, int64_t prefetch,
             std::function<Value(Value, Value, Value)> dotPairs)
      : b(b), lanes(lanes), inner(cast<RankedTensorType>(dot.getA().getType()).getDimSize(1)),
        paired(dot.getPaired()), widened(widened), a(a), panel(panel), prefetch(prefetch),
        dotPairs(std::move(dotPairs)), sum(VectorType::get({lanes}, b.getF32Type())) {}

  /// `rows` point to the rows of a, `columns` to the first of `vectors` vectors of b. Returns
  /// `start` (row after row) plus the products.
  SmallVector<Value> run(ArrayRef<Value> rows, Value columns, int64_t vectors,
                         SmallVector<Value> start) {
    rowPointers = rows;
    lines = columns;
    across = vectors;
    int64_t group = paired ? 2 : 1, steps = inner / group;
    // Twelve chains cover the latency of two multipliers.
    int64_t chains = std::clamp<int64_t>(12 / (int64_t(rows.size()) * across), 1, 4);
    int64_t looped = steps / chains * chains;
    if (looped == 0)
      chains = 1;
    size_t each = start.size();
    SmallVector<Value> sums(start);
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(sum));
    sums.append(each * (chains - 1), zero);
    if (looped > 0) {
      auto loop = scf::ForOp::create(b, index(0), index(looped), index(chains), sums);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(loop.getBody());
      SmallVector<Value> next;
      for (int64_t chain = 0; chain < chains; ++chain)
        llvm::append_range(next, step(plus(loop.getInductionVar(), chain),
                                      loop.getRegionIterArgs().slice(chain * each, each), false));
      scf::YieldOp::create(b, next);
      sums.assign(loop.getResults().begin(), loop.getResults().end());
    }
    for (int64_t rest = looped; rest < steps; ++rest) {
      int64_t chain = (rest - looped) % chains;
      llvm::copy(step(index(rest), ArrayRef(sums).slice(chain * each, each), false),
                 sums.begin() + chain * each);
    }
    if (steps * group < inner)
      llvm::copy(step(index(steps), ArrayRef(sums).take_front(each), true), sums.begin());
    for (; chains > 1; chains = llvm::divideCeil(chains, 2))
      for (int64_t into = 0, from = llvm::divideCeil(chains, 2); from < chains; ++into, ++from)
        for (size_t i = 0; i < each; ++i)
          sums[into * each + i] =
              arith::AddFOp::create(b, sums[into * each + i], sums[from * each + i]);
    sums.truncate(each);
    return sums;
  }

private:
  Value index(int64_t number) { return arith::ConstantIndexOp::create(b, number); }
  Value plus(Value a, int64_t offset) {
    return offset == 0 ? a : arith::AddIOp::create(b, a, index(offset)).getResult();
  }
  Value number(int64_t value) { return LLVM::ConstantOp::create(b, b.getI64Type(), value); }
  Value at(Value pointer, Type element, Value offset) {
    return LLVM::GEPOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), element, pointer,
                               ArrayRef<LLVM::GEPArg>{offset});
  }
  Value read(Type type, Value pointer) {
    return LLVM::LoadOp::create(b, type, pointer,
                                getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8);
  }
  Value asF32(Value value) {
    Type element = getElementTypeOrSelf(value.getType());
    if (element.isF32())
      return value;
    auto vector = dyn_cast<VectorType>(value.getType());
    Type type =
        vector ? Type(VectorType::get(vector.getShape(), b.getF32Type())) : Type(b.getF32Type());
    return arith::ExtFOp::create(b, type, value);
  }
  Value spread(Value scalar) {
    return vector::BroadcastOp::create(b, VectorType::get({lanes}, scalar.getType()), scalar);
  }

  /// The low and the high halves of pairs of bf16, as f32.
  std::pair<Value, Value> halves(Value pairs) {
    auto words = VectorType::get({lanes}, b.getI32Type());
    auto splat = [&](uint32_t value) {
      return arith::ConstantOp::create(b, SplatElementsAttr::get(words, APInt(32, value)));
    };
    Value low = arith::ShLIOp::create(b, pairs, splat(16));
    Value high = arith::AndIOp::create(b, pairs, splat(0xffff0000u));
    return {LLVM::BitcastOp::create(b, sum, low), LLVM::BitcastOp::create(b, sum, high)};
  }

  /// Two elements of a row of a, as a pair of bf16 in each lane; the second is zero in the odd one
  /// at the end.
  Value pairOf(Value pointer, Value k, bool odd) {
    Value from = at(pointer, a.stored, k);
    if (!odd)
      return spread(LLVM::LoadOp::create(b, b.getI32Type(), from, /*alignment=*/2));
    Value last = LLVM::LoadOp::create(b, b.getI16Type(), from, /*alignment=*/2);
    return spread(arith::ExtUIOp::create(b, b.getI32Type(), last));
  }

  /// Adds the products of one row of b: of one k, or of a pair.
  SmallVector<Value> step(Value row, ValueRange sums, bool odd) {
    Value row64 = arith::IndexCastOp::create(b, b.getI64Type(), row);
    Value line = at(lines, panel.stored, arith::MulIOp::create(b, row64, panel.stride));
    int64_t group = paired ? 2 : 1, bytes = panel.stored.getIntOrFloatBitWidth() / 8;
    if (prefetch > 0)
      for (int64_t byte = 0; byte < across * lanes * group * bytes; byte += 64)
        LLVM::Prefetch::create(b, at(line, b.getI8Type(), number(prefetch + byte)), /*rw=*/0,
                               /*hint=*/3, /*cache=*/1);
    Value k = paired ? arith::MulIOp::create(b, row64, number(2)).getResult() : row64;
    auto vectorOfB = [&](int64_t part) {
      return read(VectorType::get({lanes * group}, panel.stored),
                  at(line, panel.stored, number(part * lanes * group)));
    };
    SmallVector<Value> next(sums.begin(), sums.end());
    auto multiply = [&](size_t i, Value x, Value y) {
      next[i] = vector::FMAOp::create(b, x, y, next[i]);
    };
    if (!paired) {
      SmallVector<Value> bs;
      for (int64_t part = 0; part < across; ++part)
        bs.push_back(asF32(vectorOfB(part)));
      for (auto [i, pointer] : llvm::enumerate(rowPointers)) {
        Value x = spread(asF32(read(a.stored, at(pointer, a.stored, k))));
        for (int64_t part = 0; part < across; ++part)
          multiply(i * across + part, x, bs[part]);
      }
      return next;
    }
    if (!widened) {
      SmallVector<Value> bs;
      for (int64_t part = 0; part < across; ++part)
        bs.push_back(vectorOfB(part));
      for (auto [i, pointer] : llvm::enumerate(rowPointers)) {
        Value x = LLVM::BitcastOp::create(b, VectorType::get({2 * lanes}, b.getBF16Type()),
                                          pairOf(pointer, k, odd));
        for (int64_t part = 0; part < across; ++part)
          next[i * across + part] = dotPairs(next[i * across + part], x, bs[part]);
      }
      return next;
    }
    SmallVector<std::pair<Value, Value>> bs;
    for (int64_t part = 0; part < across; ++part)
      bs.push_back(halves(
          LLVM::BitcastOp::create(b, VectorType::get({lanes}, b.getI32Type()), vectorOfB(part))));
    for (auto [i, pointer] : llvm::enumerate(rowPointers)) {
      std::pair<Value, Value> x;
      if (a.stored.isBF16()) {
        x = halves(pairOf(pointer, k, odd));
      } else {
        x.first = spread(asF32(read(a.stored, at(pointer, a.stored, k))));
        if (!odd)
          x.second = spread(
              asF32(read(a.stored, at(pointer, a.stored, arith::AddIOp::create(b, k, number(1))))));
      }
      for (int64_t part = 0; part < across; ++part)
        multiply(i * across + part, x.first, bs[part].first);
      for (int64_t part = 0; part < across && !odd; ++part)
        multiply(i * across + part, x.second, bs[part].second);
    }
    return next;
  }

  ImplicitLocOpBuilder &b;
  int64_t lanes, inner;
  bool paired, widened;
  const Lines &a, &panel;
  int64_t prefetch;
  std::function<Value(Value, Value, Value)> dotPairs;
  VectorType sum;
  ArrayRef<Value> rowPointers;
  Value lines;
  int64_t across = 0;
};

} // namespace

void HostEmitter::emitPanelKernel(tile::DotOp dot, const TileBuffer &into) {
  Extent extent = extentOf(dot.getResult());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto wide = [&](Value number) {
    return arith::IndexCastOp::create(b, b.getI64Type(), number).getResult();
  };
  auto linesOf = [&](tile::LoadOp load) {
    Type stored = getElementTypeOrSelf(load.getResult().getType());
    Value start = LLVM::GEPOp::create(b, pointer, stored, scalarOf(load.getBuffer()),
                                      ArrayRef<LLVM::GEPArg>{wide(scalarOf(load.getOffset()))});
    Value limit = limitOf(load, 0, extentOf(load.getResult()).rows);
    return Lines{start, wide(scalarOf(load.getStrides().front())), stored,
                 limit ? scalarOf(limit) : Value()};
  };

  tile::LoadOp loadOfB = loadBehind(dot.getB()), loadOfA = loadBehind(dot.getA());
  Lines panel = linesOf(loadOfB), a;
  bool readsInPlace = loadOfA && !buffers.contains(dot.getA()) && !buffers.contains(loadOfA) &&
                      hasWholeRows(loadOfA);
  if (readsInPlace) {
    a = linesOf(loadOfA);
  } else {
    TileBuffer packed = bufferOf(dot.getA());
    a = {packed.pointer, wide(index(packed.rowStride)), packed.element, Value()};
    // A staged copy has zeros for the rows that are outside; they need no product.
    if (auto stage = dot.getA().getDefiningOp<tile::StageOp>(); stage && !stage.getTranspose())
      if (tile::LoadOp load = loadBehind(stage.getValue()))
        if (Value limit = limitOf(load, 0, extent.rows))
          a.rowLimit = scalarOf(limit);
  }

  // Of 32 registers (16 with AVX2) some hold b, widened as the case may be, and a.
  bool widened = !dot.getPaired() || !target.hasBf16Dot ||
                 !getElementTypeOrSelf(dot.getA().getType()).isBF16();
  int64_t vectors = extent.columns / lanes;
  int64_t most = lanes == 16 ? (widened && extent.rows > 4 ? 2 : 4) : (extent.rows > 2 ? 2 : 4);
  int64_t across = std::min(vectors, most);
  int64_t down = std::min<int64_t>(extent.rows, lanes == 16   ? (across == 4 ? 6 : 8)
                                                : across == 4 ? 2
                                                              : 4);
  Value limit = index(extent.rows);
  bool ragged = a.rowLimit || extent.rows % down != 0;
  if (a.rowLimit)
    limit = arith::MinSIOp::create(b, limit, a.rowLimit);
  // Rows outside the bound keep the accumulator.
  Value start = dot.getAccumulator();
  if (auto found = buffers.find(start);
      a.rowLimit && (found == buffers.end() || found->second.pointer != into.pointer))
    materialize(start, into);
  auto startAt = [&](Value row, Value column) {
    if (a.rowLimit)
      return loadVector(address(into, row, column), into.element, lanes);
    return evaluate(start, row, column, lanes);
  };

  PanelBlock block(b, lanes, dot, widened, a, panel, int64_t(loadOfB.getPrefetch().value_or(0)),
                   [&](Value sum, Value x, Value y) { return this->dotPairs(sum, x, y); });
  int64_t group = dot.getPaired() ? 2 : 1;
  forBlocks(extent.columns, across * lanes, [&](Value column, int64_t columns) {
    int64_t parts = columns / lanes;
    Value offset = arith::MulIOp::create(b, wide(column), wide(index(group)));
    Value columnsAt = LLVM::GEPOp::create(b, pointer, panel.stored, panel.pointer,
                                          ArrayRef<LLVM::GEPArg>{offset});
    auto rowsFrom = [&](Value row) {
      SmallVector<Value> rows, pointers, starts;
      for (int64_t i = 0; i < down; ++i) {
        rows.push_back(plus(row, i));
        Value inside = rows.back();
        if (ragged && i > 0)
          inside = arith::MinSIOp::create(b, inside, plus(limit, -1));
        pointers.push_back(LLVM::GEPOp::create(
            b, pointer, a.stored, a.pointer,
            ArrayRef<LLVM::GEPArg>{arith::MulIOp::create(b, wide(inside), a.stride).getResult()}));
        for (int64_t part = 0; part < parts; ++part)
          starts.push_back(
              startAt(ragged && !a.rowLimit ? inside : rows.back(), plus(column, part * lanes)));
      }
      SmallVector<Value> sums = block.run(pointers, columnsAt, parts, std::move(starts));
      for (int64_t i = 0; i < down; ++i) {
        auto store = [&] {
          for (int64_t part = 0; part < parts; ++part)
            storeVector(sums[i * parts + part], address(into, rows[i], plus(column, part * lanes)));
        };
        if (!ragged || i == 0) {
          store();
          continue;
        }
        Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, rows[i], limit);
        auto branch = scf::IfOp::create(b, inside, /*withElseRegion=*/false);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(branch.thenBlock()->getTerminator());
        store();
      }
    };
    if (down == extent.rows) {
      rowsFrom(index(0));
      return;
    }
    auto loop = scf::ForOp::create(b, index(0), limit, index(down));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    rowsFrom(loop.getInductionVar());
  });
}

} // namespace zorse::host
