//===- Control.cpp - kernels, loops, branches -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;

KernelEmitter::KernelEmitter(func::FuncOp kernel, const KernelPlan &plan, const TargetDesc &target)
    : kernel(kernel), plan(plan), target(target), b(kernel.getLoc(), kernel.getContext()) {}

LogicalResult KernelEmitter::emit() {
  makeFunction();
  return emitBlock(kernel.getBody().front());
}

/// Whether what a buffer argument points to is reached through this argument alone. Buffers of
/// different element types never overlap; those of one type may, since a residual or a state may be
/// updated in place.
static bool isAlone(BlockArgument buffer, const llvm::DenseSet<Value> &stored) {
  for (BlockArgument other : buffer.getOwner()->getArguments()) {
    if (other == buffer || other.getType() != buffer.getType() || other.use_empty())
      continue;
    if (stored.contains(other) || stored.contains(buffer))
      return false;
  }
  return true;
}

void KernelEmitter::makeFunction() {
  MLIRContext *context = b.getContext();
  auto global = LLVM::LLVMPointerType::get(context, 1),
       lds = LLVM::LLVMPointerType::get(context, 3);
  b.setInsertionPoint(kernel);
  std::string symbol = kernel.getName().str();
  if (plan.ldsBytes > 0)
    ldsGlobal = LLVM::GlobalOp::create(
        b, LLVM::LLVMArrayType::get(b.getI8Type(), plan.ldsBytes), /*isConstant=*/false,
        LLVM::Linkage::Internal, symbol + "_lds", Attribute(), /*alignment=*/16, /*addrSpace=*/3);

  SmallVector<Type> types;
  for (Type type : kernel.getArgumentTypes())
    types.push_back(isa<MemRefType>(type) ? Type(global) : b.getI64Type());
  // The tile kernel still has the name; it goes when this is done.
  kernel.setName(symbol + "_tile");
  function = LLVM::LLVMFuncOp::create(
      b, symbol, LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), types));
  int32_t threads = int32_t(plan.waves * waveSize);
  std::string exactly = std::to_string(threads);
  function->setAttr("rocdl.kernel", b.getUnitAttr());
  function->setAttr("rocdl.reqd_work_group_size", b.getDenseI32ArrayAttr({threads, 1, 1}));
  function->setAttr("rocdl.flat_work_group_size", b.getStringAttr(exactly + "," + exactly));

  llvm::DenseSet<Value> stored;
  kernel.walk([&](Operation *op) {
    if (auto store = dyn_cast<tile::StoreOp>(op))
      stored.insert(store.getBuffer());
    if (auto store = dyn_cast<memref::StoreOp>(op))
      stored.insert(store.getMemRef());
  });
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  for (auto [index, argument] : llvm::enumerate(kernel.getArguments())) {
    scalars.map(argument, entry->getArgument(index));
    if (!isa<MemRefType>(argument.getType()))
      continue;
    int64_t address = int64_t(1) << 40; // far from LDS
    bufferRanges[argument] = {address + int64_t(index), address + int64_t(index) + 1};
    if (isAlone(argument, stored))
      function.setArgAttr(index, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
    if (!stored.contains(argument))
      function.setArgAttr(index, LLVM::LLVMDialect::getReadonlyAttrName(), b.getUnitAttr());
  }

  Value thread = ROCDL::ThreadIdXOp::create(b, b.getI32Type());
  lane = thread;
  wave = i32(0);
  if (plan.waves > 1) {
    lane = arith::AndIOp::create(b, thread, i32(waveSize - 1));
    // All lanes of a wave agree; saying so keeps what follows from it in scalar registers.
    wave = ROCDL::ReadfirstlaneOp::create(b, b.getI32Type(),
                                          arith::ShRUIOp::create(b, thread, i32(6)).getResult());
  }
  if (ldsGlobal)
    ldsBase = LLVM::AddressOfOp::create(b, lds, ldsGlobal.getSymName());
}

LogicalResult KernelEmitter::emitBlock(Block &block) {
  for (Operation &op : block)
    if (failed(emitOp(&op)))
      return failure();
  return success();
}

LogicalResult KernelEmitter::emitOp(Operation *op) {
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return emitLoad(load), success();
  if (auto store = dyn_cast<tile::StoreOp>(op))
    return emitStore(store), success();
  if (auto stage = dyn_cast<tile::StageOp>(op))
    return emitStage(stage), success();
  if (auto dot = dyn_cast<tile::DotOp>(op))
    return emitDot(dot), success();
  if (auto reduce = dyn_cast<tile::ReduceOp>(op))
    return emitReduce(reduce), success();
  if (auto broadcast = dyn_cast<tile::BroadcastOp>(op))
    return emitBroadcast(broadcast), success();
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return emitFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return emitIf(branch);
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return emitScalarLoad(load), success();
  if (auto store = dyn_cast<memref::StoreOp>(op))
    return emitScalarStore(store), success();
  if (isa<scf::YieldOp>(op))
    return success(); // its loop or branch writes it
  if (isa<func::ReturnOp>(op))
    return LLVM::ReturnOp::create(b, ValueRange()), success();
  if (auto id = dyn_cast<tile::ProgramIdOp>(op)) {
    Value number = id.getDim() == 0   ? ROCDL::BlockIdXOp::create(b, b.getI32Type()).getResult()
                   : id.getDim() == 1 ? ROCDL::BlockIdYOp::create(b, b.getI32Type()).getResult()
                                      : ROCDL::BlockIdZOp::create(b, b.getI32Type()).getResult();
    scalars.map(id.getResult(), arith::ExtUIOp::create(b, b.getI64Type(), number).getResult());
    return success();
  }
  bool makesTile = op->getNumResults() == 1 && isa<RankedTensorType>(op->getResult(0).getType());
  if (makesTile && isa<arith::ConstantOp, tensor::SplatOp, tile::IotaOp>(op))
    return emitMaker(op);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto number = dyn_cast<IntegerAttr>(constant.getValue());
    scalars.map(constant.getResult(), isa<IndexType>(constant.getType())
                                          ? i64(number.getInt())
                                          : b.clone(*op)->getResult(0));
    return success();
  }
  if (isElementwise(op))
    return emitElementwise(op);
  return op->emitOpError("expected an op that AMD kernels can be made of (tile, scf, arith, math, "
                         "tensor.splat, memref.load, memref.store)");
}

