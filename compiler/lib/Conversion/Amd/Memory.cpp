//===- Memory.cpp - tiles from and to global memory -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Buffer instructions take a base that is the same for all lanes and a 32-bit
// byte offset for each lane; a lane whose offset lies beyond the size that the
// base carries reads zero and writes nothing. Bounds therefore cost one select,
// and no branch. A tile may span up to 2 GiB.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"

using namespace mlir;
using namespace zorse;
using namespace zorse::amd;

/// Word 3 of a raw buffer descriptor: 32-bit data format, numeric format float.
static constexpr int64_t rawBufferFlags = (7 << 12) | (4 << 15);
static constexpr int64_t reachableBytes = 0x7ffffffc;
static constexpr int64_t outOfReach = int64_t(1) << 31;

namespace {
using Place = SmallVector<Value, 2>;
}

/// The addresses and conditions of one tile access.
struct KernelEmitter::AccessWriter {
  KernelEmitter &e;
  const Layout &layout;
  TileAccess access;
  Value resource, start, owner;
  Place places, steps, bounds; ///< per dimension: coordinate, bytes to the next, bound (or null)
  int64_t width;               ///< elements of one instruction
  llvm::DenseMap<std::tuple<unsigned, int64_t, int64_t>, Value> conditions;

  AccessWriter(KernelEmitter &e, const Layout &layout, Operation *op)
      : e(e), layout(layout), access(*TileAccess::of(op)) {
    auto &b = e.b;
    Value pointer = e.elementPointer(access.buffer, e.scalars.lookup(access.offset));
    Value stride = arith::ConstantOp::create(b, b.getI16IntegerAttr(0));
    resource =
        ROCDL::MakeBufferRsrcOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), 8), pointer,
                                        stride, e.i64(reachableBytes), e.i32(rawBufferFlags));

    LayoutDemand::Access demand = access.demand();
    unsigned vecDim = layout.vecDim();
    width = demand.contiguousDim == int(vecDim) ? std::min(layout.vec(), demand.vec) : 1;
    start = e.i32(0);
    for (unsigned dim = 0; dim < layout.rank(); ++dim) {
      places.push_back(e.placeOf(layout.dims[dim]));
      Value step =
          b.createOrFold<arith::TruncIOp>(b.getI32Type(), e.scalars.lookup(access.strides[dim]));
      steps.push_back(e.times(step, access.elementBytes));
      start = e.add(start, e.mul(places[dim], steps[dim]));
      bounds.push_back(boundOf(dim));
    }
  }

  /// min(max(valid, 0), extent) as i32; null if the whole extent is valid.
  Value boundOf(unsigned dim) {
    std::optional<Value> bound = access.boundOf(dim);
    if (!bound)
      return {};
    Value valid = e.scalars.lookup(*bound);
    valid = e.b.createOrFold<arith::MaxSIOp>(valid, e.i64(0));
    valid = e.b.createOrFold<arith::MinSIOp>(valid, e.i64(access.shape[dim]));
    return e.b.createOrFold<arith::TruncIOp>(e.b.getI32Type(), valid);
  }

  bool neverInside(ArrayRef<int64_t> reps) const {
    for (auto [dim, rep] : llvm::zip_equal(layout.dims, reps))
      if (rep * dim.repStride >= dim.extent)
        return true;
    return false;
  }

  Value condition(ArrayRef<int64_t> reps, int64_t element) {
    Value result = owner;
    for (unsigned dim = 0; dim < layout.rank(); ++dim) {
      const DimLayout &spread = layout.dims[dim];
      if (!bounds[dim] && !spread.padded(reps[dim]))
        continue;
      int64_t along = dim == layout.vecDim() ? element : 0;
      Value &known = conditions[{dim, reps[dim], along}];
      if (!known) {
        Value bound = bounds[dim] ? bounds[dim] : e.i32(spread.extent);
        known = e.inside(spread, places[dim], reps[dim], along, bound);
      }
      result = e.all(result, known);
    }
    return result;
  }

  /// The byte offset of `element` of a register, out of reach if it must not be touched.
  Value offset(ArrayRef<int64_t> reps, int64_t element) {
    Value bytes = start;
    for (unsigned dim = 0; dim < layout.rank(); ++dim) {
      int64_t constant = reps[dim] * layout.dims[dim].repStride;
      if (dim == layout.vecDim())
        constant += element;
      bytes = e.add(bytes, e.times(steps[dim], constant));
    }
    Value inside = condition(reps, element);
    return inside ? arith::SelectOp::create(e.b, inside, bytes, e.i32(outOfReach)).getResult()
                  : bytes;
  }

  /// Type in which `width` elements travel.
  Type carrier() {
    int64_t bytes = width * access.elementBytes;
    if (bytes <= 2)
      return e.b.getIntegerType(bytes * 8);
    return registerType(e.b.getI32Type(), bytes / 4);
  }

  Value load(int64_t reg, Type element) {
    SmallVector<int64_t, 2> reps = layout.repsOf(reg);
    Type type = registerType(element, layout.vec());
    if (neverInside(reps))
      return arith::ConstantOp::create(e.b, cast<TypedAttr>(e.b.getZeroAttr(type)));
    SmallVector<Value> parts;
    Value none = e.i32(0);
    for (int64_t at = 0; at < layout.vec(); at += width) {
      Value raw =
          ROCDL::RawPtrBufferLoadOp::create(e.b, carrier(), resource, offset(reps, at), none, none,
                                            ArrayAttr(), ArrayAttr(), ArrayAttr());
      parts.push_back(e.bitcast(raw, registerType(element, width)));
    }
    return e.build(parts);
  }

  void store(int64_t reg, Value value) {
    SmallVector<int64_t, 2> reps = layout.repsOf(reg);
    if (neverInside(reps))
      return;
    Value none = e.i32(0);
    for (int64_t at = 0; at < layout.vec(); at += width) {
      Value raw = e.bitcast(e.slice(value, at, width), carrier());
      ROCDL::RawPtrBufferStoreOp::create(e.b, raw, resource, offset(reps, at), none, none,
                                         ArrayAttr(), ArrayAttr(), ArrayAttr());
    }
  }
};

