//===- Divisibility.cpp - powers of two in index arithmetic ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Divisibility.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;

static constexpr int64_t mostDivisor = int64_t(1) << 20;

static int64_t powerOfTwoIn(int64_t number) {
  return number == 0 ? mostDivisor : std::min(mostDivisor, number & -number);
}

std::optional<int64_t> amd::constantOf(Value value) {
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)))
    return number.getSExtValue();
  return std::nullopt;
}

static int64_t divisorOf(Value value, int depth) {
  if (std::optional<int64_t> number = constantOf(value))
    return powerOfTwoIn(*number);
  if (depth == 0)
    return 1;
  auto of = [&](Value operand) { return divisorOf(operand, depth - 1); };
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast_or_null<scf::ForOp>(argument.getOwner()->getParentOp());
    if (loop && argument == loop.getInductionVar())
      return std::min(of(loop.getLowerBound()), of(loop.getStep()));
    return 1;
  }
  Operation *op = value.getDefiningOp();
  if (isa<arith::MulIOp>(op))
    return std::min(mostDivisor, of(op->getOperand(0)) * of(op->getOperand(1)));
  if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp, arith::MinUIOp,
          arith::MaxUIOp>(op))
    return std::min(of(op->getOperand(0)), of(op->getOperand(1)));
  if (isa<arith::SelectOp>(op))
    return std::min(of(op->getOperand(1)), of(op->getOperand(2)));
  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::ExtUIOp>(op))
    return of(op->getOperand(0));
  return 1;
}

int64_t amd::divisorOf(Value value) { return ::divisorOf(value, 24); }

std::optional<TileAccess> TileAccess::of(Operation *op) {
  auto make = [&](auto access, Value tile) {
    auto type = cast<RankedTensorType>(tile.getType());
    return TileAccess{op,
                      access.getBuffer(),
                      access.getOffset(),
                      access.getStrides(),
                      access.getValid(),
                      type.getShape(),
                      int64_t(type.getElementTypeBitWidth() / 8)};
  };
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return make(load, load.getResult());
  if (auto store = dyn_cast<tile::StoreOp>(op))
    return make(store, store.getValue());
  return std::nullopt;
}

std::optional<Value> TileAccess::boundOf(unsigned dim) const {
  if (valid.empty())
    return std::nullopt;
  std::optional<int64_t> number = constantOf(valid[dim]);
  if (number && *number >= shape[dim])
    return std::nullopt;
  return valid[dim];
}

LayoutDemand::Access TileAccess::demand() const {
  LayoutDemand::Access access{elementBytes, -1, 1};
  for (unsigned dim = 0; dim < shape.size(); ++dim)
    if (constantOf(strides[dim]) == 1)
      access.contiguousDim = dim;
  if (access.contiguousDim < 0)
    return access;
  unsigned dim = access.contiguousDim;
  access.vec = std::min({16 / elementBytes, divisorOf(offset), powerOfTwoIn(shape[dim])});
  if (std::optional<Value> bound = boundOf(dim))
    access.vec = std::min(access.vec, divisorOf(*bound));
  for (unsigned other = 0; other < shape.size(); ++other)
    if (other != dim && shape[other] > 1)
      access.vec = std::min(access.vec, divisorOf(strides[other]));
  return access;
}
