//===- ConfigTest.cpp - what the four formats say -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/hybrid/ModelConfig.h"

#include "ScratchFolder.h"

#include <gtest/gtest.h>

using nlohmann::json;

namespace zorse {
namespace {

ModelConfig read(const std::string &dir) {
  auto config = ModelConfig::read(dir);
  EXPECT_TRUE(config) << (config ? "" : config.error().message);
  return config ? config.take() : ModelConfig();
}

ModelConfig golden(const std::string &model) {
  return read(std::string(ZORSE_SOURCE_DIR) + "/tests/golden/" + model);
}

TEST(ModelConfig, PlainLlama) {
  const ModelConfig config = golden("llama-stories-260k");
  EXPECT_EQ(config.format, ModelFormat::Llama);
  EXPECT_EQ(config.vocabSize, 512);
  EXPECT_EQ(config.hiddenSize, 64);
  EXPECT_EQ(config.intermediateSize, 172);
  ASSERT_EQ(config.layers.size(), 5u);
  const GqaMixer *gqa = config.layers[4].gqa();
  ASSERT_TRUE(gqa);
  EXPECT_EQ(gqa->numHeads, 8);
  EXPECT_EQ(gqa->numKvHeads, 4);
  EXPECT_EQ(gqa->headDim, 8);
  EXPECT_TRUE(config.layers[0].doubleRoundingNorm);
  EXPECT_EQ(config.eosTokenIds, (std::vector<int32_t>{2, 1})); // generation_config.json first
  EXPECT_EQ(config.parameterCount(false), 260'032);
}

TEST(ModelConfig, Llama3Scaling) {
  ScratchFolder dir("llama-stories-260k");
  dir.editJson("config.json", [](json &d) {
    d["rope_theta"] = 500000.0;
    d["rope_scaling"] = {{"factor", 32.0},
                         {"high_freq_factor", 4.0},
                         {"low_freq_factor", 1.0},
                         {"original_max_position_embeddings", 8192},
                         {"rope_type", "llama3"}};
  });
  const ModelConfig config = read(dir.path());
  EXPECT_EQ(config.gqaRotary.scaling, RotaryConfig::Scaling::Llama3);
  EXPECT_EQ(config.gqaRotary.factor, 32);
  EXPECT_EQ(config.gqaRotary.originalMaxPositions, 8192);
  EXPECT_EQ(config.gqaRotary.theta, 500000);
}

TEST(ModelConfig, ZebraLlamaReadsTheOldScalingBlockAsYarn) {
  const ModelConfig config = golden("zebra-stories-260k");
  EXPECT_EQ(config.format, ModelFormat::ZebraLlama);
  EXPECT_EQ(config.mlaRotary.scaling, RotaryConfig::Scaling::Yarn);
  EXPECT_EQ(config.mlaRotary.factor, 32);
  EXPECT_EQ(config.mlaRotary.originalMaxPositions, 8192);
  EXPECT_FALSE(config.mlaRotary.roundAngles);
  for (size_t i : {0, 2, 4}) {
    ASSERT_TRUE(config.layers[i].mla());
    EXPECT_TRUE(config.layers[i].doubleRoundingNorm);
  }
  const MlaMixer &mla = *config.layers[0].mla();
  EXPECT_EQ(mla.numKvHeads, 4); // K heads in kv_b
  EXPECT_EQ(mla.kvLoraRank, 16);
  EXPECT_EQ(mla.qLoraRank, 40);
  for (size_t i : {1, 3}) {
    ASSERT_TRUE(config.layers[i].mamba());
    EXPECT_FALSE(config.layers[i].doubleRoundingNorm);
  }
  const MambaMixer &mamba = *config.layers[1].mamba();
  EXPECT_EQ(mamba.numHeads, 8);
  EXPECT_EQ(mamba.numKvHeads, 4);
  EXPECT_EQ(mamba.headDim, 8);
  EXPECT_EQ(mamba.convDim(), 128);
  EXPECT_EQ(mamba.projectedWidth(), 200);
  EXPECT_EQ(config.parameterCount(true), 300'400);
}

TEST(ModelConfig, ZebraLlamaWithoutQueryRankOrScaling) {
  ScratchFolder dir("zebra-stories-260k");
  dir.editJson("hybrid_config.json", [](json &d) {
    d["q_lora_rank"] = nullptr;
    d["rope_scaling"] = nullptr;
    d["use_full_kv_head"] = true;
  });
  const ModelConfig config = read(dir.path());
  EXPECT_EQ(config.layers[0].mla()->qLoraRank, 0);
  EXPECT_EQ(config.layers[0].mla()->numKvHeads, 8);
  EXPECT_EQ(config.mlaRotary.scaling, RotaryConfig::Scaling::None);
  EXPECT_TRUE(config.mlaRotary.roundAngles);
  const std::vector<TensorSpec> tensors = expectedTensors(config);
  EXPECT_EQ(tensors[6].name, "model.layers.0.mla.q_proj.weight");
  EXPECT_EQ(tensors[6].shape, (std::vector<int64_t>{64, 64}));
}

TEST(ModelConfig, XEcoMlaRanksByLayerAndClassDefaults) {
  const ModelConfig config = golden("x-ecomla-stories-260k");
  EXPECT_EQ(config.format, ModelFormat::XEcoMla);
  const int64_t ranks[][2] = {{32, 48}, {16, 24}, {24, 32}, {24, 24}, {32, 48}};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(config.layers[i].mla()->kvLoraRank, ranks[i][0]);
    EXPECT_EQ(config.layers[i].mla()->qLoraRank, ranks[i][1]);
    EXPECT_EQ(config.layers[i].mla()->numKvHeads, 8); // every head in kv_b
  }
  EXPECT_EQ(config.mlaRotary.scaling, RotaryConfig::Scaling::Yarn); // key "type"
  EXPECT_EQ(config.mlaRotary.originalMaxPositions, 4096);           // absent
  EXPECT_EQ(config.mlaRotary.theta, 10000);                         // absent
  EXPECT_EQ(config.layers[0].normEps, 1e-5);
  EXPECT_EQ(config.parameterCount(false), 263'360);
}

TEST(ModelConfig, XEcoMlaLayerWithoutEntryKeepsTheRanksBefore) {
  ScratchFolder dir("x-ecomla-stories-260k");
  dir.editJson("mla_layer_config.json", [](json &d) {
    d["layer_rank_list"].erase("2");
    d["layer_rank_list"].erase("0");
  });
  const ModelConfig config = read(dir.path());
  EXPECT_EQ(config.layers[0].mla()->kvLoraRank, 32); // kv_lora_rank of the file
  EXPECT_EQ(config.layers[2].mla()->kvLoraRank, 16); // layer 1
}

TEST(ModelConfig, XEcoMlaMayKeepAttentionLayers) {
  ScratchFolder dir("x-ecomla-stories-260k");
  dir.editJson("MLA_config.json", [](json &d) { d["attn_layers"] = {1}; });
  const ModelConfig config = read(dir.path());
  ASSERT_TRUE(config.layers[1].gqa());
  EXPECT_EQ(config.layers[1].gqa()->numKvHeads, 4);
  EXPECT_TRUE(config.layers[2].mla());
}

TEST(ModelConfig, MambaInLlama) {
  const ModelConfig config = golden("mambainllama-stories-260k");
  EXPECT_EQ(config.format, ModelFormat::MambaInLlama);
  for (size_t i : {1, 3})
    ASSERT_TRUE(config.layers[i].gqa());
  for (size_t i : {0, 2, 4})
    ASSERT_TRUE(config.layers[i].mamba());
  EXPECT_FALSE(config.layers[1].doubleRoundingNorm);
  EXPECT_EQ(config.gqaRotary.scaling, RotaryConfig::Scaling::None);
  EXPECT_EQ(config.parameterCount(true), 308'808);
}

/// The published Zebra-Llama-1B-4MLA-12Mamba.
TEST(ModelConfig, ZebraLlama1BHasItsPublishedSizes) {
  ModelConfig config;
  config.format = ModelFormat::ZebraLlama;
  config.vocabSize = 128'256;
  config.hiddenSize = 2'048;
  config.intermediateSize = 8'192;
  for (int i = 0; i < 16; ++i)
    if (i == 0 || i == 5 || i == 10 || i == 14)
      config.layers.push_back({MlaMixer{32, 8, 1'344, 128, 32, 32, 64}, 1e-5, true});
    else
      config.layers.push_back({MambaMixer{32, 8, 64, 64}, 1e-5, false});
  EXPECT_EQ(config.layers[1].mamba()->convDim(), 3'072);
  EXPECT_EQ(config.layers[1].mamba()->projectedWidth(), 5'152);
  EXPECT_EQ(config.cacheBytesPerToken(DType::BF16), 1'280);
  EXPECT_NEAR(static_cast<double>(config.stateBytesPerSequence(DType::BF16)) / (1 << 20), 3.28,
              0.01);
  EXPECT_NEAR(static_cast<double>(config.parameterCount(false)) / 1e9, 1.2857, 5e-5);
  EXPECT_NEAR(static_cast<double>(config.parameterCount(true)) / 1e9, 1.5484, 5e-5);
  EXPECT_EQ(expectedTensors(config).size() + 1, 199u); // with lm_head
}

} // namespace
} // namespace zorse
