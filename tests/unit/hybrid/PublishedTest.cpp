//===- PublishedTest.cpp - where published models are easily misread ------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CheckpointWriter.h"
#include "EngineFixture.h"
#include "RotaryTable.h"
#include "ScratchFolder.h"

#include "zorse/hybrid/ModelCosts.h"
#include "zorse/hybrid/OpList.h"
#include "zorse/hybrid/Safetensors.h"

#include <cmath>
#include <cstring>

using nlohmann::json;

namespace zorse {
namespace {

/// The configuration of a preset, read from the files that it writes.
ModelConfig published(const std::string &preset) {
  const ScratchFolder parent;
  const tool::Preset *found = tool::findPreset(preset);
  EXPECT_TRUE(found) << preset;
  const std::atomic<bool> goOn = false;
  auto written = tool::writeCheckpoint(
      *found, parent.path("m"), {.configOnly = true}, [](int64_t, int64_t) {}, goOn);
  EXPECT_TRUE(written) << (written ? "" : written.error().message);
  auto config = ModelConfig::read(parent.path("m"));
  EXPECT_TRUE(config) << (config ? "" : config.error().message);
  return config ? config.take() : ModelConfig();
}

std::vector<int64_t> shapeOf(const ModelConfig &config, const std::string &tensor) {
  for (const TensorSpec &spec : expectedTensors(config))
    if (spec.name == tensor)
      return spec.shape;
  return {};
}

using Shape = std::vector<int64_t>;

TEST(Published, ZebraLlamaScalesItsAnglesByYarnThoughConfigSaysLlama3) {
  for (const char *preset : {"zebra-llama-1b-8mla-8mamba", "zebra-llama-3b-6mla-22mamba"}) {
    const ModelConfig config = published(preset);
    EXPECT_EQ(config.mlaRotary.scaling, RotaryConfig::Scaling::Yarn);
    EXPECT_EQ(config.mlaRotary.originalMaxPositions, 8'192);
    EXPECT_NEAR(rotaryAmplitude(config.mlaRotary), 1.3465736, 1e-6);
  }
  EXPECT_NEAR(rotaryAmplitude(published("zebra-llama-8b-8mla-24mamba").mlaRotary), 1.2079442, 1e-6);
}

TEST(Published, TheAmplitudeIsInTheTablesAndNotInTheScaleOfTheScores) {
  const std::pair<const char *, double> scales[] = {{"zebra-llama-1b-4mla-12mamba", 0.125},
                                                    {"x-ecomla-smollm-1.7b-kv480", 0.125},
                                                    {"zebra-llama-3b-6mla-22mamba", 0.08838834764},
                                                    {"zebra-llama-8b-8mla-24mamba", 0.08838834764}};
  for (const auto &[preset, scale] : scales) {
    auto ops = describeOps(published(preset), DType::BF16, 512);
    ASSERT_TRUE(ops) << ops.error().message;
    const MlaOps &mla = std::get<MlaOps>(ops->layers[0].mixer);
    for (const OpDesc *op : {&mla.decode, &mla.prefill}) {
      // 0 stands for the width of a head to the power of -1/2.
      EXPECT_EQ(op->getFloat("softmax_scale"), 0) << op->canonicalJson();
      const int64_t width = op->get("qk_nope_head_dim") + op->get("qk_rope_head_dim");
      EXPECT_NEAR(1 / std::sqrt(static_cast<double>(width)), scale, 1e-10) << preset;
    }
  }
}

TEST(Published, ShapesOfZebraLlama3BWhereThreeQueryHeadsShareAKvHead) {
  const ModelConfig config = published("zebra-llama-3b-14mla-14mamba");
  EXPECT_EQ(shapeOf(config, "model.layers.0.mla.kv_b_proj.weight"), (Shape{1'536, 128}));
  EXPECT_EQ(shapeOf(config, "model.layers.0.mla.kv_a_proj_with_mqa.weight"), (Shape{192, 3'072}));
  EXPECT_EQ(shapeOf(config, "model.layers.1.mamba.in_proj.weight"), (Shape{8'216, 3'072}));
  EXPECT_EQ(shapeOf(config, "model.layers.1.mamba.conv1d.weight"), (Shape{5'120, 1, 4}));
}

TEST(Published, ZebraLlama8BHasTheRank160) {
  const ModelConfig config = published("zebra-llama-8b-16mla-16mamba");
  EXPECT_EQ(shapeOf(config, "model.layers.30.mla.q_a_proj.weight"), (Shape{2'048, 4'096}));
  EXPECT_EQ(shapeOf(config, "model.layers.30.mla.kv_a_proj_with_mqa.weight"), (Shape{224, 4'096}));
  EXPECT_EQ(shapeOf(config, "model.layers.30.mla.kv_b_proj.weight"), (Shape{1'536, 160}));
  EXPECT_EQ(shapeOf(config, "model.layers.31.mamba.in_proj.weight"), (Shape{10'272, 4'096}));
  EXPECT_EQ(shapeOf(config, "model.layers.31.mamba.conv1d.bias"), (Shape{6'144}));
}

TEST(Published, XEcoMlaExpandsToEveryHead) {
  EXPECT_EQ(shapeOf(published("x-ecomla-1b-kv64"), "model.layers.15.mla.kv_b_proj.weight"),
            (Shape{3'072, 64}));
  EXPECT_EQ(shapeOf(published("x-ecomla-3b-kv816"), "model.layers.27.mla.kv_b_proj.weight"),
            (Shape{4'608, 816}));
  EXPECT_EQ(shapeOf(published("x-ecomla-smollm-1.7b-kv480"), "model.layers.0.mla.kv_b_proj.weight"),
            (Shape{3'072, 480}));
}

TEST(Published, RanksOfTheListOverrideThoseOfTheFile) {
  const ModelConfig config = published("x-ecomla-1b-dynamic");
  EXPECT_EQ(config.layers[0].mla()->kvLoraRank, 512);
  EXPECT_EQ(config.layers[1].mla()->kvLoraRank, 440);
  EXPECT_EQ(shapeOf(config, "model.layers.14.mla.kv_b_proj.weight"), (Shape{3'072, 600}));
  EXPECT_EQ(shapeOf(config, "model.layers.14.mla.q_a_proj.weight"), (Shape{752, 2'048}));
}

TEST(Published, XEcoMlaWithoutAnOriginalLengthHasThatOfItsClass) {
  const RotaryConfig trained = published("x-ecomla-1b-kv128").mlaRotary;
  EXPECT_EQ(trained.originalMaxPositions, 4'096);
  EXPECT_EQ(published("x-ecomla-1b-kv512").mlaRotary.originalMaxPositions, 8'192);
  // The ramp of 32 lanes then runs from 3 to 8: the third frequency is kept, the fourth is mixed,
  // and from the eighth on all are divided.
  const std::vector<float> scaled = inverseFrequencies(trained, 32);
  const std::vector<float> plain = inverseFrequencies({.theta = 5e5}, 32);
  EXPECT_EQ(scaled[3], plain[3]);
  EXPECT_NEAR(scaled[4] / plain[4], 0.8 + 0.2 / 32, 1e-6);
  EXPECT_NEAR(scaled[8] / plain[8], 1.0 / 32, 1e-8);
}

TEST(Published, SmolLMHasExactAnglesInF32AndRoundedOnesInBf16) {
  const ModelConfig config = published("x-ecomla-smollm-1.7b-kv480");
  EXPECT_EQ(config.mlaRotary.scaling, RotaryConfig::Scaling::None);
  EXPECT_EQ(config.mlaRotary.theta, 10'000);
  EXPECT_TRUE(config.mlaRotary.roundAngles);
  const RotaryTable rounded = buildRotaryTable(config.mlaRotary, 32, 600, DType::BF16);
  const RotaryTable exact = buildRotaryTable(config.mlaRotary, 32, 600, DType::F32);
  auto row = [](const RotaryTable &table, DType dtype, size_t position) {
    std::vector<float> cosines(16);
    for (size_t i = 0; i < 16; ++i)
      cosines[i] = loadElement(dtype, table.cos.data(), position * 16 + i);
    return cosines;
  };
  // bf16 counts in twos from 256 on and in fours from 512 on.
  EXPECT_EQ(row(rounded, DType::BF16, 256), row(rounded, DType::BF16, 257));
  EXPECT_EQ(row(rounded, DType::BF16, 514), row(rounded, DType::BF16, 512));
  EXPECT_NE(row(rounded, DType::BF16, 255), row(rounded, DType::BF16, 256));
  for (size_t position : {255, 256, 512, 598}) {
    EXPECT_NE(row(exact, DType::F32, position), row(exact, DType::F32, position + 1));
    for (size_t i = 0; i < 16; ++i)
      EXPECT_NEAR(row(exact, DType::F32, position)[i],
                  std::cos(static_cast<double>(position) * std::pow(10'000.0, -double(i) / 16)),
                  600 * 1.2e-7);
  }
  // YaRN models have no such trap.
  EXPECT_FALSE(published("x-ecomla-1b-kv512").mlaRotary.roundAngles);
}

TEST(Published, LlamaScalesItsFrequenciesAndMambaInLlamaDoesNot) {
  const RotaryConfig llama = published("llama-3.1-8b").gqaRotary;
  EXPECT_EQ(llama.scaling, RotaryConfig::Scaling::Llama3);
  EXPECT_EQ(llama.factor, 8);
  EXPECT_EQ(llama.originalMaxPositions, 8'192);
  EXPECT_EQ(published("llama-3.2-3b").gqaRotary.factor, 32);
  for (const char *preset : {"mambainllama-3b-0.50", "mambainllama-8b-0.50"}) {
    const ModelConfig config = published(preset);
    EXPECT_EQ(config.gqaRotary.scaling, RotaryConfig::Scaling::None) << preset;
    EXPECT_EQ(config.gqaRotary.theta, 500'000) << preset;
  }
}

TEST(Published, NormsRoundTwiceInMlaAndAttentionAndOnceBesideMamba2) {
  auto roundings = [](const char *preset) {
    auto ops = describeOps(published(preset), DType::BF16, 512);
    std::string found;
    for (const LayerOps &layer : ops->layers)
      for (const OpDesc *op : {&layer.inputNorm, &layer.postNorm})
        found += json::parse(op->canonicalJson())["rounding"] == "double" ? '2' : '1';
    found += json::parse(ops->finalNorm.canonicalJson())["rounding"] == "double" ? '2' : '1';
    return found;
  };
  EXPECT_EQ(roundings("zebra-llama-1b-4mla-12mamba"), "221111111122111111112211111122112");
  EXPECT_EQ(roundings("llama-3.2-1b"), std::string(33, '2'));
  EXPECT_EQ(roundings("mambainllama-8b-0.50").substr(0, 64), std::string(64, '1'));
}

TEST(Published, ConvStatesHaveFourColumnsAndSsmStatesTheirOwnType) {
  const ModelConfig config = published("zebra-llama-1b-4mla-12mamba");
  EXPECT_EQ(config.stateBytesPerSequence(DType::BF16), 12 * (4 * 3'072 + 131'072) * 2);
  EXPECT_EQ(config.stateBytesPerSequence(DType::BF16, DType::F32),
            12 * (4 * 3'072 * 2 + 131'072 * 4));
}

TEST(Published, BytesThatAStepMoves) {
  const ModelConfig config = published("llama-3.1-8b");
  // Everything but the embedding table, of which two rows are read.
  const StepCosts step = stepCosts(config, {}, 2, 99);
  EXPECT_EQ(step.weights, 2 * (8'030'261'248 - 128'256 * 4'096 + 2 * 4'096));
  EXPECT_EQ(step.caches, 2 * 100 * 131'072);
  EXPECT_EQ(step.states, 0);
  EXPECT_FALSE(batchWhereStatesEqualWeights(config, {}));
  EXPECT_FALSE(cacheCosts(config, {}).smallerFromTokens());
}

/// A folder whose parameters of the state space are rounded to bf16 beforehand.
class Rounded : public EngineFixture {
protected:
  std::vector<float> logitsOf(const std::string &dir, DType dtype) {
    auto loaded = Model::load(dir, *device, {.dtype = dtype});
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
    model = loaded.take();
    auto engine = create({.maxLen = 16});
    const std::vector<int32_t> tokens = {1, 403, 407, 261};
    const Engine::Run run{*engine->open(), tokens};
    EXPECT_EQ(messageOf(engine->prefill({&run, 1})), "");
    return *engine->logits();
  }

  static void roundParameters(const ScratchFolder &dir) {
    std::string bytes = dir.read("model.safetensors");
    uint64_t length;
    std::memcpy(&length, bytes.data(), 8);
    const json header = json::parse(bytes.substr(8, length));
    for (const auto &[name, tensor] : header.items())
      if (name.ends_with(".A_log") || name.ends_with(".dt_bias") || name.ends_with(".D")) {
        ASSERT_EQ(tensor["dtype"], "F32");
        for (size_t at = tensor["data_offsets"][0]; at < tensor["data_offsets"][1]; at += 4) {
          float value;
          std::memcpy(&value, bytes.data() + 8 + length + at, 4);
          value = fromBF16(toBF16(value));
          std::memcpy(bytes.data() + 8 + length + at, &value, 4);
        }
      }
    dir.write("model.safetensors", bytes);
  }
};

TEST_F(Rounded, ParametersOfTheStateSpaceAreCastLikeEveryOther) {
  const ScratchFolder dir("zebra-stories-260k");
  const std::vector<float> narrow = logitsOf(dir.path(), DType::BF16);
  const std::vector<float> wide = logitsOf(dir.path(), DType::F32);
  roundParameters(dir);
  EXPECT_EQ(logitsOf(dir.path(), DType::BF16), narrow);
  EXPECT_NE(logitsOf(dir.path(), DType::F32), wide);
}

} // namespace
} // namespace zorse
