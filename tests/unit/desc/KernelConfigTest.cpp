//===- KernelConfigTest.cpp - tests of configurations ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/KernelConfig.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <set>

using namespace zorse;

namespace {

OpDesc op(std::string_view json) {
  Result<OpDesc> parsed = OpDesc::parse(json);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
  return *parsed;
}

TargetDesc target(std::string_view arch) { return *findTarget(arch); }

std::string errorOf(std::string_view text, const OpDesc &desc, std::string_view arch) {
  Result<KernelConfig> config = KernelConfig::parse(text, desc, target(arch));
  return config ? "no error" : config.error().message;
}

void expectLegalDefaults(const OpDesc &desc, const std::vector<std::string> &archs) {
  for (const std::string &arch : archs) {
    Result<KernelConfig> config = KernelConfig::defaults(desc, target(arch));
    ASSERT_TRUE(config) << config.error().message;
    Status checked = config->check(desc, target(arch));
    EXPECT_TRUE(checked) << checked.error().message;
  }
}

const std::vector<std::string> hosts = {"x86_64-avx2", "x86_64-avx512", "x86_64-avx512bf16"};
const std::vector<std::string> everywhere = {"x86_64-avx2", "x86_64-avx512bf16", "gfx90a", "gfx942",
                                             "gfx950"};

constexpr std::string_view decode3B =
    R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":128,"qk_rope_head_dim":64,)"
    R"("qk_nope_head_dim":64})";

} // namespace

TEST(KernelConfig, DefaultsOfEveryExampleAreLegal) {
  for (const OpSpec &spec : allOpSpecs())
    expectLegalDefaults(op(spec.exampleJson), everywhere);
}

TEST(KernelConfig, DefaultsOfSmallModelsAreLegal) {
  for (const char *dtype : {"f32", "bf16"}) {
    for (int64_t in : {16, 64, 172})
      for (int64_t out : {36, 512})
        for (int64_t tokens : {1, 5, 300})
          expectLegalDefaults(
              op(fmt::format(R"({{"op":"linear","in_features":{},"out_features":{},)"
                             R"("dtype":"{}","tuning":{{"tokens":{}}}}})",
                             in, out, dtype, tokens)),
              everywhere);
    for (int64_t context : {16, 4096})
      expectLegalDefaults(
          op(fmt::format(R"({{"op":"mla_decode","num_heads":8,"kv_lora_rank":16,)"
                         R"("qk_rope_head_dim":4,"qk_nope_head_dim":4,"dtype":"{}",)"
                         R"("tuning":{{"context":{}}}}})",
                         dtype, context)),
          everywhere);
    expectLegalDefaults(
        op(fmt::format(R"({{"op":"rmsnorm","hidden_size":64,"dtype":"{}"}})", dtype)), everywhere);
    for (const char *kind : {"ssd_scan", "ssm_update"})
      expectLegalDefaults(op(fmt::format(R"({{"op":"{}","num_heads":8,"num_kv_heads":4,)"
                                         R"("head_dim":8,"d_state":8,"dt_stride":264,)"
                                         R"("dt_offset":256,"dtype":"{}"}})",
                                         kind, dtype)),
                          everywhere);
  }
}

TEST(KernelConfig, DefaultsOfLargeModelsAreLegal) {
  struct Shape {
    int heads, rank, rope, nope;
  };
  for (Shape s : {Shape{32, 128, 32, 32}, Shape{24, 128, 64, 64}, Shape{32, 160, 64, 64},
                  Shape{32, 512, 32, 32}, Shape{32, 64, 32, 32}, Shape{32, 48, 32, 32},
                  Shape{32, 480, 32, 32}})
    for (const char *dtype : {"bf16", "f16"})
      expectLegalDefaults(
          op(fmt::format(R"({{"op":"mla_decode","num_heads":{},"kv_lora_rank":{},)"
                         R"("qk_rope_head_dim":{},"qk_nope_head_dim":{},"dtype":"{}"}})",
                         s.heads, s.rank, s.rope, s.nope, dtype)),
          everywhere);
  expectLegalDefaults(
      op(R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":816,"qk_rope_head_dim":64,)"
         R"("qk_nope_head_dim":64})"),
      hosts);
  for (int64_t tokens : {1, 8, 512})
    expectLegalDefaults(op(fmt::format(R"({{"op":"linear","in_features":14336,)"
                                       R"("out_features":128256,"tuning":{{"tokens":{}}}}})",
                                       tokens)),
                        everywhere);
}

