//===- LaneMatrix.cpp - what lanes do together ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The matrix instructions as AMD's matrix instruction calculator lays them out:
// of a 16 x 16 x k product, lane l holds n = k / 4 elements of A, row l % 16 and
// k = l / 16 * n + j; the same of B with column l % 16; and of the result the
// column l % 16, rows 4 * (l / 16) + r.
//
//===----------------------------------------------------------------------===//

#include "LaneInterpreter.h"

#include "zorse/desc/DType.h"

#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/IR/TypeUtilities.h"

#include <bit>
#include <cmath>
#include <stdexcept>

using namespace mlir;

namespace zorse::test {

void LaneInterpreter::runMatrix(Operation *op, int64_t k) {
  Data a = get(op->getOperand(0)), b = get(op->getOperand(1)), c = get(op->getOperand(2));
  StringRef name = op->getName().getStringRef();
  Type type = getElementTypeOrSelf(op->getOperand(0).getType());
  auto number = [&](uint64_t bits) {
    return type.isF32()   ? std::bit_cast<float>(uint32_t(bits))
           : type.isF16() ? fromF16(uint16_t(bits))
                          : fromBF16(uint16_t(bits));
  };
  int64_t n = k / 4;
  if (a.elements != n || b.elements != n || c.elements != 4)
    throw std::runtime_error(name.str() + " has operands of the wrong size");
  Data &d = make(op->getResult(0));
  for (int wave = 0; wave < threads / 64; ++wave)
    for (int row = 0; row < 16; ++row)
      for (int column = 0; column < 16; ++column) {
        int64_t at = ((wave * 64) + row / 4 * 16 + column) * 4 + row % 4;
        float sum = std::bit_cast<float>(uint32_t(c.bits[at]));
        for (int64_t i = 0; i < k; ++i)
          sum += number(a.bits[(wave * 64 + i / n * 16 + row) * n + i % n]) *
                 number(b.bits[(wave * 64 + i / n * 16 + column) * n + i % n]);
        d.bits[at] = std::bit_cast<uint32_t>(sum);
      }
}

/// Calls function(lane) for the lane that each thread reads from, in its own wave.
template <typename Function> void LaneInterpreter::perThread(Operation *op, Function function) {
  Data source = get(op->getNumOperands() > 1 && isa<ROCDL::DsBpermuteOp, ROCDL::DPPUpdateOp>(op)
                        ? op->getOperand(1)
                        : op->getOperand(0));
  Data &result = make(op->getResult(0));
  for (int t = 0; t < threads; ++t)
    result.bits[t] = source.bits[t / 64 * 64 + function(t)];
}

void LaneInterpreter::runRocdl(Operation *op, const Mask &active) {
  bool allActive = llvm::all_of(active, [](bool lane) { return lane; });
  auto everyThread = [&](auto function) {
    Data &data = make(op->getResult(0));
    for (int t = 0; t < threads; ++t)
      data.bits[t] = uint64_t(function(t));
  };
  auto needsAll = [&] {
    if (!allActive)
      throw std::runtime_error("some lanes do not take part");
  };
  if (isa<ROCDL::ThreadIdXOp>(op))
    return everyThread([](int t) { return t; });
  if (isa<ROCDL::BlockIdXOp>(op))
    return everyThread([&](int) { return group[0]; });
  if (isa<ROCDL::BlockIdYOp>(op))
    return everyThread([&](int) { return group[1]; });
  if (isa<ROCDL::BlockIdZOp>(op))
    return everyThread([&](int) { return group[2]; });
  if (isa<ROCDL::SBarrierOp>(op)) {
    needsAll();
    ++epoch;
    return;
  }
  if (isa<ROCDL::ReadfirstlaneOp>(op))
    return perThread(op, [](int) { return 0; });
  if (isa<ROCDL::MakeBufferRsrcOp>(op)) {
    Data base = get(op->getOperand(0));
    values[op->getResult(0)] = base;
    return;
  }
  if (isa<ROCDL::RawPtrBufferLoadOp>(op))
    return runBufferAccess(op, active, true);
  if (isa<ROCDL::RawPtrBufferStoreOp>(op))
    return runBufferAccess(op, active, false);
  if (isa<ROCDL::ROCDLExp2, ROCDL::ROCDLLog>(op)) {
    Data in = get(op->getOperand(0));
    return everyThread([&](int t) {
      float x = std::bit_cast<float>(uint32_t(in.bits[t]));
      return std::bit_cast<uint32_t>(isa<ROCDL::ROCDLExp2>(op) ? std::exp2(x) : std::log2(x));
    });
  }
  if (auto dpp = dyn_cast<ROCDL::DPPUpdateOp>(op)) {
    needsAll();
    uint32_t control = dpp.getDppCtrl();
    return perThread(op, [&](int t) -> int {
      int lane = t % 64;
      if (control <= 0xff)
        return lane / 4 * 4 + (control >> lane % 4 * 2 & 3);
      if (control > 0x120 && control <= 0x12f) // row_ror
        return lane / 16 * 16 + (lane - int(control - 0x120) + 16) % 16;
      if (control == 0x141)
        return lane / 8 * 8 + 7 - lane % 8;
      throw std::runtime_error("unknown DPP control");
    });
  }
  if (isa<ROCDL::DsSwizzleOp>(op)) {
    needsAll();
    uint64_t offset = get(op->getOperand(1)).bits[0];
    uint64_t keep = offset & 31, set = offset >> 5 & 31, flip = offset >> 10 & 31;
    return perThread(
        op, [&](int t) -> int { return t % 64 / 32 * 32 + int((((t % 32) & keep) | set) ^ flip); });
  }
  if (isa<ROCDL::DsBpermuteOp>(op)) {
    needsAll();
    Data index = get(op->getOperand(0));
    return perThread(op, [&](int t) -> int { return int(index.bits[t] / 4 % 64); });
  }
  needsAll();
  if (isa<ROCDL::mfma_f32_16x16x4f32>(op))
    return runMatrix(op, 4);
  if (isa<ROCDL::mfma_f32_16x16x16f16, ROCDL::mfma_f32_16x16x16bf16_1k>(op))
    return runMatrix(op, 16);
  if (isa<ROCDL::mfma_f32_16x16x32_f16, ROCDL::mfma_f32_16x16x32_bf16>(op))
    return runMatrix(op, 32);
  throw std::runtime_error("unknown rocdl op");
}

} // namespace zorse::test
