//===- ScheduleTest.cpp - every op makes a well-formed tile program -------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Verifier.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <set>

using namespace mlir;
using namespace zorse;
using schedule::TileProgram;

namespace {

/// The layers of one model, as far as kernels see them.
struct Model {
  const char *name;
  int64_t hidden, intermediate, heads, kvHeads, expandedHeads, nope, rope, value, rank, queryRank;
  int64_t ssmHeads, ssmKvHeads, headDim, state, vocab;
};

const Model models[] = {
    {"tiny", 64, 172, 8, 4, 4, 4, 4, 8, 16, 24, 8, 4, 8, 8, 512},
    {"small", 288, 768, 6, 6, 6, 24, 24, 48, 72, 136, 6, 6, 48, 48, 32000},
    {"1B", 2048, 8192, 32, 8, 8, 32, 32, 64, 128, 1344, 32, 8, 64, 64, 128256},
    {"3B", 3072, 8192, 24, 8, 8, 64, 64, 128, 128, 1536, 24, 8, 128, 128, 128256},
    {"8B", 4096, 14336, 32, 8, 8, 64, 64, 128, 160, 2048, 32, 8, 128, 128, 128256},
    {"X-EcoMLA kv48", 2048, 8192, 32, 8, 32, 32, 32, 64, 48, 1440, 32, 8, 64, 64, 128256},
    {"X-EcoMLA kv512", 2048, 8192, 32, 8, 32, 32, 32, 64, 512, 864, 32, 8, 64, 64, 128256},
    {"X-EcoMLA kv816", 3072, 8192, 24, 8, 24, 64, 64, 128, 816, 1536, 24, 8, 128, 128, 128256},
};

/// One request of every kind, in the shapes of a model.
std::vector<std::string> requestsOf(const Model &m) {
  int64_t inner = m.ssmHeads * m.state, convDim = m.ssmKvHeads * (m.headDim + m.state) + inner;
  int64_t row = 2 * inner + 2 * m.ssmKvHeads * m.headDim + m.ssmHeads;
  int64_t head = m.hidden / m.heads;
  std::string latent =
      fmt::format(R"("num_heads":{},"qk_nope_head_dim":{},"qk_rope_head_dim":{},"kv_lora_rank":{})",
                  m.heads, m.nope, m.rope, m.rank);
  std::string grouped =
      fmt::format(R"("num_heads":{},"num_kv_heads":{},"head_dim":{})", m.heads, m.kvHeads, head);
  std::string ssm =
      fmt::format(R"("num_heads":{},"num_kv_heads":{},"head_dim":{},"d_state":{},)"
                  R"("dt_stride":{},"dt_offset":{})",
                  m.ssmHeads, m.ssmKvHeads, m.headDim, m.state, row, row - m.ssmHeads);
  std::string step =
      fmt::format(R"("num_heads":{},"num_kv_heads":{},"head_dim":{},"d_state":{},)"
                  R"("row_stride":{},"x_offset":{},"dt_offset":{})",
                  m.ssmHeads, m.ssmKvHeads, m.headDim, m.state, row, inner, row - m.ssmHeads);
  std::string conv =
      fmt::format(R"("conv_dim":{},"x_stride":{},"x_offset":{})", convDim, row + inner, inner);
  auto request = [](const char *kind, const std::string &fields) {
    return fmt::format(R"({{"op":"{}",{}}})", kind, fields);
  };
  auto expanded = [&](const char *kind, bool withRope) {
    std::string fields = fmt::format(
        R"("num_heads":{},"num_kv_heads":{},"qk_nope_head_dim":{},"v_head_dim":{},"kv_lora_rank":{})",
        m.heads, m.expandedHeads, m.nope, m.value, m.rank);
    if (withRope)
      fields += fmt::format(R"(,"qk_rope_head_dim":{})", m.rope);
    return request(kind, fields);
  };
  auto linear = [&](int64_t in, int64_t out, const char *more = "") {
    return request("linear", fmt::format(R"("in_features":{},"out_features":{}{})", in, out, more));
  };
  return {
      request("argmax", fmt::format(R"("vocab_size":{})", m.vocab)),
      request("causal_conv1d", conv),
      request("causal_conv1d", conv + R"(,"d_conv":2,"dtype":"f32")"),
      request("causal_conv1d_update", conv),
      request("embed", fmt::format(R"("vocab_size":{},"hidden_size":{})", m.vocab, m.hidden)),
      request("gated_rmsnorm", fmt::format(R"("num_groups":{},"group_size":{},"z_stride":{})",
                                           m.ssmHeads, m.state, row)),
      request("gqa_decode", grouped),
      request("gqa_decode", grouped + R"(,"cache_dtype":"f16","softmax_scale":0.5)"),
      request("gqa_decode", grouped + R"(,"page_size":64)"),
      request("gqa_prefill", grouped),
      request("gqa_rope_append", grouped),
      linear(m.hidden, m.queryRank),
      linear(m.queryRank, m.heads * (m.nope + m.rope), R"(,"dtype":"f32")"),
      linear(m.hidden, m.rank + m.rope, R"(,"bias":true,"dtype":"f16","weight_dtype":"bf16")"),
      linear(m.intermediate, m.hidden, R"(,"residual":true,"out_dtype":"f32")"),
      linear(m.rank, m.expandedHeads * (m.nope + m.value),
             fmt::format(R"(,"row_stride":{})", m.rank + m.rope).c_str()),
      request("mamba2_step", step),
      request("mamba2_step", step + R"(,"state_dtype":"f32")"),
      expanded("mla_absorb", true),
      request("mla_decode", latent),
      request("mla_decode", latent + R"(,"dtype":"f16","cache_dtype":"bf16")"),
      request("mla_decode", latent + R"(,"page_size":16)"),
      expanded("mla_expand", false),
      expanded("mla_prefill", true),
      request("mla_rope_append", latent),
      request("rmsnorm", fmt::format(R"("hidden_size":{})", m.hidden)),
      request("rmsnorm", fmt::format(R"("hidden_size":{},"rounding":"double")", m.hidden)),
      request("ssd_scan", ssm),
      request("ssd_scan", ssm + R"(,"state_dtype":"f32")"),
      request("ssm_update", ssm),
      request("swiglu", fmt::format(R"("intermediate_size":{})", m.intermediate)),
  };
}

/// The default and a spread of the legal configurations.
std::vector<KernelConfig> someConfigs(const OpDesc &op, const TargetDesc &target) {
  std::vector<KernelConfig> configs;
  if (Result<KernelConfig> standard = KernelConfig::defaults(op, target))
    configs.push_back(*standard);
  std::vector<KernelConfig> all = enumerateConfigs(op, target);
  size_t stride = std::max<size_t>(1, all.size() / 9);
  for (size_t i = 0; i < all.size(); i += stride)
    configs.push_back(all[i]);
  return configs;
}

bool isMultipleOf16(Value tile) {
  return llvm::all_of(cast<RankedTensorType>(tile.getType()).getShape(),
                      [](int64_t extent) { return extent % 16 == 0; });
}

/// What every program must obey beyond the verifiers of its ops.
void checkProgram(const OpDesc &op, const TargetDesc &target, const KernelConfig &config,
                  TileProgram &program) {
  ModuleOp module = *program.module;
  ASSERT_TRUE(succeeded(verify(module)));

  ExprScope sizes;
  for (const SizeSpec *size : op.sizes())
    sizes[size->name] = int64_t(7);
  auto positive = [&](const std::string &formula) {
    Result<Expr> expr = Expr::parse(formula);
    ASSERT_TRUE(expr) << formula;
    Result<int64_t> value = expr->evaluate(sizes);
    ASSERT_TRUE(value) << formula << " speaks of more than sizes";
    EXPECT_GT(*value, 0) << formula;
  };
  for (const auto &workspace : program.workspaces)
    positive(workspace.elements);
  ASSERT_FALSE(program.kernels.empty());
  // Others prepare for it or join its parts.
  EXPECT_TRUE(llvm::any_of(program.kernels, [&](const TileProgram::Kernel &kernel) {
    return kernel.symbol == "zorse_" + op.kind();
  }));
  for (const auto &kernel : program.kernels) {
    auto function = module.lookupSymbol<func::FuncOp>(kernel.symbol);
    ASSERT_TRUE(function) << kernel.symbol;
    EXPECT_EQ(function.getNumArguments(),
              op.operands().size() + program.workspaces.size() + op.sizes().size());
    auto grid = function->getAttrOfType<ArrayAttr>("tile.grid");
    ASSERT_TRUE(grid && grid.size() == 3);
    for (int dim = 0; dim < 3; ++dim) {
      EXPECT_EQ(cast<StringAttr>(grid[dim]).str(), kernel.grid[dim]);
      positive(kernel.grid[dim]);
    }
    int64_t waves = config.has("waves") ? config.get("waves") : 1;
    EXPECT_EQ(function->getAttrOfType<IntegerAttr>("tile.waves").getInt(), waves);
  }
  module.walk([&](tile::DotOp dot) {
    Type element = cast<RankedTensorType>(dot.getA().getType()).getElementType();
    if (target.isHost())
      EXPECT_TRUE(element.isF32());
    else
      EXPECT_TRUE(isMultipleOf16(dot.getA()) && isMultipleOf16(dot.getB()));
    // A product reads loads, as they are or widened, and staged tiles.
    for (Value operand : {dot.getA(), dot.getB()}) {
      Operation *source = operand.getDefiningOp();
      if (isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(source))
        source = source->getOperand(0).getDefiningOp();
      EXPECT_TRUE((isa_and_nonnull<tile::LoadOp, tile::StageOp>(source)));
    }
  });
}

class ScheduleTest : public testing::TestWithParam<const char *> {
protected:
  MLIRContext context;
};

TEST_P(ScheduleTest, EveryKindMakesAVerifiedProgram) {
  Result<TargetDesc> target = findTarget(GetParam());
  ASSERT_TRUE(target);
  std::set<std::string> kinds;
  for (const Model &model : models)
    for (const std::string &request : requestsOf(model)) {
      Result<OpDesc> op = OpDesc::parse(request);
      ASSERT_TRUE(op) << op.error().message << " in " << request;
      kinds.insert(op->kind());
      for (const KernelConfig &config : someConfigs(*op, *target)) {
        SCOPED_TRACE(fmt::format("{}: {} with {}", model.name, request, config.text()));
        Result<TileProgram> program = schedule::makeTileProgram({*op, *target, config}, context);
        ASSERT_TRUE(program);
        checkProgram(*op, *target, config, *program);
        if (HasFatalFailure())
          return;
      }
    }
  EXPECT_EQ(kinds.size(), allOpSpecs().size()) << "a kind has no request here";
}

INSTANTIATE_TEST_SUITE_P(Targets, ScheduleTest,
                         testing::Values("x86_64-avx2", "x86_64-avx512", "gfx90a", "gfx942",
                                         "gfx950"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Schedule, SplitsAddAKernelAndWorkspaces) {
  MLIRContext context;
  Result<TargetDesc> host = findTarget("x86_64-avx512");
  Result<OpDesc> op = OpDesc::parse(R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":128,
                                       "qk_rope_head_dim":64,"qk_nope_head_dim":64})");
  ASSERT_TRUE(host && op);
  auto make = [&](const char *text) {
    Result<KernelConfig> config = KernelConfig::parse(text, *op, *host);
    EXPECT_TRUE(config);
    return schedule::makeTileProgram({*op, *host, *config}, context);
  };
  Result<TileProgram> one = make("block_h=24,block_n=64,kv_splits=1");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->kernels.size(), 1u);
  EXPECT_TRUE(one->workspaces.empty());

  Result<TileProgram> four = make("block_h=8,block_n=64,kv_splits=4");
  ASSERT_TRUE(four);
  ASSERT_EQ(four->kernels.size(), 2u);
  EXPECT_EQ(four->kernels[0].grid, (std::array<std::string, 3>{"tokens * 3", "4", "1"}));
  EXPECT_EQ(four->kernels[1].symbol, "zorse_mla_decode_combine");
  ASSERT_EQ(four->workspaces.size(), 3u);
  EXPECT_EQ(four->workspaces[0].name, "partial");
  EXPECT_EQ(four->workspaces[0].elements, "tokens * 4 * 24 * 128");
}

} // namespace