TEST(KernelConfig, DefaultsRoundDownAndMoveAsLittleAsPossible) {
  EXPECT_EQ(KernelConfig::defaults(op(decode3B), target("x86_64-avx512"))->text(),
            "block_h=24,block_n=64,kv_splits=2,bf16_dot=0");
  EXPECT_EQ(KernelConfig::defaults(op(decode3B), target("gfx942"))->text(),
            "block_h=32,block_n=64,block_r=0,kv_splits=8,waves=4");
  // Where the whole latents of 64 tokens would not fit, columns are taken in parts.
  EXPECT_EQ(KernelConfig::defaults(op(R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":816,
                                         "qk_rope_head_dim":64,"qk_nope_head_dim":64})"),
                                   target("gfx942"))
                ->text(),
            "block_h=32,block_n=64,block_r=256,kv_splits=8,waves=4");
  OpDesc odd = op(R"({"op":"mla_decode","num_heads":20,"kv_lora_rank":128,"qk_rope_head_dim":64,)"
                  R"("qk_nope_head_dim":64})");
  EXPECT_EQ(KernelConfig::defaults(odd, target("x86_64-avx2"))->get("block_h"), 16);
}

TEST(KernelConfig, TextRoundTrips) {
  OpDesc desc = op(decode3B);
  Result<KernelConfig> config =
      KernelConfig::parse(" kv_splits=16, block_n = 32 ", desc, target("gfx942"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->text(), "block_h=32,block_n=32,block_r=0,kv_splits=16,waves=4");
  EXPECT_EQ(*KernelConfig::parse(config->text(), desc, target("gfx942")), *config);
  EXPECT_EQ(*KernelConfig::parse("", desc, target("gfx942")),
            *KernelConfig::defaults(desc, target("gfx942")));
  EXPECT_TRUE(config->has("waves"));
  EXPECT_FALSE(KernelConfig::defaults(desc, target("x86_64-avx2"))->has("waves"));
  EXPECT_EQ(config->hash(), hashText(config->text()));
}

TEST(KernelConfig, ErrorsNameTheKnobAndTheRule) {
  OpDesc desc = op(decode3B);
  EXPECT_EQ(errorOf("block_q=4", desc, "gfx942"),
            "configuration: unknown knob block_q of mla_decode on gfx942; did you mean block_h? "
            "legal knobs: block_h, block_n, block_r, kv_splits, waves");
  EXPECT_EQ(errorOf("waves=4", desc, "x86_64-avx2"),
            "configuration: unknown knob waves of mla_decode on x86_64-avx2; legal knobs: block_h, "
            "block_n, kv_splits, bf16_dot");
  EXPECT_EQ(errorOf("kv_splits=3", desc, "gfx942"),
            "configuration: kv_splits: expected one of 1, 2, 4, 8, 16, 32, 64, found 3");
  EXPECT_EQ(errorOf("kv_splits", desc, "gfx942"),
            "configuration: expected knob=integer, found \"kv_splits\"");
  EXPECT_EQ(errorOf("kv_splits=4x", desc, "gfx942"),
            "configuration: expected knob=integer, found \"kv_splits=4x\"");
  EXPECT_EQ(errorOf("waves=1,waves=2", desc, "gfx942"),
            "configuration: the knob waves is given twice");
  EXPECT_EQ(errorOf("block_n=16,waves=4", desc, "gfx942"),
            "configuration: mla_decode_k2: a matrix instruction takes 16 heads and 16 cached "
            "tokens, and each wave needs a block of them, found block_h = 32, block_n = 16, waves "
            "= 4");
  EXPECT_EQ(errorOf("block_n=128,block_k=512,block_m=128",
                    op(R"({"op":"linear","in_features":3072,)"
                       R"("out_features":8192})"),
                    "gfx942"),
            "configuration: linear_k3: the staged blocks must fit the LDS, found block_k = 512, "
            "block_m = 128, block_n = 128, dtype = bf16, lds_bytes = 65536, weight_dtype = bf16");
  EXPECT_EQ(KernelConfig::fromValues(desc, target("gfx942"), {32, 64})
                .check(desc, target("gfx942"))
                .error()
                .message,
            "configuration: expected the knobs block_h, block_n, block_r, kv_splits, waves of "
            "mla_decode on gfx942, found \"block_h=32,block_n=64\"");
}

TEST(KernelConfig, ReadTakesWhatIsWritten) {
  for (const char *text : {"block_h=32,block_n=64", "no_such_knob=-3", ""}) {
    Result<KernelConfig> config = KernelConfig::read(text);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->text(), text);
  }
  EXPECT_EQ(KernelConfig::read(" a = 1 , b=2 ")->text(), "a=1,b=2");
  for (const char *text : {"block_h", "block_h=", "=4", "block_h=4x", "a=1,,b=2", "a=1 b=2",
                           "a=99999999999999999999", "a=1,a=1"}) {
    Result<KernelConfig> config = KernelConfig::read(text);
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().code, ErrorCode::Usage);
  }
  EXPECT_EQ(KernelConfig::read("a=1,a=2").error().message,
            "configuration: the knob a is given twice");
}

