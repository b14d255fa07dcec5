//===- PublishedModelsTest.cpp - layers of full size, device by device ----===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first two layers of the largest published models, with random weights and
// a small vocabulary: what no small checkpoint shows is their sizes. The oracle
// runs them always, compiled host kernels where there is a compiler.
//
//===----------------------------------------------------------------------===//
#include "CheckpointWriter.h"
#include "ReferenceDevice.h"

#include "zorse/dispatch/Dispatcher.h"
#include "zorse/hybrid/Engine.h"

#ifdef ZORSE_HAS_COMPILER
#include "CompiledKernels.h"
#endif

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <unistd.h>

namespace zorse {
namespace {

namespace fs = std::filesystem;

constexpr int64_t vocabulary = 512;
const std::vector<int32_t> promptIds = {1, 403, 407, 261, 378}, laterIds = {432, 17, 300};

/// Logits after the prompt and after each later token, one row after another.
std::vector<float> run(const std::string &dir, Device &device, Dispatcher &dispatcher) {
  auto model = Model::load(dir, device, {.dtype = DType::BF16});
  EXPECT_TRUE(model) << (model ? "" : model.error().message);
  if (!model)
    return {};
  auto engine = Engine::create(**model, dispatcher, {.maxLen = 64});
  EXPECT_TRUE(engine) << (engine ? "" : engine.error().message);
  if (!engine)
    return {};
  std::vector<float> rows;
  auto keep = [&](const Status &status) {
    EXPECT_TRUE(status) << (status ? "" : status.error().message);
    if (!status)
      return;
    const std::vector<float> logits = *(*engine)->logits();
    rows.insert(rows.end(), logits.begin(), logits.end());
  };
  const int32_t slot = *(*engine)->open();
  const Engine::Run prompt{slot, promptIds};
  keep((*engine)->prefill({&prompt, 1}));
  for (int32_t id : laterIds)
    keep((*engine)->decodeStep({&slot, 1}, {&id, 1}));
  return rows;
}

class PublishedModels : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    dir = fs::temp_directory_path() /
          ("zorse-published-" + std::to_string(::getpid()) + "-" + GetParam());
    tool::Preset preset = tool::firstLayers(*tool::findPreset(GetParam()), 2);
    preset.base.vocabulary = vocabulary;
    preset.base.firstSpecial = vocabulary - 16;
    const std::atomic<bool> stop = false;
    auto written = tool::writeCheckpoint(preset, dir, {.seed = 5}, [](int64_t, int64_t) {}, stop);
    ASSERT_TRUE(written) << written.error().message;
    // The tokenizer of the golden models fits the small vocabulary, and so do its end ids.
    const fs::path golden = fs::path(ZORSE_SOURCE_DIR) / "tests/golden/llama-stories-260k";
    for (const char *file : {"tokenizer.json", "tokenizer_config.json", "generation_config.json"})
      fs::copy_file(golden / file, dir / file, fs::copy_options::overwrite_existing);
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(dir, ignored);
  }

  fs::path dir;
};

TEST_P(PublishedModels, TwoLayersRunAndDevicesAgree) {
  std::unique_ptr<Device> oracle = createReferenceDevice();
  Dispatcher described(*oracle, nullptr, [&](const OpDesc &op, const Sizes &) {
    return describeAsCode(op, oracle->target());
  });
  const std::vector<float> want = run(dir, *oracle, described);
  ASSERT_EQ(want.size(), static_cast<size_t>(vocabulary) * (1 + laterIds.size()));
  double squares = 0;
  for (float logit : want) {
    ASSERT_TRUE(std::isfinite(logit));
    squares += double(logit) * logit;
  }
  // The last norm gives rows of root mean square 1, the head keeps it.
  const double rms = std::sqrt(squares / static_cast<double>(want.size()));
  EXPECT_NEAR(rms, 1, 0.25);
#ifdef ZORSE_HAS_COMPILER
  CompiledKernels host(createHostDevice());
  const std::vector<float> got = run(dir, *host.device, *host.dispatcher);
  ASSERT_EQ(got.size(), want.size());
  // Some fifteen roundings to bf16 lie between the embedding and the logits, of which each moves
  // numbers of size 1 by at most 2^-9; a wrong head, group or order moves them by about 1.
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i)
    worst = std::max(worst, std::abs(double(got[i]) - want[i]));
  EXPECT_LT(worst, 4 * 15.0 / 512);
#endif
}

INSTANTIATE_TEST_SUITE_P(
    Largest, PublishedModels,
    testing::Values("zebra-llama-8b-16mla-16mamba", "zebra-llama-3b-14mla-14mamba",
                    "x-ecomla-3b-kv816", "x-ecomla-smollm-1.7b-kv480", "mambainllama-8b-0.50",
                    "llama-3.1-8b"),
    [](const auto &info) {
      std::string name = info.param;
      std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
      return name;
    });

} // namespace
} // namespace zorse
