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

#include "LaneRun.h"

#include "reference/SmallRequests.h"

#include <gtest/gtest.h>

#include <random>

namespace zorse::test {
namespace {

struct Case {
  const char *name, *request, *config, *arch;
  Sizes sizes;
};

std::ostream &operator<<(std::ostream &os, const Case &c) {
  return os << c.request << " " << c.config << " " << c.arch;
}

class AmdKernel : public testing::TestWithParam<Case> {};

TEST_P(AmdKernel, EqualsTheReference) {
  const Case &c = GetParam();
  OpDesc op = must(OpDesc::parse(c.request));
  TargetDesc target = must(findTarget(c.arch));
  expectReference(op, target, must(KernelConfig::parse(c.config, op, target)), c.sizes);
}

using Combination =
    std::tuple<const char *, const char *, std::string_view>; // arch, dtype, request

class EveryAmdKernel : public testing::TestWithParam<Combination> {};

/// The default configuration and some of the others, drawn with a fixed seed.
TEST_P(EveryAmdKernel, EqualsTheReference) {
  auto [arch, dtype, request] = GetParam();
  std::string text(request);
  text.insert(text.rfind('}'), std::string(",\"dtype\":\"") + dtype + "\"");
  OpDesc op = must(OpDesc::parse(text));
  TargetDesc target = must(findTarget(arch));
  std::vector<KernelConfig> legal = enumerateConfigs(op, target);
  std::vector<KernelConfig> configs = {must(KernelConfig::defaults(op, target))};
  constexpr unsigned seed = 17;
  std::mt19937 random(seed);
  for (int i = 0; i < 2; ++i)
    configs.push_back(legal[random() % legal.size()]);
  const Sizes all = {{"tokens", 11},  {"batch", 3},          {"num_slots", 14}, {"context", 70},
                     {"max_len", 75}, {"max_positions", 75}, {"num_pages", 1}};
  Sizes sizes;
  for (const SizeSpec *size : op.sizes())
    sizes[size->name] = all.at(size->name);
  for (const KernelConfig &config : configs) {
    SCOPED_TRACE(text + " with " + config.text() + ", seed " + std::to_string(seed));
    expectReference(op, target, config, sizes);
  }
}

std::string nameOf(const testing::TestParamInfo<Combination> &info) {
  const auto &[arch, dtype, request] = info.param;
  const char *paged = request.find("page_size") == request.npos ? "" : "_paged";
  return must(OpDesc::parse(request)).kind() + paged + "_" + dtype + "_" + arch;
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryAmdKernel,
                         testing::Combine(testing::Values("gfx90a", "gfx942", "gfx950"),
                                          testing::Values("bf16", "f16", "f32"),
                                          testing::ValuesIn(smallRequests)),
                         nameOf);

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
     "block_h=32,block_n=16,block_r=0,kv_splits=1,waves=2",
     "gfx942",
     {{"tokens", 1}, {"context", 37}}},
    {"mla_16x816",
     MLA(16, 816, 64, 64, bf16),
     "block_h=16,block_n=16,block_r=0,kv_splits=2,waves=1",
     "gfx90a",
     {{"tokens", 1}, {"context", 41}}},
    {"mla_parts",
     MLA(24, 200, 64, 64, bf16),
     "block_h=32,block_n=32,block_r=64,kv_splits=1,waves=4",
     "gfx942",
     {{"tokens", 2}, {"context", 75}}},
    {"mla_parts_split",
     MLA(20, 136, 32, 32, f16),
     "block_h=16,block_n=32,block_r=128,kv_splits=4,waves=2",
     "gfx950",
     {{"tokens", 2}, {"context", 100}}},
    {"mla_parts_f32",
     MLA(64, 176, 64, 64, f32),
     "block_h=64,block_n=16,block_r=64,kv_splits=2,waves=4",
     "gfx90a",
     {{"tokens", 1}, {"context", 50}}},
    {"mla_24x816", MLA(24, 816, 64, 64, bf16), "", "gfx942", {{"tokens", 1}, {"context", 33}}},
    {"mamba2_24x128",
     R"({"op":"mamba2_step","num_heads":24,"num_kv_heads":8,"head_dim":128,"d_state":128,)"
     R"("row_stride":8216,"x_offset":3072,"dt_offset":8192})",
     "",
     "gfx942",
     {{"tokens", 2}}},
    // All heads of a key/value head in one workgroup, which shifts the inputs of x and B once.
    {"mamba2_together",
     R"({"op":"mamba2_step","num_heads":6,"num_kv_heads":2,"head_dim":24,"d_state":40,)"
     R"("row_stride":540,"z_offset":3,"x_offset":150,"dt_offset":530,"dtype":"f32"})",
     "conv_first=0,waves=2",
     "gfx90a",
     {{"tokens", 3}}},
    {"mamba2_32x64",
     R"({"op":"mamba2_step","num_heads":32,"num_kv_heads":8,"head_dim":64,"d_state":64,)"
     R"("row_stride":5152,"x_offset":2048,"dt_offset":5120,"dtype":"f16","state_dtype":"f32"})",
     "conv_first=0,waves=4",
     "gfx950",
     {{"tokens", 1}}},
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
    // One product reads C, which was there, and the state, which must be waited for; the next write
    // takes the place of C.
    {"ssd_waves_share",
     R"({"op":"ssd_scan","num_heads":6,"num_kv_heads":2,"head_dim":16,"d_state":24,)"
     R"("dt_stride":11,"dt_offset":3})",
     "chunk=64,block_p=16,waves=8",
     "gfx942",
     {{"tokens", 41}, {"batch", 2}}},
    // The state goes from split to split; with 41 tokens some splits have none.
    {"ssd_splits",
     R"({"op":"ssd_scan","num_heads":6,"num_kv_heads":2,"head_dim":40,"d_state":24,)"
     R"("dt_stride":11,"dt_offset":3})",
     "chunk=16,block_p=8,waves=1,seq_splits=4",
     "gfx942",
     {{"tokens", 150}, {"batch", 3}}},
    {"ssd_splits_f32",
     R"({"op":"ssd_scan","num_heads":2,"num_kv_heads":2,"head_dim":32,"d_state":16,)"
     R"("dt_stride":2,"dtype":"f32"})",
     "chunk=16,block_p=32,waves=2,seq_splits=8",
     "gfx90a",
     {{"tokens", 41}, {"batch", 1}}},
};

