//===- BenchTest.cpp - sizes, work and tables of zorse bench --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Comparison.h"
#include "Table.h"
#include "Work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace zorse;
using namespace zorse::tool;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

namespace {

const std::string goldenFolder = ZORSE_SOURCE_DIR "/tests/golden/zebra-stories-260k";

/// The published 8B-8MLA: 24 Mamba2 and 8 MLA layers, or the layer mix of its baselines.
ModelConfig model8B(int64_t mla, int64_t mamba, int64_t gqa) {
  ModelConfig config;
  config.format = mla     ? ModelFormat::ZebraLlama
                  : mamba ? ModelFormat::MambaInLlama
                          : ModelFormat::Llama;
  config.vocabSize = 128'256;
  config.hiddenSize = 4096;
  config.intermediateSize = 14'336;
  config.maxPositions = 131'072;
  for (int64_t i = 0; i < mla; ++i)
    config.layers.push_back({.mixer = MlaMixer{32, 8, 2048, 160, 64, 64, 128}});
  for (int64_t i = 0; i < mamba; ++i)
    config.layers.push_back({.mixer = MambaMixer{32, 8, 128, 128}});
  for (int64_t i = 0; i < gqa; ++i)
    config.layers.push_back({.mixer = GqaMixer{32, 8, 128}});
  return config;
}

ComparedModel compared(const char *name, const ModelConfig &config) {
  ComparedModel model;
  model.name = name;
  model.config = config;
  model.parameters = config.parameterCount(true);
  model.weightBytes = 2 * model.parameters;
  return model;
}

TEST(BenchSizes, Words) {
  auto sizes = [](const char *text) {
    Result<std::vector<int64_t>> read = parseBenchSizes(text, "--prompt");
    EXPECT_TRUE(read.ok()) << text;
    return read.ok() ? *read : std::vector<int64_t>();
  };
  EXPECT_THAT(sizes("512"), ElementsAre(512));
  EXPECT_THAT(sizes("0,4K,512"), ElementsAre(0, 4096, 512));
  EXPECT_THAT(sizes("16-128*2"), ElementsAre(16, 32, 64, 128));
  EXPECT_THAT(sizes("16-100*2"), ElementsAre(16, 32, 64));
  EXPECT_THAT(sizes("1-9+4,5"), ElementsAre(1, 5, 9));
  EXPECT_THAT(sizes("1..6"), ElementsAre(1, 2, 4, 6));
  EXPECT_THAT(sizes("1k-4k*2"), ElementsAre(1024, 2048, 4096));
  for (const char *text : {"", ",", "1,", "x", "-1", "4-1*2", "1-4", "1-4*1", "1-4*0", "1-4+0",
                           "0-4*2", "0..4", "3G", "1...2", "99999999999", "1-4*2x"}) {
    Result<std::vector<int64_t>> read = parseBenchSizes(text, "--prompt");
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().message,
              "--prompt: expected sizes from 0 to 2^31 such as 512 or 0,4K or 16-512*2 or 1-9+4 "
              "or 1..64, found '" +
                  std::string(text) + "'");
  }
}

// 52.7 MB of states and 15.7 GB of weights a step, 3584 B of latents a token: the published
// arithmetic of the 8B model with 8 MLA layers.
TEST(BenchWork, BytesOfTheDecodeStepsOfThe8B) {
  const StepCosts one = decodeBytes(model8B(8, 24, 0), CostTypes(), 1, 0, 1);
  EXPECT_NEAR(static_cast<double>(one.states), 52.7e6, 0.05e6);
  EXPECT_NEAR(static_cast<double>(one.weights), 15.7e9, 0.05e9);
  const StepCosts deep = decodeBytes(model8B(8, 24, 0), CostTypes(), 4, 1000, 3);
  EXPECT_EQ(deep.states, 3 * 4 * one.states);
  // Steps to 1001, 1002 and 1003 tokens; each writes one row more than it reads.
  EXPECT_EQ(deep.caches, 4 * 3584 * (1002 + 1003 + 1004));
}

