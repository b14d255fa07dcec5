//===- HostPlacement.cpp - which tiles become buffers ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace zorse::host {

/// Cheap enough to evaluate again at every use: no arithmetic behind it.
bool HostEmitter::isTrivial(Value tile) const {
  Operation *op = tile.getDefiningOp();
  if (!op || buffers.contains(tile))
    return true;
  if (isa<arith::ConstantOp, tensor::SplatOp, tile::IotaOp, tile::LoadOp, tile::BroadcastOp>(op))
    return true;
  // Widening a load costs no more than the load.
  return isa<arith::ExtFOp>(op) && isTrivial(op->getOperand(0));
}

bool HostEmitter::needsBuffer(Operation *op) const {
  Value result = op->getResult(0);
  if (isa<arith::ConstantOp, tensor::SplatOp, tile::IotaOp, tile::BroadcastOp>(op))
    return false;
  // Masks have no buffer form; what they compare is trivial or in buffers.
  if (cast<RankedTensorType>(result.getType()).getElementType().isInteger(1))
    return false;
  bool elsewhere = llvm::any_of(
      result.getUsers(), [&](Operation *user) { return user->getBlock() != op->getBlock(); });
  if (elsewhere)
    return true;
  if (isTrivial(result))
    return false;
  bool repeated = llvm::any_of(result.getUsers(), [&](Operation *user) {
    auto dot = dyn_cast<tile::DotOp>(user);
    return isa<tile::BroadcastOp>(user) || (dot && (dot.getA() == result || dot.getB() == result));
  });
  // A comparison or a broadcast repeats what it reads.
  bool behindMask = llvm::any_of(result.getUsers(), [&](Operation *user) {
    return user->getNumResults() == 1 && isa<RankedTensorType>(user->getResult(0).getType()) &&
           cast<RankedTensorType>(user->getResult(0).getType()).getElementType().isInteger(1);
  });
  return repeated || behindMask || !result.hasOneUse();
}

Operation *HostEmitter::lastRead(Value tile, Block *block) const {
  Operation *last = nullptr;
  for (Operation *user : tile.getUsers()) {
    Operation *reader = block->findAncestorOpInBlock(*user);
    if (!reader)
      continue;
    // A formula reads when its own reader does; anything else reads where it stands.
    bool formula = reader == user && user->getNumResults() == 1 &&
                   isa<RankedTensorType>(user->getResult(0).getType()) &&
                   !isa<tile::DotOp, tile::StageOp, tile::ReduceOp>(user) &&
                   !buffers.contains(user->getResult(0)) && !needsBuffer(user);
    if (formula)
      reader = lastRead(user->getResult(0), block);
    if (reader && (!last || last->isBeforeInBlock(reader)))
      last = reader;
  }
  return last;
}

/// Whether evaluating `tile` reads the buffer of `of`; with `pointwiseOnly`, whether it reads
/// other elements than the one it computes.
bool HostEmitter::readsBuffer(Value tile, Value of, bool elsewhereOnly) const {
  if (tile == of)
    return !elsewhereOnly;
  Operation *op = tile.getDefiningOp();
  if (!op || buffers.contains(tile))
    return false;
  if (isa<tile::BroadcastOp>(op))
    return readsBuffer(op->getOperand(0), of, /*elsewhereOnly=*/false);
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    return isa<RankedTensorType>(operand.getType()) && readsBuffer(operand, of, elsewhereOnly);
  });
}

void HostEmitter::freezeLoadsBefore(tile::StoreOp store) {
  Block *block = store->getBlock();
  for (Operation &op : *block) {
    if (&op == store)
      break;
    auto load = dyn_cast<tile::LoadOp>(&op);
    if (!load || buffers.contains(load) || load.getBuffer() != store.getBuffer())
      continue;
    Operation *last = lastRead(load, block);
    if (!last || last->isBeforeInBlock(store))
      continue;
    // Reading and writing the same element in one step is safe.
    bool same = last == store && load.getOffset() == store.getOffset() &&
                load.getStrides() == store.getStrides();
    if (!same)
      buffers[load] = bufferOf(load);
  }
}

std::optional<TileBuffer> HostEmitter::destinationInPlace(Operation *op, Value result) {
  Block *block = op->getBlock();
  auto loop = dyn_cast<scf::ForOp>(block->getParentOp());
  if (!loop)
    return std::nullopt;
  Operation *terminator = block->getTerminator();
  for (OpOperand &use : result.getUses()) {
    if (use.getOwner() != terminator)
      continue;
    Value argument = loop.getRegionIterArg(use.getOperandNumber());
    auto found = carried.find(argument);
    if (found == carried.end())
      continue;
    // The old value must not be read after this op, nor at other elements by it.
    Operation *last = lastRead(argument, block);
    if (last && op->isBeforeInBlock(last))
      continue;
    bool elsewhere = false;
    if (auto dot = dyn_cast<tile::DotOp>(op))
      elsewhere = readsBuffer(dot.getA(), argument, false) ||
                  readsBuffer(dot.getB(), argument, false) ||
                  readsBuffer(dot.getAccumulator(), argument, true);
    else if (isa<tile::ReduceOp>(op))
      elsewhere = true;
    else
      elsewhere = llvm::any_of(op->getOperands(), [&](Value operand) {
        return isa<RankedTensorType>(operand.getType()) && readsBuffer(operand, argument, true);
      });
    if (!elsewhere)
      return found->second;
  }
  return std::nullopt;
}

} // namespace zorse::host
