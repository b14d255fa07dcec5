//===- LaneRun.cpp - an op through the lane interpreter -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneRun.h"

#include "LaneInterpreter.h"
#include "LowerToAmd.h"
#include "Schedule.h"

#include "mlir/IR/DialectRegistry.h"

#include <gtest/gtest.h>

using namespace mlir;

namespace zorse::test {

void runLanes(const OpDesc &op, const TargetDesc &target, const KernelConfig &config,
              const Sizes &sizes, const OperandSet &operands) {
  DialectRegistry registry;
  registerAmdDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  auto program = must(schedule::makeTileProgram({op, target, config}, context));
  if (failed(lowerTileToAmd(*program.module, target)))
    throw std::runtime_error("the lowering failed");

  ExprScope scope = op.scope(sizes);
  auto number = [&](const std::string &formula) {
    return must(must(Expr::parse(formula)).evaluate(scope));
  };
  std::vector<std::span<uint8_t>> buffers;
  for (size_t i = 0; i < operands.count(); ++i)
    buffers.emplace_back(static_cast<uint8_t *>(operands.pointers()[i]), operands.bytes(i));
  std::vector<std::vector<uint64_t>> workspaces;
  for (const auto &workspace : program.workspaces) {
    size_t bytes = size_t(number(workspace.elements)) * 4;
    workspaces.emplace_back((bytes + 7) / 8, ~uint64_t(0));
    buffers.emplace_back(reinterpret_cast<uint8_t *>(workspaces.back().data()), bytes);
  }
  std::vector<int64_t> numbers;
  for (const SizeSpec *size : op.sizes())
    numbers.push_back(sizes.at(size->name));
  for (const auto &kernel : program.kernels) {
    auto function = program.module->lookupSymbol<LLVM::LLVMFuncOp>(kernel.symbol);
    if (!function)
      throw std::runtime_error("no kernel " + kernel.symbol);
    LaneInterpreter(function, buffers, numbers)
        .run({number(kernel.grid[0]), number(kernel.grid[1]), number(kernel.grid[2])});
  }
}

void expectReference(const OpDesc &op, const TargetDesc &target, const KernelConfig &config,
                     const Sizes &given) {
  Sizes sizes = consistentSizes(op, given);
  OperandSet want = must(OperandSet::create(op, sizes));
  must(fillOperands(op, sizes, 11, want.pointers()));
  OperandSet got = want.clone();
  must(runReference(op, want.pointers(), sizes));
  try {
    runLanes(op, target, config, sizes, got);
  } catch (const std::exception &error) {
    FAIL() << error.what();
  }
  Comparison comparison = must(compareOperands(op, sizes, got.pointers(), want.pointers()));
  EXPECT_TRUE(comparison.passed) << comparison.wrong << " of " << comparison.elements
                                 << " elements wrong; " << comparison.detail;
}

} // namespace zorse::test