TEST(BenchWork, OperationsOfAPrompt) {
  Result<ModelConfig> config = ModelConfig::read(goldenFolder);
  ASSERT_TRUE(config.ok());
  Result<double> whole = prefillFlops(*config, DType::F32, 1, 0, 64, 16);
  Result<double> behind = prefillFlops(*config, DType::F32, 1, 32, 32, 16);
  Result<double> front = prefillFlops(*config, DType::F32, 1, 0, 32, 16);
  Result<double> two = prefillFlops(*config, DType::F32, 2, 0, 32, 16);
  ASSERT_TRUE(whole.ok() && behind.ok() && front.ok() && two.ok());
  EXPECT_DOUBLE_EQ(*two, 2 * *front);
  EXPECT_DOUBLE_EQ(*whole, *front + *behind);
  EXPECT_GT(*behind, *front) << "attention over more tokens";
  // Every weight of a layer is used twice for each token; the head for the last token alone.
  const double table = static_cast<double>(config->vocabSize * config->hiddenSize);
  const double layers = static_cast<double>(config->parameterCount(false)) - table;
  EXPECT_GT(*front, 2 * 32 * layers * 0.9);
  EXPECT_LT(*front, 2 * 32 * layers * 2);
}

BenchSetting setting() {
  BenchSetting setting;
  setting.model = "a \"model\"";
  setting.dtype = "bf16";
  setting.device = "CPU, 2 threads";
  setting.machine = "Linux";
  setting.peaks = {40, 200, 800, "peaks"};
  return setting;
}

TEST(BenchTable, Arithmetic) {
  BenchRow row{.decode = true, .batch = 2, .tokens = 10};
  row.bytes = 8e9;
  summarise(row, {0.5, 0.4, 0.8});
  EXPECT_DOUBLE_EQ(row.rate.median, 40);
  EXPECT_DOUBLE_EQ(row.rate.low, 25);
  EXPECT_DOUBLE_EQ(row.rate.high, 50);
  EXPECT_NEAR(row.mean, (40 + 50 + 25) / 3.0, 1e-9);
  EXPECT_NEAR(row.deviation, 12.583, 1e-3);
  EXPECT_DOUBLE_EQ(row.gbs(), 16);
  const auto json = rowJson(setting(), row);
  EXPECT_EQ(json["test"], "tg10");
  EXPECT_EQ(json["source"], "measured");
  EXPECT_DOUBLE_EQ(json["percent_of_read_bandwidth"].get<double>(), 40);
  EXPECT_TRUE(json["gflops"].is_null());
  EXPECT_TRUE(json["percent_of_peak"].is_null());

  BenchRow prompt{.tokens = 100};
  prompt.flops = 4e9;
  summarise(prompt, {0.01});
  EXPECT_EQ(prompt.test(), "pp100");
  EXPECT_DOUBLE_EQ(rowJson(setting(), prompt)["percent_of_peak"].get<double>(), 50)
      << "of the faster of both instructions";
  BenchSetting exact = setting();
  exact.dtype = "f32";
  EXPECT_DOUBLE_EQ(rowJson(exact, prompt)["percent_of_peak"].get<double>(), 200)
      << "the bf16 dot is of no use to f32";
}

TEST(BenchTable, Formats) {
  std::vector<BenchRow> rows(2, BenchRow{.tokens = 8});
  rows[1].decode = true;
  for (BenchRow &row : rows)
    summarise(row, {0.5});
  const FirstToken first = {8, 2.5, 0.25, 1.5, 0.125};
  const std::string csv = formatTable(TableFormat::Csv, setting(), rows, nullptr);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 3);
  EXPECT_THAT(csv, HasSubstr("\n\"a \"\"model\"\"\",\"bf16\","));
  const auto json = nlohmann::json::parse(formatTable(TableFormat::Json, setting(), rows, &first));
  EXPECT_EQ(json["rows"].size(), 2u);
  EXPECT_EQ(json["rows"][1]["test"], "tg8");
  EXPECT_DOUBLE_EQ(json["first_token"]["cold_seconds"].get<double>(), 2.5);
  const std::string lines = formatTable(TableFormat::JsonLines, setting(), rows, &first);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
  const std::string text = formatTable(TableFormat::Markdown, setting(), rows, &first);
  EXPECT_THAT(text, HasSubstr("| pp8 | 1 | 0 | 16.00 | 16.00 to 16.00 | 16.00 ± 0.00 |"));
  EXPECT_THAT(text, HasSubstr("First token of 8 tokens: cold 2.500 s (25 % of the files were in "
                              "memory), warm 1.500 s, loaded 0.1250 s."));
  EXPECT_EQ(parseTableFormat("xml", "--also").error().message,
            "--also is md, csv, json or jsonl, found 'xml'");
}

