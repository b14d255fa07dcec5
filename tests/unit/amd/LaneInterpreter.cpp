//===- LaneInterpreter.cpp - runs lane programs without a GPU -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneInterpreter.h"

#include "zorse/desc/DType.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/IR/TypeUtilities.h"

#include <bit>
#include <cmath>
#include <stdexcept>

using namespace mlir;

namespace zorse::test {

static int64_t elementsOf(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.getNumElements() : 1;
}

static unsigned bitsOf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return isa<LLVM::LLVMPointerType>(element) ? 64 : element.getIntOrFloatBitWidth();
}

static uint64_t truncated(uint64_t bits, unsigned width) {
  return width == 64 ? bits : bits & ((uint64_t(1) << width) - 1);
}

static int64_t extended(uint64_t bits, unsigned width) {
  return width == 64 ? int64_t(bits) : int64_t(bits << (64 - width)) >> (64 - width);
}

static float toFloat(uint64_t bits, Type type) {
  return type.isF32()   ? std::bit_cast<float>(uint32_t(bits))
         : type.isF16() ? fromF16(uint16_t(bits))
                        : fromBF16(uint16_t(bits));
}

static uint64_t fromFloat(float value, Type type) {
  return type.isF32()   ? std::bit_cast<uint32_t>(value)
         : type.isF16() ? toF16(value)
                        : toBF16(value);
}

[[noreturn]] static void fault(const std::string &text) { throw std::runtime_error(text); }

LaneInterpreter::LaneInterpreter(LLVM::LLVMFuncOp kernel, std::span<const std::span<uint8_t>> given,
                                 std::span<const int64_t> sizes)
    : kernel(kernel) {
  for (std::span<uint8_t> buffer : given) {
    arguments.push_back(uint64_t(uintptr_t(buffer.data())));
    buffers.emplace_back("buffer " + std::to_string(buffers.size()), buffer.data(), buffer.size(),
                         true);
  }
  for (int64_t size : sizes)
    arguments.push_back(uint64_t(size));
  if (arguments.size() != kernel.getNumArguments())
    fault("the kernel takes " + std::to_string(kernel.getNumArguments()) + " arguments");
  threads = cast<DenseI32ArrayAttr>(kernel->getAttr("rocdl.reqd_work_group_size"))[0];
}

void LaneInterpreter::run(std::array<int64_t, 3> grid) {
  for (group[2] = 0; group[2] < grid[2]; ++group[2])
    for (group[1] = 0; group[1] < grid[1]; ++group[1])
      for (group[0] = 0; group[0] < grid[0]; ++group[0])
        runWorkgroup(group);
}

void LaneInterpreter::runWorkgroup(std::array<int64_t, 3>) {
  values.clear();
  lds.clear();
  epoch += 2; // other workgroups are other waves: no order between them is checked
  kernel->getParentOfType<ModuleOp>().walk([&](LLVM::GlobalOp global) {
    if (global.getSymName() != kernel.getSymName().str() + "_lds")
      return;
    ldsBytes.assign(cast<LLVM::LLVMArrayType>(global.getGlobalType()).getNumElements(), 0xff);
    lds.emplace_back("LDS", ldsBytes.data(), ldsBytes.size(), false);
  });
  for (auto [argument, bits] : llvm::zip_equal(kernel.getArguments(), arguments))
    make(argument).bits.assign(threads, bits);
  runBlock(kernel.getBody().front(), Mask(threads, true));
}

LaneInterpreter::Data &LaneInterpreter::make(Value value) {
  Data &data = values[value];
  data.elements = elementsOf(value.getType());
  data.bits.assign(threads * data.elements, 0);
  return data;
}

LaneInterpreter::Data &LaneInterpreter::get(Value value) {
  auto found = values.find(value);
  if (found == values.end())
    fault("a value is used before it is made");
  return found->second;
}

int64_t LaneInterpreter::uniform(Value value, const Mask &active) {
  const Data &data = get(value);
  std::optional<uint64_t> bits;
  for (int t = 0; t < threads; ++t)
    if (active[t]) {
      if (bits && *bits != data.bits[t])
        fault("lanes disagree on a value that must be the same for all");
      bits = data.bits[t];
    }
  return extended(*bits, bitsOf(value.getType()));
}