TEST(KernelConfig, AnEmptySpaceSaysWhichRulesEmptyIt) {
  OpDesc wide = op(R"({"op":"mla_decode","num_heads":16,"kv_lora_rank":64,)"
                   R"("qk_rope_head_dim":512,"qk_nope_head_dim":64,"dtype":"f32"})");
  Result<KernelConfig> config = KernelConfig::defaults(wide, target("gfx942"));
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message.starts_with(
      "mla_decode has no legal configuration on gfx942 among 5488 for {"))
      << config.error().message;
  EXPECT_NE(config.error().message.find("; mla_decode_k3 rules out 5432: queries, latents and "
                                        "probabilities must fit the LDS"),
            std::string::npos)
      << config.error().message;
}

TEST(KernelConfig, EnumerationAgreesWithCheckAndReport) {
  for (const OpSpec &spec : allOpSpecs())
    for (const char *arch : {"x86_64-avx512", "gfx942"}) {
      OpDesc desc = op(spec.exampleJson);
      std::vector<KernelConfig> configs = enumerateConfigs(desc, target(arch));
      SpaceReport report = describeSpace(desc, target(arch));
      EXPECT_EQ(static_cast<int64_t>(configs.size()), report.legal) << spec.kind;
      int64_t total = 1;
      for (const KnobSpec *knob : knobsOf(desc, target(arch)))
        total *= static_cast<int64_t>(knob->values.size());
      EXPECT_EQ(report.total, total);
      std::set<std::string> texts;
      for (const KernelConfig &config : configs) {
        Status checked = config.check(desc, target(arch));
        ASSERT_TRUE(checked) << checked.error().message;
        texts.insert(config.text());
      }
      EXPECT_EQ(texts.size(), configs.size());
    }
}

TEST(KernelConfig, EnumerationRunsTheLastKnobFastest) {
  std::vector<KernelConfig> configs =
      enumerateConfigs(op(R"({"op":"swiglu","intermediate_size":64})"), target("gfx942"));
  ASSERT_EQ(configs.size(), 20u);
  EXPECT_EQ(configs[0].text(), "block_n=128,waves=1");
  EXPECT_EQ(configs[1].text(), "block_n=128,waves=2");
  EXPECT_EQ(configs[4].text(), "block_n=256,waves=1");
  EXPECT_EQ(configs[19].text(), "block_n=2048,waves=8");
}

TEST(KernelConfig, ReportCountsEachRuleOnItsOwn) {
  SpaceReport report = describeSpace(op(decode3B), target("gfx942"));
  ASSERT_EQ(report.removed.size(), 8u);
  EXPECT_EQ(report.removed[0], (std::pair<std::string, int64_t>("mla_decode_k1", 2352)));
  EXPECT_EQ(report.removed[5].first, "mla_decode_k6");
}