/// Zebra-8B-8MLA against the 50 % MambaInLlama and Llama, each cell at one bandwidth.
Comparison comparison(std::vector<std::pair<int64_t, int64_t>> places) {
  Comparison made;
  made.setting = setting();
  made.models = {compared("zebra", model8B(8, 24, 0)), compared("mamba", model8B(0, 16, 16)),
                 compared("llama", model8B(0, 0, 32))};
  for (const ComparedModel &model : made.models) {
    made.cells.emplace_back();
    for (auto [batch, context] : places) {
      ComparedCell cell{.batch = batch, .context = context};
      cell.seconds = cell.low = cell.high =
          double(stepCosts(model.config, model.types, batch, context).total()) * 1e-11;
      cell.steps = 6;
      made.cells.back().push_back(cell);
    }
  }
  return made;
}

TEST(BenchComparison, RatiosOfBytesAndTime) {
  const Comparison made = comparison({{1, 1024}, {48, 32768}});
  for (size_t other : {1, 2})
    for (size_t cell : {0, 1})
      EXPECT_NEAR(made.measuredRatio(other, cell), made.bytesRatio(other, cell), 1e-9);
  // Half of the layers keep 2 * 8 * 128 * 2 bytes a token: 64 KiB in all, Llama twice as many.
  EXPECT_LT(made.bytesRatio(1, 0), 1.1);
  EXPECT_GT(made.bytesRatio(1, 1), 2.6);
  EXPECT_GT(made.bytesRatio(2, 1), made.bytesRatio(1, 1));
  EXPECT_GT(weightShare(made.models[0], 1, 1024), 0.99);
}

TEST(BenchComparison, MemoryOfTheOutOfMemoryClaims) {
  // At batch 48 and 32k Llama-8B needs 206 GB of caches, MambaInLlama-50 % as much at 64k.
  const Comparison made = comparison({{48, 32768}});
  const auto caches = [&](size_t model, int64_t context) {
    return double(neededBytes(made.models[model], 48, context, 512) -
                  neededBytes(made.models[model], 48, 0, 512));
  };
  EXPECT_NEAR(caches(2, 32768), 206e9, 1e9);
  EXPECT_NEAR(caches(1, 65536), 206e9, 1e9);
  EXPECT_GT(neededBytes(made.models[0], 48, 1024, 512), made.models[0].weightBytes);
}

TEST(BenchComparison, SaysWhereThePublishedRatioAppears) {
  const Comparison here = comparison({{1, 1024}, {48, 32768}});
  const std::string text = formatComparison(TableFormat::Markdown, here);
  EXPECT_THAT(text, HasSubstr("At least the published 2.6 times over MambaInLlama (of 2.6 to 3.8) "
                              "appears at: batch 48, context 32768."));
  EXPECT_THAT(text, HasSubstr("as many tokens/s as mamba, the least at batch 1, context 1024, the "
                              "most at batch 48, context 32768 (measured)."));
  EXPECT_THAT(text, HasSubstr("Model: with a large batch at context 32768"));

  EXPECT_THAT(text, Not(HasSubstr("Careful")));
  Comparison slow = comparison({{1, 1024}});
  slow.cells[1][0].seconds *= 2;
  EXPECT_THAT(formatComparison(TableFormat::Markdown, slow),
              HasSubstr("Careful: at batch 1, context 1024 zebra moves 100.0 GB/s and mamba 50.0"));

  Comparison small = comparison({{1, 1024}, {48, 32768}});
  for (size_t model : {1, 2}) {
    small.cells[model][1].seconds = 0;
    small.cells[model][1].reason = "needs 7 bytes";
  }
  const std::string other = formatComparison(TableFormat::Markdown, small);
  EXPECT_THAT(other, HasSubstr("The published 2.6 to 3.8 times over MambaInLlama does not appear "
                               "in any measured cell."));
  EXPECT_THAT(other, HasSubstr("Nor does the lower end of the revised 1.4 to 3.3 times."));
  EXPECT_THAT(other, HasSubstr("Not here: batch 48, context 32768 (needs 7 bytes); bytes would "
                               "allow 5.04 times there."));
}

TEST(BenchComparison, Formats) {
  const Comparison made = comparison({{1, 1024}, {8, 1024}});
  const auto json = nlohmann::json::parse(formatComparison(TableFormat::Json, made));
  ASSERT_EQ(json["cells"].size(), 6u);
  EXPECT_FALSE(json["cells"][0].contains("first_over_this"));
  EXPECT_TRUE(json["cells"][1].contains("first_over_this"));
  EXPECT_GT(json["says"].size(), 3u);
  const std::string csv = formatComparison(TableFormat::Csv, made);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 7);
  const std::string lines = formatComparison(TableFormat::JsonLines, made);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 6);
}

} // namespace
