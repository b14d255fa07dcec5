//===- LaneMemory.cpp - pointers, vectors, buffers ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneInterpreter.h"

#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

using namespace mlir;

namespace zorse::test {

static size_t bytesOf(Type type) {
  Type element = getElementTypeOrSelf(type);
  auto vector = dyn_cast<VectorType>(type);
  return element.getIntOrFloatBitWidth() / 8 * (vector ? vector.getNumElements() : 1);
}

static std::vector<uint8_t> packed(const uint64_t *elements, size_t count, size_t bytes) {
  std::vector<uint8_t> out(count * bytes);
  for (size_t i = 0; i < count; ++i)
    std::memcpy(out.data() + i * bytes, &elements[i], bytes);
  return out;
}

static void unpack(const uint8_t *from, uint64_t *elements, size_t count, size_t bytes) {
  for (size_t i = 0; i < count; ++i) {
    elements[i] = 0;
    std::memcpy(&elements[i], from + i * bytes, bytes);
  }
}

void LaneInterpreter::access(uint64_t address, unsigned space, int thread, void *data, size_t bytes,
                             bool isLoad) {
  TrackedBytes *memory = nullptr;
  uint64_t at = address;
  if (space == 3 && !lds.empty())
    memory = &lds.front();
  for (TrackedBytes &buffer : buffers) {
    uint64_t begin = uint64_t(uintptr_t(buffer.begin()));
    if (space != 3 && address >= begin && address < begin + buffer.size()) {
      memory = &buffer;
      at = address - begin;
    }
  }
  if (!memory)
    throw std::runtime_error("an address outside of all buffers");
  if (isLoad)
    memory->read(thread / 64, epoch, at, data, bytes);
  else
    memory->write(thread / 64, epoch, at, data, bytes);
}

void LaneInterpreter::runLlvm(Operation *op, const Mask &active) {
  if (isa<LLVM::FenceOp>(op))
    return;
  if (isa<LLVM::AddressOfOp, LLVM::PoisonOp>(op)) {
    make(op->getResult(0));
    return;
  }
  if (auto gep = dyn_cast<LLVM::GEPOp>(op)) {
    Data base = get(gep.getBase()), index = get(gep.getDynamicIndices()[0]);
    bool narrow = gep.getDynamicIndices()[0].getType().isInteger(32);
    Data &result = make(gep.getResult());
    for (int t = 0; t < threads; ++t)
      result.bits[t] = base.bits[t] + (narrow ? uint64_t(int32_t(index.bits[t])) : index.bits[t]);
    return;
  }
  if (isa<LLVM::LoadOp, LLVM::StoreOp>(op)) {
    auto load = dyn_cast<LLVM::LoadOp>(op);
    auto store = dyn_cast<LLVM::StoreOp>(op);
    Value pointer = load ? load.getAddr() : store.getAddr();
    unsigned space = cast<LLVM::LLVMPointerType>(pointer.getType()).getAddressSpace();
    Data &data = load ? make(load.getResult()) : get(store.getValue());
    Type type = load ? load.getResult().getType() : store.getValue().getType();
    size_t each = bytesOf(getElementTypeOrSelf(type));
    Data addresses = get(pointer);
    for (int t = 0; t < threads; ++t) {
      if (!active[t])
        continue;
      uint64_t *elements = data.bits.data() + t * data.elements;
      std::vector<uint8_t> bytes = packed(elements, data.elements, each);
      access(addresses.bits[t], space, t, bytes.data(), bytes.size(), bool(load));
      if (load)
        unpack(bytes.data(), elements, data.elements, each);
    }
    return;
  }
  if (auto cast = dyn_cast<LLVM::BitcastOp>(op)) {
    Data from = get(cast.getArg());
    Data &to = make(cast.getRes());
    size_t fromBytes = bytesOf(getElementTypeOrSelf(cast.getArg().getType()));
    size_t toBytes = bytesOf(getElementTypeOrSelf(cast.getRes().getType()));
    for (int t = 0; t < threads; ++t) {
      std::vector<uint8_t> bytes =
          packed(from.bits.data() + t * from.elements, from.elements, fromBytes);
      unpack(bytes.data(), to.bits.data() + t * to.elements, to.elements, toBytes);
    }
    return;
  }
  if (auto extract = dyn_cast<LLVM::ExtractElementOp>(op)) {
    Data from = get(extract.getVector()), index = get(extract.getPosition());
    Data &to = make(extract.getRes());
    for (int t = 0; t < threads; ++t)
      to.bits[t] = from.bits[t * from.elements + index.bits[t]];
    return;
  }
  if (auto insert = dyn_cast<LLVM::InsertElementOp>(op)) {
    Data vector = get(insert.getVector()), value = get(insert.getValue());
    Data index = get(insert.getPosition());
    for (int t = 0; t < threads; ++t)
      vector.bits[t * vector.elements + index.bits[t]] = value.bits[t];
    values[insert.getRes()] = vector;
    return;
  }
  if (auto shuffle = dyn_cast<LLVM::ShuffleVectorOp>(op)) {
    Data a = get(shuffle.getV1()), b = get(shuffle.getV2());
    Data &to = make(shuffle.getRes());
    for (int t = 0; t < threads; ++t)
      for (auto [i, from] : llvm::enumerate(shuffle.getMask()))
        to.bits[t * to.elements + i] = from < a.elements
                                           ? a.bits[t * a.elements + from]
                                           : b.bits[t * b.elements + from - a.elements];
    return;
  }
  if (auto call = dyn_cast<LLVM::CallIntrinsicOp>(op)) {
    Data in = get(call.getArgs()[0]);
    bool isRsqrt = call.getIntrin() == "llvm.amdgcn.rsq.f32";
    if (!isRsqrt && call.getIntrin() != "llvm.amdgcn.sqrt.f32")
      throw std::runtime_error("unknown intrinsic");
    Data &out = make(op->getResult(0));
    for (int t = 0; t < threads; ++t) {
      float root = std::sqrt(std::bit_cast<float>(uint32_t(in.bits[t])));
      out.bits[t] = std::bit_cast<uint32_t>(isRsqrt ? 1 / root : root);
    }
    return;
  }
  throw std::runtime_error("unknown llvm op");
}

void LaneInterpreter::runBufferAccess(Operation *op, const Mask &active, bool isLoad) {
  Value resource = isLoad ? op->getOperand(0) : op->getOperand(1);
  Data base = get(resource), offset = get(op->getOperand(isLoad ? 1 : 2));
  // Lanes that disagree on the base would need a loop that nobody wrote.
  uniform(resource, active);
  uint64_t reachable = 0;
  APInt number;
  if (matchPattern(resource.getDefiningOp()->getOperand(2), m_ConstantInt(&number)))
    reachable = number.getZExtValue();
  Data &data = isLoad ? make(op->getResult(0)) : get(op->getOperand(0));
  Type type = isLoad ? op->getResult(0).getType() : op->getOperand(0).getType();
  size_t each = bytesOf(getElementTypeOrSelf(type));
  for (int t = 0; t < threads; ++t) {
    if (!active[t] || uint32_t(offset.bits[t]) >= reachable)
      continue;
    uint64_t *elements = data.bits.data() + t * data.elements;
    std::vector<uint8_t> bytes = packed(elements, data.elements, each);
    access(base.bits[t] + uint32_t(offset.bits[t]), 1, t, bytes.data(), bytes.size(), isLoad);
    if (isLoad)
      unpack(bytes.data(), elements, data.elements, each);
  }
}

} // namespace zorse::test