void LaneInterpreter::runBlock(Block &block, const Mask &active) {
  for (Operation &op : block) {
    try {
      runOp(&op, active);
    } catch (const std::runtime_error &error) {
      std::string text = error.what();
      if (text.find("\n  at: ") == std::string::npos && op.getNumRegions() == 0) {
        llvm::raw_string_ostream stream(text);
        stream << "\n  at: " << op;
      }
      throw std::runtime_error(text);
    }
  }
}

void LaneInterpreter::runOp(Operation *op, const Mask &active) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return runFor(loop, active);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return runIf(branch, active);
  if (isa<scf::YieldOp, LLVM::ReturnOp>(op))
    return;
  if (isa<arith::ArithDialect>(op->getDialect()))
    return runArith(op);
  if (isa<LLVM::LLVMDialect>(op->getDialect()))
    return runLlvm(op, active);
  if (isa<ROCDL::ROCDLDialect>(op->getDialect()))
    return runRocdl(op, active);
  fault("unknown op");
}

void LaneInterpreter::runFor(scf::ForOp loop, const Mask &active) {
  int64_t from = uniform(loop.getLowerBound(), active), to = uniform(loop.getUpperBound(), active);
  int64_t step = uniform(loop.getStep(), active);
  std::vector<Data> carried;
  for (Value init : loop.getInitArgs())
    carried.push_back(get(init));
  for (int64_t i = from; i < to; i += step) {
    make(loop.getInductionVar()).bits.assign(threads, uint64_t(i));
    for (auto [argument, data] : llvm::zip_equal(loop.getRegionIterArgs(), carried))
      values[argument] = data;
    runBlock(*loop.getBody(), active);
    for (auto [data, yielded] : llvm::zip_equal(carried, loop.getYieldedValues()))
      data = get(yielded);
  }
  for (auto [result, data] : llvm::zip_equal(loop.getResults(), carried))
    values[result] = data;
}

void LaneInterpreter::runIf(scf::IfOp branch, const Mask &active) {
  Data condition = get(branch.getCondition());
  for (Value result : branch.getResults())
    make(result);
  for (bool taken : {true, false}) {
    Region &region = taken ? branch.getThenRegion() : branch.getElseRegion();
    Mask mask(threads);
    bool any = false;
    for (int t = 0; t < threads; ++t) {
      mask[t] = active[t] && (condition.bits[t] != 0) == taken;
      any |= mask[t];
    }
    if (region.empty() || !any)
      continue;
    runBlock(region.front(), mask);
    for (auto [result, yielded] :
         llvm::zip_equal(branch.getResults(), region.front().getTerminator()->getOperands())) {
      const Data &from = get(yielded);
      Data &to = get(result);
      for (int t = 0; t < threads; ++t)
        if (mask[t])
          std::copy_n(from.bits.begin() + t * from.elements, from.elements,
                      to.bits.begin() + t * to.elements);
    }
  }
}

/// Calls function(operand bits …, element type of the first operand) for each element. Operands of
/// one element (a condition) serve all elements.
template <typename Function> void LaneInterpreter::perElement(Operation *op, Function function) {
  std::vector<const Data *> operands;
  std::vector<Data> copies;
  for (Value operand : op->getOperands())
    copies.push_back(get(operand));
  Data &result = make(op->getResult(0));
  std::vector<uint64_t> in(copies.size());
  for (size_t i = 0; i < result.bits.size(); ++i) {
    for (size_t o = 0; o < copies.size(); ++o)
      in[o] = copies[o].elements == result.elements ? copies[o].bits[i]
                                                    : copies[o].bits[i / result.elements];
    result.bits[i] = function(in);
  }
}