// Two waves share the positions of a block: maxima and sums cross waves, probabilities go through
// LDS.
TEST(AmdKernels, WavesMayShareThePositions) {
  OpDesc op = must(OpDesc::parse(MLA(24, 128, 64, 64, bf16)));
  TargetDesc target = must(findTarget("gfx942"));
  auto config = KernelConfig::fromValues(op, target, {32, 64, 0, 2, 4});
  expectReference(op, target, config, {{"tokens", 2}, {"context", 150}});
  config = KernelConfig::fromValues(op, target, {16, 64, 0, 1, 4});
  expectReference(op, target, config, {{"tokens", 1}, {"context", 150}});
}

// A logit that is no number never wins, wherever it stands.
TEST(AmdKernels, ArgmaxTakesNanForTheLeast) {
  OpDesc op = must(OpDesc::parse(R"({"op":"argmax","vocab_size":301})"));
  TargetDesc target = must(findTarget("gfx942"));
  Sizes sizes{{"tokens", 5}};
  OperandSet operands = must(OperandSet::create(op, sizes));
  must(fillOperands(op, sizes, 3, operands.pointers()));
  auto *logits = static_cast<float *>(operands.pointers()[0]);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  logits[0] = nan;                                                     // the first column
  std::fill_n(logits + 301, 301, nan);                                 // nothing else
  std::fill_n(logits + 2 * 301, 301, -infinity);                       // equals
  std::fill_n(logits + 3 * 301, 301, nan), logits[3 * 301 + 299] = -7; // one number
  logits[4 * 301 + 150] = nan;
  OperandSet want = operands.clone();
  must(runReference(op, want.pointers(), sizes));
  for (const char *config :
       {"block_n=128,waves=1", "block_n=128,waves=4", "block_n=1024,waves=8"}) {
    runLanes(op, target, must(KernelConfig::parse(config, op, target)), sizes, operands);
    auto *got = static_cast<int32_t *>(operands.pointers()[1]);
    auto *expected = static_cast<int32_t *>(want.pointers()[1]);
    EXPECT_EQ(std::vector(got, got + 5), std::vector(expected, expected + 5)) << config;
  }
}

INSTANTIATE_TEST_SUITE_P(Results, AmdKernel, testing::ValuesIn(cases),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace zorse::test