Value KernelEmitter::elementPointer(Value buffer, Value offset) {
  int64_t bytes = cast<MemRefType>(buffer.getType()).getElementTypeBitWidth() / 8;
  Value pointer = scalars.lookup(buffer);
  return LLVM::GEPOp::create(b, pointer.getType(), b.getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{times(offset, bytes)});
}

void KernelEmitter::emitLoad(tile::LoadOp op) {
  LdsRange range = bufferRanges.at(op.getBuffer());
  if (hazards.readNeedsBarrier(range))
    barrier();
  hazards.read(range);
  const Layout &layout = plan.layoutOf(op.getResult());
  AccessWriter access(*this, layout, op);
  Type element = getElementTypeOrSelf(op.getResult().getType());
  Registers &registers = tiles[op.getResult()];
  for (int64_t reg = 0; reg < layout.registers(); ++reg)
    registers.push_back(access.load(reg, element));
}

/// Whether the lane that stores an element is the only one that loaded it: a load in the same
/// layout from the same place. Other lanes then cannot lose data.
static bool inPlace(tile::StoreOp store, tile::LoadOp load, const KernelPlan &plan) {
  return load.getOffset() == store.getOffset() && load.getStrides() == store.getStrides() &&
         plan.layoutOf(load.getResult()) == plan.layoutOf(store.getValue());
}

void KernelEmitter::emitStore(tile::StoreOp op) {
  const Layout &layout = plan.layoutOf(op.getValue());
  LdsRange range = bufferRanges.at(op.getBuffer());
  bool copies = layout.freeLaneBits() || layout.freeWaveBits(plan.waves);
  bool allInPlace = !copies && llvm::all_of(op.getBuffer().getUsers(), [&](Operation *user) {
    auto load = dyn_cast<tile::LoadOp>(user);
    return user == op || (load && inPlace(op, load, plan));
  });
  if (hazards.writeNeedsBarrier(range) && !allInPlace)
    barrier();
  hazards.write(range);
  AccessWriter access(*this, layout, op);
  access.owner = ownerOf(layout);
  for (auto [reg, value] : llvm::enumerate(registersOf(op.getValue())))
    access.store(reg, value);
}

void KernelEmitter::emitScalarLoad(memref::LoadOp op) {
  LdsRange range = bufferRanges.at(op.getMemRef());
  if (hazards.readNeedsBarrier(range))
    barrier();
  hazards.read(range);
  // Buffers of different element types never overlap, so without stores of this type the value
  // cannot change and may be read through the scalar cache.
  bool stored = false;
  kernel.walk([&](Operation *other) {
    if (auto store = dyn_cast<tile::StoreOp>(other))
      stored |= store.getBuffer().getType() == op.getMemRefType();
    if (auto store = dyn_cast<memref::StoreOp>(other))
      stored |= store.getMemRefType() == op.getMemRefType();
  });
  Value pointer = elementPointer(op.getMemRef(), scalars.lookup(op.getIndices()[0]));
  scalars.map(op.getResult(), LLVM::LoadOp::create(b, op.getType(), pointer,
                                                   op.getType().getIntOrFloatBitWidth() / 8,
                                                   /*isVolatile=*/false, /*isNonTemporal=*/false,
                                                   /*isInvariant=*/!stored)
                                  .getResult());
}

void KernelEmitter::emitScalarStore(memref::StoreOp op) {
  LdsRange range = bufferRanges.at(op.getMemRef());
  if (hazards.writeNeedsBarrier(range))
    barrier();
  hazards.write(range);
  Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                      arith::OrIOp::create(b, lane, wave), i32(0));
  auto branch = scf::IfOp::create(b, first, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  LLVM::StoreOp::create(b, scalars.lookup(op.getValue()),
                        elementPointer(op.getMemRef(), scalars.lookup(op.getIndices()[0])),
                        op.getMemRefType().getElementTypeBitWidth() / 8);
}