void LaneInterpreter::runArith(Operation *op) {
  Type out = getElementTypeOrSelf(op->getResult(0).getType());
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    Attribute value = constant.getValue();
    if (auto elements = dyn_cast<SplatElementsAttr>(value))
      value = elements.getSplatValue<Attribute>();
    else if (isa<ElementsAttr>(value))
      fault("a constant with several values");
    uint64_t bits = isa<FloatAttr>(value)
                        ? cast<FloatAttr>(value).getValue().bitcastToAPInt().getZExtValue()
                        : cast<IntegerAttr>(value).getValue().getZExtValue();
    Data &data = make(op->getResult(0));
    data.bits.assign(data.bits.size(), bits);
    return;
  }
  Type in = getElementTypeOrSelf(op->getOperand(0).getType());
  unsigned width = bitsOf(in), outWidth = bitsOf(out);
  using In = std::vector<uint64_t>;
  auto integer = [&](auto function) {
    perElement(op, [&](const In &v) { return truncated(function(v[0], v[1]), outWidth); });
  };
  auto signedInteger = [&](auto function) {
    integer([&](uint64_t a, uint64_t b) {
      return uint64_t(function(extended(a, width), extended(b, width)));
    });
  };
  auto real = [&](auto function) {
    perElement(op, [&](const In &v) {
      return fromFloat(function(toFloat(v[0], in), toFloat(v[v.size() - 1], in)), out);
    });
  };
  using U = uint64_t;
  using S = int64_t;
  if (isa<arith::AddIOp>(op))
    return integer([](U a, U b) { return a + b; });
  if (isa<arith::SubIOp>(op))
    return integer([](U a, U b) { return a - b; });
  if (isa<arith::MulIOp>(op))
    return integer([](U a, U b) { return a * b; });
  if (isa<arith::DivUIOp>(op))
    return integer([](U a, U b) { return a / b; });
  if (isa<arith::RemUIOp>(op))
    return integer([](U a, U b) { return a % b; });
  if (isa<arith::AndIOp>(op))
    return integer([](U a, U b) { return a & b; });
  if (isa<arith::OrIOp>(op))
    return integer([](U a, U b) { return a | b; });
  if (isa<arith::XOrIOp>(op))
    return integer([](U a, U b) { return a ^ b; });
  if (isa<arith::ShLIOp>(op))
    return integer([](U a, U b) { return a << b; });
  if (isa<arith::ShRUIOp>(op))
    return integer([](U a, U b) { return a >> b; });
  if (isa<arith::MinSIOp>(op))
    return signedInteger([](S a, S b) { return std::min(a, b); });
  if (isa<arith::MaxSIOp>(op))
    return signedInteger([](S a, S b) { return std::max(a, b); });
  if (isa<arith::ExtUIOp, arith::TruncIOp>(op))
    return perElement(op, [&](const In &v) { return truncated(v[0], outWidth); });
  if (isa<arith::ExtSIOp>(op))
    return perElement(op, [&](const In &v) { return truncated(extended(v[0], width), outWidth); });
  if (isa<arith::AddFOp>(op))
    return real([](float a, float b) { return a + b; });
  if (isa<arith::SubFOp>(op))
    return real([](float a, float b) { return a - b; });
  if (isa<arith::MulFOp>(op))
    return real([](float a, float b) { return a * b; });
  if (isa<arith::DivFOp>(op))
    return real([](float a, float b) { return a / b; });
  if (isa<arith::NegFOp>(op))
    return real([](float a, float) { return -a; });
  if (isa<arith::MaxNumFOp>(op))
    return real([](float a, float b) { return std::fmax(a, b); });
  if (isa<arith::MinNumFOp>(op))
    return real([](float a, float b) { return std::fmin(a, b); });
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return real([](float a, float) { return a; });
  if (isa<arith::SIToFPOp>(op))
    return perElement(op,
                      [&](const In &v) { return fromFloat(float(extended(v[0], width)), out); });
  if (isa<arith::SelectOp>(op))
    return perElement(op, [](const In &v) { return v[0] ? v[1] : v[2]; });
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    auto type = IntegerType::get(op->getContext(), width);
    return perElement(op, [&](const In &v) {
      return U(
          arith::applyCmpPredicate(compare.getPredicate(), APInt(width, v[0]), APInt(width, v[1])));
    });
  }
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return perElement(op, [&](const In &v) {
      return U(arith::applyCmpPredicate(compare.getPredicate(), APFloat(toFloat(v[0], in)),
                                        APFloat(toFloat(v[1], in))));
    });
  fault("unknown arith op");
}

} // namespace zorse::test
