//===- KernelResultsTest.cpp - lane programs compute their ops ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each op, scheduled and lowered for an AMD target, is run lane by lane on ragged
// sizes and compared with the reference under the derived tolerance. A fault that
// the interpreter finds (a race, an access out of bounds) fails the test too.
//
//===----------------------------------------------------------------------===//

#include "LaneInterpreter.h"
#include "LowerToAmd.h"
#include "Schedule.h"

#include "zorse/reference/Reference.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <gtest/gtest.h>

using namespace mlir;

namespace zorse::test {
namespace {

template <typename T> T must(Result<T> result) {
  if (!result)
    throw std::runtime_error(result.error().message);
  return result.take();
}
void must(Status status) {
  if (!status)
    throw std::runtime_error(status.error().message);
}

struct Case {
  const char *name, *request, *config, *arch;
  Sizes sizes;
};

std::ostream &operator<<(std::ostream &os, const Case &c) {
  return os << c.request << " " << c.config << " " << c.arch;
}

/// Runs the kernels of an op one after another, with workspaces full of NaN.
void runLanes(const OpDesc &op, const TargetDesc &target, const KernelConfig &config,
              const Sizes &sizes, const OperandSet &operands) {
  DialectRegistry registry;
  registerAmdDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  auto program = must(schedule::makeTileProgram({op, target, config}, context));
  ASSERT_TRUE(succeeded(lowerTileToAmd(*program.module, target)));

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
  for (const SizeSpec &size : op.spec().sizes)
    numbers.push_back(sizes.at(size.name));
  for (const auto &kernel : program.kernels) {
    auto function = program.module->lookupSymbol<LLVM::LLVMFuncOp>(kernel.symbol);
    ASSERT_TRUE(function) << kernel.symbol;
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

class AmdKernel : public testing::TestWithParam<Case> {};

TEST_P(AmdKernel, EqualsTheReference) {
  const Case &c = GetParam();
  OpDesc op = must(OpDesc::parse(c.request));
  TargetDesc target = must(findTarget(c.arch));
  expectReference(op, target, must(KernelConfig::parse(c.config, op, target)), c.sizes);
}

#define MLA(heads, rank, rope, nope, type)                                                         \
  R"({"op":"mla_decode","num_heads":)" #heads R"(,"kv_lora_rank":)" #rank                          \
  R"(,"qk_rope_head_dim":)" #rope R"(,"qk_nope_head_dim":)" #nope R"(,"dtype":")" #type R"("})"
#define LINEAR(in, out, rest)                                                                      \
  R"({"op":"linear","in_features":)" #in R"(,"out_features":)" #out rest "}"

const Case cases[] = {
    {"norm_3072", R"({"op":"rmsnorm","hidden_size":3072})", "", "gfx942", {{"tokens", 3}}},
    {"norm_rows",
     R"({"op":"rmsnorm","hidden_size":200,"rounding":"double"})",
     "block_m=4,waves=4",
     "gfx942",
     {{"tokens", 6}}},
    {"norm_one_wave",
     R"({"op":"rmsnorm","hidden_size":61,"dtype":"f16"})",
     "block_m=2,waves=1",
     "gfx90a",
     {{"tokens", 5}}},
    {"norm_f32",
     R"({"op":"rmsnorm","hidden_size":80,"dtype":"f32"})",
     "block_m=16,waves=8",
     "gfx950",
     {{"tokens", 17}}},
    {"linear_16",
     LINEAR(96, 80, ),
     "block_m=16,block_n=32,block_k=64,waves=2",
     "gfx942",
     {{"tokens", 5}}},
    {"linear_64",
     LINEAR(200, 100, R"(,"bias":true,"residual":true)"),
     "block_m=64,block_n=64,block_k=64,waves=4",
     "gfx942",
     {{"tokens", 70}}},
    {"linear_f32",
     LINEAR(70, 36, R"(,"dtype":"f32")"),
     "block_m=32,block_n=32,block_k=32,waves=4",
     "gfx90a",
     {{"tokens", 33}}},
    {"linear_f16_950",
     LINEAR(176, 64, R"(,"dtype":"f16")"),
     "block_m=32,block_n=64,block_k=128,waves=8",
     "gfx950",
     {{"tokens", 40}}},
    {"linear_unstaged",
     LINEAR(128, 96, ),
     "block_m=16,block_n=32,block_k=64,stage_b=0,waves=2",
     "gfx942",
     {{"tokens", 16}}},
    {"linear_mixed",
     LINEAR(96, 48, R"(,"dtype":"bf16","weight_dtype":"f32","out_dtype":"f32")"),
     "block_m=16,block_n=16,block_k=32,waves=1",
     "gfx942",
     {{"tokens", 9}}},
    {"mla_24x128", MLA(24, 128, 64, 64, bf16), "", "gfx942", {{"tokens", 3}, {"context", 150}}},
    {"mla_split",
     MLA(24, 128, 64, 64, bf16),
     "block_h=16,block_n=32,kv_splits=4,waves=1",
     "gfx942",
     {{"tokens", 2}, {"context", 200}}},
    {"mla_32x160",
     MLA(32, 160, 64, 64, f16),
     "block_h=32,block_n=32,kv_splits=2,waves=2",
     "gfx90a",
     {{"tokens", 2}, {"context", 100}}},
    {"mla_f32",
     MLA(8, 24, 10, 8, f32),
     "block_h=16,block_n=16,kv_splits=1,waves=1",
     "gfx942",
     {{"tokens", 3}, {"context", 40}}},
    {"mla_16x80_950",
     MLA(16, 80, 32, 32, bf16),
     "block_h=16,block_n=64,kv_splits=2,waves=1",
     "gfx950",
     {{"tokens", 2}, {"context", 130}}},
    {"mla_32x64_rope32",
     MLA(32, 64, 32, 32, bf16),
     "block_h=32,block_n=64,kv_splits=1,waves=2",
     "gfx950",
     {{"tokens", 2}, {"context", 90}}},
    {"mla_gathered",
     MLA(32, 512, 64, 128, bf16),
     "block_h=32,block_n=16,kv_splits=1,waves=2",
     "gfx942",
     {{"tokens", 1}, {"context", 37}}},
    {"mla_16x816",
     MLA(16, 816, 64, 64, bf16),
     "block_h=16,block_n=16,kv_splits=2,waves=1",
     "gfx90a",
     {{"tokens", 1}, {"context", 41}}},
    {"ssm_24x128",
     R"({"op":"ssm_update","num_heads":24,"num_kv_heads":8,"head_dim":128,"d_state":128,)"
     R"("dt_stride":24})",
     "",
     "gfx942",
     {{"tokens", 2}}},
    {"ssm_f32",
     R"({"op":"ssm_update","num_heads":4,"num_kv_heads":2,"head_dim":24,"d_state":40,)"
     R"("dt_stride":7,"dt_offset":3,"dtype":"f32"})",
     "block_p=16,waves=2",
     "gfx90a",
     {{"tokens", 3}}},
    {"ssm_32x64",
     R"({"op":"ssm_update","num_heads":32,"num_kv_heads":8,"head_dim":64,"d_state":64,)"
     R"("dt_stride":32,"dtype":"f16","state_dtype":"f32"})",
     "block_p=64,waves=8",
     "gfx950",
     {{"tokens", 1}}},
};

// Two waves share the positions of a block: maxima and sums cross waves, probabilities go through
// LDS.
TEST(AmdKernels, WavesMayShareThePositions) {
  OpDesc op = must(OpDesc::parse(MLA(24, 128, 64, 64, bf16)));
  TargetDesc target = must(findTarget("gfx942"));
  auto config = KernelConfig::fromValues(op, target, {32, 64, 2, 4});
  expectReference(op, target, config, {{"tokens", 2}, {"context", 150}});
  config = KernelConfig::fromValues(op, target, {16, 64, 1, 4});
  expectReference(op, target, config, {{"tokens", 1}, {"context", 150}});
}

INSTANTIATE_TEST_SUITE_P(Results, AmdKernel, testing::ValuesIn(cases),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace zorse::test