KernelEmitter::Registers KernelEmitter::flatten(ValueRange values) {
  Registers flat;
  for (Value value : values) {
    if (isa<RankedTensorType>(value.getType()))
      flat.append(registersOf(value));
    else
      flat.push_back(scalars.lookup(value));
  }
  return flat;
}

SmallVector<Type> KernelEmitter::flattenTypes(ValueRange values) {
  SmallVector<Type> types;
  for (Value value : values) {
    Type type = value.getType();
    if (auto tile = dyn_cast<RankedTensorType>(type)) {
      const Layout &layout = plan.layoutOf(value);
      types.append(layout.registers(), registerType(tile.getElementType(), layout.vec()));
    } else {
      types.push_back(isa<IndexType>(type) ? Type(b.getI64Type()) : type);
    }
  }
  return types;
}

void KernelEmitter::bind(ValueRange values, ValueRange flat) {
  for (Value value : values) {
    if (!isa<RankedTensorType>(value.getType())) {
      scalars.map(value, flat.front());
      flat = flat.drop_front();
      continue;
    }
    size_t count = plan.layoutOf(value).registers();
    tiles[value] = Registers(flat.take_front(count));
    flat = flat.drop_front(count);
  }
}

Hazards KernelEmitter::hazardsOf(Region &region) {
  Hazards found;
  region.walk([&](Operation *op) {
    for (const auto &form : plan.formsOf(op))
      found.write(form->range);
    for (auto scratch : {plan.reduceScratch(op), plan.convertScratch(op)})
      if (scratch) {
        found.write(*scratch);
        found.read(*scratch);
      }
    if (isa<tile::DotOp>(op))
      for (const DotOperand *operand : {&plan.dot(op).a, &plan.dot(op).b})
        if (operand->staged)
          found.read(operand->staged->range);
    if (auto load = dyn_cast<tile::LoadOp>(op))
      found.read(bufferRanges.at(load.getBuffer()));
    if (auto load = dyn_cast<memref::LoadOp>(op))
      found.read(bufferRanges.at(load.getMemRef()));
    if (auto store = dyn_cast<tile::StoreOp>(op))
      found.write(bufferRanges.at(store.getBuffer()));
    if (auto store = dyn_cast<memref::StoreOp>(op))
      found.write(bufferRanges.at(store.getMemRef()));
  });
  return found;
}

LogicalResult KernelEmitter::emitFor(scf::ForOp loop) {
  // The body starts with what came before, or with what the previous round left.
  Hazards before = hazards;
  hazards.join(hazardsOf(loop.getRegion()));
  auto created = scf::ForOp::create(b, scalars.lookup(loop.getLowerBound()),
                                    scalars.lookup(loop.getUpperBound()),
                                    scalars.lookup(loop.getStep()), flatten(loop.getInitArgs()));
  OpBuilder::InsertionGuard guard(b);
  Block *body = created.getBody();
  if (!body->empty())
    body->getTerminator()->erase();
  b.setInsertionPointToEnd(body);
  scalars.map(loop.getInductionVar(), created.getInductionVar());
  bind(loop.getRegionIterArgs(), created.getRegionIterArgs());
  if (failed(emitBlock(*loop.getBody())))
    return failure();
  scf::YieldOp::create(b, flatten(loop.getYieldedValues()));
  bind(loop.getResults(), created.getResults());
  hazards.join(before);
  return success();
}

LogicalResult KernelEmitter::emitIf(scf::IfOp branch) {
  Hazards before = hazards, after;
  auto created =
      scf::IfOp::create(b, flattenTypes(branch.getResults()), scalars.lookup(branch.getCondition()),
                        /*addThenBlock=*/true, !branch.getElseRegion().empty());
  for (auto [from, to] : llvm::zip_equal(branch->getRegions(), created->getRegions())) {
    hazards = before;
    if (!from.empty()) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(&to.front());
      if (failed(emitBlock(from.front())))
        return failure();
      scf::YieldOp::create(b, flatten(from.front().getTerminator()->getOperands()));
    }
    after.join(hazards);
  }
  hazards = after;
  bind(branch.getResults(), created.getResults());
  return success();
}
