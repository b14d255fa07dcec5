//===- HostAhead.cpp - fetching the memory of the next round --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sweep reads a block of a cache, then multiplies for a while without reading
// memory, so the prefetchers of the CPU stop, and the next block waits for its
// first lines. But where the next round of the loop reads is known: its address
// with the next value of the counter, looked up in a table of pages if need be.
// The first product after a load therefore fetches that into the second-level
// cache, a line for each step of its inner loop or so. The last round does it for
// nothing.
//
//===----------------------------------------------------------------------===//

#include "HostEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace zorse::host {

static constexpr int64_t lineBytes = 64;

std::optional<Value> HostEmitter::inNextRound(Value number, scf::ForOp loop) {
  if (number == loop.getInductionVar()) {
    // No further than the last value that the loop may see, so that a table has an entry for it.
    Value next = arith::AddIOp::create(b, scalarOf(number), scalarOf(loop.getStep()));
    Value last = arith::SubIOp::create(b, scalarOf(loop.getUpperBound()), index(1));
    return arith::MinSIOp::create(b, next, last).getResult();
  }
  Operation *op = number.getDefiningOp();
  if (!op || !loop->isProperAncestor(op))
    return scalarOf(number);
  bool fromTable = isa<memref::LoadOp>(op) && op->getBlock() == loop.getBody();
  if (!fromTable && (!isPure(op) || op->getNumRegions() != 0 || op->getNumResults() != 1))
    return std::nullopt;
  IRMapping mapping;
  for (Value operand : op->getOperands()) {
    std::optional<Value> next = inNextRound(operand, loop);
    if (!next || !*next)
      return std::nullopt;
    mapping.map(operand, *next);
  }
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return loadScalar(load, mapping.lookup(load.getIndices().front()));
  return b.clone(*op, mapping)->getResult(0);
}

/// Whether `number` changes from round to round.
static bool variesIn(Value number, scf::ForOp loop) {
  Operation *op = number.getDefiningOp();
  if (!op)
    return number == loop.getInductionVar();
  return loop->isProperAncestor(op) &&
         llvm::any_of(op->getOperands(), [&](Value operand) { return variesIn(operand, loop); });
}

void HostEmitter::noteAhead(Value tile, Operation *reader) {
  auto loop = dyn_cast<scf::ForOp>(reader->getParentOp());
  Operation *from = tile.getDefiningOp();
  while (isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(from))
    from = from->getOperand(0).getDefiningOp();
  auto load = dyn_cast_or_null<tile::LoadOp>(from);
  if (!loop || !load || load->getBlock() != loop.getBody() || load.getStrides().size() != 2 ||
      !matchPattern(load.getStrides().back(), m_One()) || !variesIn(load.getOffset(), loop))
    return;
  Extent extent = extentOf(load.getResult());
  Type element = cast<RankedTensorType>(load.getResult().getType()).getElementType();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  auto wide = [&](Value value) {
    return arith::IndexCastOp::create(b, b.getI64Type(), value).getResult();
  };
  Value stride = scalarOf(load.getStrides().front());
  std::optional<Value> next = inNextRound(load.getOffset(), loop);
  if (!next)
    return;
  Value start =
      LLVM::GEPOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), element,
                          scalarOf(load.getBuffer()), ArrayRef<LLVM::GEPArg>{wide(*next)});
  int64_t linesInRow = llvm::divideCeil(extent.columns * bytes, lineBytes);
  ahead.push_back({{start, wide(arith::MulIOp::create(b, stride, index(bytes)))},
                   extent.rows * linesInRow,
                   linesInRow});
}

void HostEmitter::prefetchAhead(const ResultBlock &block, Value k, int64_t rounds) {
  if (ahead.empty())
    return;
  Value round = arith::AddIOp::create(b, arith::MulIOp::create(b, block.number, index(rounds)), k);
  for (const Ahead &next : ahead) {
    // Some lines in each round, or one line in some rounds (over again in those between).
    int64_t all = block.count * rounds, each = llvm::divideCeil(next.lines, all);
    int64_t rest = std::max<int64_t>(1, all / next.lines);
    for (int64_t i = 0; i < each; ++i) {
      Value line = plus(arith::MulIOp::create(b, round, index(each)), i);
      line = arith::DivUIOp::create(b, line, index(rest));
      Value row = arith::DivUIOp::create(b, line, index(next.linesInRow));
      Value inRow = arith::RemUIOp::create(b, line, index(next.linesInRow));
      Value at = addressIn(next.rows, b.getI8Type(), row,
                           arith::MulIOp::create(b, inRow, index(lineBytes)));
      LLVM::Prefetch::create(b, at, /*rw=*/0, /*hint=*/2, /*cache=*/1);
    }
  }
}

} // namespace zorse::host
