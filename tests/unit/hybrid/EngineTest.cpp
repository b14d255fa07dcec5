//===- EngineTest.cpp - sequences, batches and their limits ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "EngineFixture.h"
#include "ScratchFolder.h"

#include "zorse/hybrid/Generator.h"
#include "zorse/hybrid/OpList.h"
#include "zorse/hybrid/Safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace zorse {
namespace {

class EngineTest : public EngineFixture {};

TEST_F(EngineTest, SlotsAreGivenAndTakenBack) {
  auto engine = create({.numSlots = 2, .maxLen = 16});
  EXPECT_EQ(*engine->open(), 0);
  EXPECT_EQ(*engine->open(), 1);
  EXPECT_EQ(engine->open().error().message, "all 2 slots are taken; close one or raise numSlots");
  engine->close(0);
  EXPECT_EQ(*engine->open(), 0);
}

TEST_F(EngineTest, ASlotStartsAfresh) {
  auto engine = create({.numSlots = 1, .maxLen = 16});
  const std::vector<int32_t> first = prompt("Once upon"), second = prompt("The big");
  auto logitsOf = [&](const std::vector<int32_t> &tokens) {
    const int32_t slot = *engine->open();
    const Engine::Run run{slot, tokens};
    EXPECT_EQ(messageOf(engine->prefill({&run, 1})), "");
    std::vector<float> logits = *engine->logits();
    engine->close(slot);
    return logits;
  };
  const std::vector<float> fresh = logitsOf(second);
  EXPECT_NE(logitsOf(first), fresh);
  EXPECT_EQ(logitsOf(second), fresh);
}

TEST_F(EngineTest, RaggedBatchEqualsSingleSequences) {
  const std::vector<std::vector<int32_t>> prompts = {prompt("Once"), prompt("The big dog ran"),
                                                     prompt("Lily saw a")};
  GenerateOptions options;
  options.maxNewTokens = 12;
  options.ignoreEos = true;
  auto together = create({.numSlots = 3, .maxLen = 32, .prefillChunk = 5});
  auto alone = create({.numSlots = 1, .maxLen = 32});
  auto batch = generate(*together, prompts, options);
  ASSERT_TRUE(batch) << batch.error().message;
  for (size_t i = 0; i < prompts.size(); ++i) {
    auto single = generate(*alone, {prompts[i]}, options);
    ASSERT_TRUE(single);
    EXPECT_EQ(batch->rows[i].outputIds, single->rows[0].outputIds);
  }
  EXPECT_EQ(batch->decodeTokens, 3 * 11);
  EXPECT_EQ(together->times().decodeSteps, 11);
}

TEST_F(EngineTest, RowsStopOneByOne) {
  auto engine = create({.numSlots = 3, .maxLen = 12});
  GenerateOptions options;
  options.maxNewTokens = 8;
  options.ignoreEos = true;
  // Row 1 is cancelled after two tokens, row 2 has no room for eight.
  auto result = generate(*engine, {{1, 403}, {1, 407}, {1, 403, 407, 261, 378, 432}}, options,
                         [](size_t row, int32_t id, std::string_view) {
                           static int count = 0;
                           return row != 1 || id < 0 || ++count < 2;
                         });
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->rows[0].stop, StopReason::MaxTokens);
  EXPECT_EQ(result->rows[0].outputIds.size(), 8u);
  EXPECT_EQ(result->rows[1].stop, StopReason::Cancelled);
  EXPECT_EQ(result->rows[1].outputIds.size(), 2u);
  EXPECT_EQ(result->rows[2].stop, StopReason::CacheFull);
  EXPECT_EQ(result->rows[2].outputIds.size(), 7u); // six positions left, the seventh is not fed
  EXPECT_EQ(*engine->open(), 0);                   // all slots are free again
}

TEST_F(EngineTest, RecordingsOfStepsLongAgoGiveWayToNewOnes) {
  constexpr int64_t shapes = 65; // one more than are kept
  auto engine =
      Engine::create(*model, dispatcher, {.numSlots = shapes, .maxLen = 4, .decodeGraphs = true});
  ASSERT_TRUE(engine) << engine.error().message;
  auto stepOf = [&](int64_t rows) {
    std::vector<int32_t> slots;
    const std::vector<int32_t> tokens(static_cast<size_t>(rows), 403);
    std::vector<Engine::Run> runs;
    for (int64_t i = 0; i < rows; ++i) {
      slots.push_back(*(*engine)->open());
      runs.push_back({slots.back(), std::span(tokens).first(1)});
    }
    EXPECT_EQ(messageOf((*engine)->prefill(runs)), "");
    EXPECT_EQ(messageOf((*engine)->decodeStep(slots, tokens)), "");
    for (int32_t slot : slots)
      (*engine)->close(slot);
    return (*engine)->times().replayedSteps;
  };
  stepOf(shapes); // the logits grow once, to their full size
  EXPECT_EQ(stepOf(shapes), 1);
  for (int64_t rows = 1; rows < shapes; ++rows)
    EXPECT_EQ(stepOf(rows), 1); // the last one drops the first of all
  EXPECT_EQ(stepOf(1), 2);
  EXPECT_EQ(stepOf(shapes), 2); // begins anew, and drops the one of two rows
  EXPECT_EQ(stepOf(3), 3);
  EXPECT_EQ(stepOf(2), 3);
}

TEST_F(EngineTest, EndOfSequenceStops) {
  // The greedy continuation begins with 432, 383, 286.
  ScratchFolder dir("zebra-stories-260k");
  dir.editJson("generation_config.json", [](nlohmann::json &d) { d["eos_token_id"] = {7, 286}; });
  auto loaded = Model::load(dir.path(), *device);
  ASSERT_TRUE(loaded) << loaded.error().message;
  model = loaded.take();
  auto engine = create({.numSlots = 1, .maxLen = 256});
  GenerateOptions options;
  options.maxNewTokens = 5;
  auto result = generate(*engine, {prompt("Once upon a time")}, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->rows[0].stop, StopReason::EndOfSequence);
  EXPECT_EQ(result->rows[0].outputIds, (std::vector<int32_t>{432, 383}));
  EXPECT_EQ(result->decodeTokens, 2);
  options.ignoreEos = true;
  result = generate(*engine, {prompt("Once upon a time")}, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->rows[0].outputIds, (std::vector<int32_t>{432, 383, 286, 261, 376}));
}

TEST_F(EngineTest, StreamedTextIsTheTextAfterThePrompt) {
  auto engine = create({.numSlots = 1, .maxLen = 64});
  GenerateOptions options;
  options.maxNewTokens = 20;
  options.sampling = {.temperature = 1, .topK = 40, .topP = 0.95, .seed = 11};
  std::string streamed;
  auto result = generate(*engine, {prompt("Tom went to the")}, options,
                         [&](size_t, int32_t, std::string_view text) {
                           streamed += text;
                           return true;
                         });
  ASSERT_TRUE(result);
  std::vector<int32_t> all = result->rows[0].promptIds;
  all.insert(all.end(), result->rows[0].outputIds.begin(), result->rows[0].outputIds.end());
  EXPECT_EQ("Tom went to the" + streamed, model->tokenizer().decode(all));
  auto again = generate(*engine, {prompt("Tom went to the")}, options);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->rows[0].outputIds, result->rows[0].outputIds); // the seed decides
}

TEST_F(EngineTest, QueriesWithoutARankAreOneProduct) {
  // The same model with q_proj = q_b q_a in place of the two.
  ScratchFolder dir("zebra-stories-260k");
  auto sound = SafetensorsFile::open(dir.path("model.safetensors"));
  ASSERT_TRUE(sound);
  nlohmann::json header;
  std::string data;
  auto store = [&](const std::string &name, const std::vector<int64_t> &shape,
                   const std::vector<float> &values) {
    const size_t bytes = values.size() * sizeof(float);
    header[name] = {
        {"dtype", "F32"}, {"shape", shape}, {"data_offsets", {data.size(), data.size() + bytes}}};
    data.append(reinterpret_cast<const char *>(values.data()), bytes);
  };
  for (const auto &[name, view] : (*sound)->tensors()) {
    if (name.ends_with("q_a_proj.weight"))
      continue;
    if (!name.ends_with("q_b_proj.weight")) {
      store(name, view.shape, view.toFloats());
      continue;
    }
    std::string other = name;
    other.replace(other.find("q_b"), 3, "q_a");
    const std::vector<float> b = view.toFloats();
    const std::vector<float> a = (*sound)->tensors().at(other).toFloats();
    const size_t rank = static_cast<size_t>(view.shape[1]), rows = b.size() / rank;
    const size_t width = a.size() / rank;
    std::vector<float> product(rows * width);
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < width; ++j) {
        double sum = 0;
        for (size_t k = 0; k < rank; ++k)
          sum += static_cast<double>(b[i * rank + k]) * a[k * width + j];
        product[i * width + j] = static_cast<float>(sum);
      }
    std::string joined = name;
    joined.replace(joined.find("q_b_proj"), 8, "q_proj");
    store(joined, {static_cast<int64_t>(rows), static_cast<int64_t>(width)}, product);
  }
  const std::string text = header.dump();
  dir.write("model.safetensors", littleEndian(text.size()) + text + data);
  dir.editJson("hybrid_config.json", [](nlohmann::json &d) { d["q_lora_rank"] = nullptr; });

  auto logitsOf = [&](const Model &of) {
    auto engine = Engine::create(of, dispatcher, {.maxLen = 16});
    EXPECT_TRUE(engine);
    const std::vector<int32_t> tokens = prompt("Once upon a time");
    const Engine::Run run{*(*engine)->open(), tokens};
    EXPECT_EQ(messageOf((*engine)->prefill({&run, 1})), "");
    return *(*engine)->logits();
  };
  const std::vector<float> want = logitsOf(*model);
  auto joined = Model::load(dir.path(), *device);
  ASSERT_TRUE(joined) << joined.error().message;
  const std::vector<float> got = logitsOf(**joined);
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(got[i], want[i], 1e-4) << i;
}

TEST_F(EngineTest, MisuseIsNamed) {
  auto engine = create({.numSlots = 2, .maxLen = 4});
  const std::vector<int32_t> two = {1, 2}, five = {1, 2, 3, 4, 5}, bad = {512}, none;
  auto prefill = [&](std::vector<Engine::Run> runs) { return messageOf(engine->prefill(runs)); };
  EXPECT_EQ(prefill({{0, two}}), "slot 0 is not open; open() gives one of 2 slots");
  const int32_t slot = *engine->open();
  EXPECT_EQ(engine->logits().error().message, "there are no logits before the first step");
  EXPECT_EQ(engine->argmax().error().message, "there are no logits before the first step");
  EXPECT_EQ(prefill({{slot, five}}),
            "slot 0 would reach 5 tokens, but its cache holds 4; raise maxLen");
  EXPECT_EQ(prefill({{slot, bad}}), "token id 512 is out of range: [0, 511]");
  EXPECT_EQ(prefill({{slot, none}}), "a run needs at least one token");
  EXPECT_EQ(prefill({{slot, two}, {slot, two}}), "slot 0 is in two runs of one step");
  EXPECT_EQ(messageOf(engine->decodeStep(std::vector<int32_t>{0, 0}, two)),
            "slot 0 is in two runs of one step");
  EXPECT_EQ(messageOf(engine->decodeStep(std::vector<int32_t>{0}, two)),
            "expected one token for each of at least one slot, found 1 slots and 2 tokens");
  EXPECT_EQ(engine->readCache(0, "ssm", 0).error().message,
            "layer 0 has no cache \"ssm\"; its kinds are latent (MLA), k and v (attention), conv "
            "and ssm (Mamba2)");
  EXPECT_EQ(engine->readCache(9, "ssm", 0).error().message, "layer 9 is out of range: [0, 4]");
  auto tooMany = Engine::create(*model, dispatcher, {.numSlots = 0});
  ASSERT_FALSE(tooMany);
  EXPECT_EQ(tooMany.error().message, "numSlots: expected [1, 65536], found 0");
}

/// 128k tokens of context: random caches, then steps and a piece of a prompt at the very end. The
/// decode kernels and those of prompts must see the same 131071 rows, contiguous or in pages.
TEST_F(EngineTest, LongContextsWork) {
  constexpr int64_t maxLen = 131'072, filled = maxLen - 3;
  const std::vector<int32_t> tokens = {403, 407, 261};
  std::vector<std::vector<float>> outcomes;
  for (int64_t pageSize : {0, 0, 256}) {
    const bool singly = outcomes.empty();
    auto engine = create({.numSlots = 1,
                          .maxLen = maxLen,
                          .pageSize = pageSize,
                          .cacheDType = DType::BF16,
                          .stateDType = DType::F32});
    ASSERT_TRUE(engine);
    const ModelConfig &config = model->config();
    EXPECT_EQ(engine->cacheBytes(), maxLen * config.cacheBytesPerToken(DType::BF16) +
                                        config.stateBytesPerSequence(DType::F32));
    const int32_t slot = *engine->open();
    ASSERT_EQ(messageOf(engine->fillRandom(slot, filled, 3)), "");
    const std::span<const int32_t> all(tokens);
    for (size_t t = 0; t < tokens.size(); t += singly ? 1 : tokens.size()) {
      const Engine::Run run{slot, singly ? all.subspan(t, 1) : all};
      ASSERT_EQ(messageOf(engine->step({&run, 1})), "");
    }
    outcomes.push_back(*engine->logits());
    const Engine::Run more{slot, all.first(1)};
    EXPECT_EQ(messageOf(engine->step({&more, 1})),
              "slot 0 would reach 131073 tokens, but its cache holds 131072; raise maxLen");
  }
  for (size_t i = 0; i < outcomes[0].size(); ++i) {
    ASSERT_TRUE(std::isfinite(outcomes[0][i]));
    ASSERT_NEAR(outcomes[1][i], outcomes[0][i], 6e-5) << i; // as whole prompts agree with steps
    ASSERT_EQ(outcomes[2][i], outcomes[1][i]) << i;
  }
}

TEST_F(EngineTest, CachesHaveTheSizeThatTheConfigurationSays) {
  auto engine = create({.numSlots = 3, .maxLen = 100});
  const ModelConfig &config = model->config();
  EXPECT_EQ(engine->cacheBytes(), 3 * (100 * config.cacheBytesPerToken(DType::F32) +
                                       config.stateBytesPerSequence(DType::F32)));
  EXPECT_EQ(config.cacheBytesPerToken(DType::F32), 3 * 20 * 4);
  engine = create({.numSlots = 3,
                   .maxLen = 100,
                   .pageSize = 16,
                   .numPages = 5,
                   .cacheDType = DType::F16,
                   .stateDType = DType::BF16});
  EXPECT_EQ(engine->cacheBytes(), 5 * 16 * config.cacheBytesPerToken(DType::F16) +
                                      3 * config.stateBytesPerSequence(DType::F32, DType::BF16));
}

TEST_F(EngineTest, ListsEveryOpThatARunAsksFor) {
  for (const char *name : {"llama-stories-260k", "mambainllama-stories-260k",
                           "x-ecomla-stories-260k", "zebra-stories-260k"}) {
    auto loaded = Model::load(golden(name), *device);
    ASSERT_TRUE(loaded);
    model = loaded.take();
    asked.clear();
    Dispatcher fresh(*device, nullptr, [this](const OpDesc &op, const Sizes &) {
      asked.insert(op.canonicalJson());
      return describeAsCode(op, device->target());
    });
    auto engine = Engine::create(*model, fresh, {.numSlots = 2, .maxLen = 32});
    ASSERT_TRUE(engine) << engine.error().message;
    GenerateOptions options;
    options.maxNewTokens = 3;
    options.ignoreEos = true;
    ASSERT_TRUE(generate(**engine, {{1, 403}, {1, 403, 407}}, options));
    auto listed = listOps(model->config(), (*engine)->opTypes());
    ASSERT_TRUE(listed) << listed.error().message;
    std::set<std::string> names;
    std::set<std::string> points;
    for (const OpDesc &op : *listed) {
      names.insert(op.canonicalJson());
      EXPECT_TRUE(points.insert(op.canonicalJson() + op.tuningPointJson()).second);
    }
    EXPECT_EQ(names, asked) << name;
  }
}

/// Launches of one step by kind, as listUses() says.
std::map<std::string, int64_t> launchesOf(const ModelConfig &config, const OpTypes &types,
                                          const EngineStep &step, const OpListOptions &options) {
  std::map<std::string, int64_t> launches;
  auto uses = listUses(config, types, step, options);
  EXPECT_TRUE(uses) << (uses ? "" : uses.error().message);
  for (const OpUse &use : *uses)
    launches[use.op.kind()] += use.launches;
  return launches;
}

TEST_F(EngineTest, UsesAreTheLaunchesOfAStep) {
  struct Variant {
    const char *name;
    int64_t pageSize;
  };
  for (auto [name, pageSize] :
       {Variant{"zebra-stories-260k", 0}, Variant{"mambainllama-stories-260k", 0},
        Variant{"llama-stories-260k", 0}, Variant{"zebra-stories-260k", 16},
        Variant{"llama-stories-260k", 16}}) {
    auto loaded = Model::load(golden(name), *device, {.dtype = DType::F32});
    ASSERT_TRUE(loaded);
    std::set<std::string> points; ///< (op, bucket) that were really needed
    Dispatcher fresh(*device, nullptr, [&](const OpDesc &op, const Sizes &sizes) {
      points.insert(op.canonicalJson() + op.withTuningPoint(sizes).tuningPointJson());
      return describeAsCode(op, device->target());
    });
    auto engine = Engine::create(
        **loaded, fresh, {.numSlots = 2, .maxLen = 32, .prefillChunk = 4, .pageSize = pageSize});
    ASSERT_TRUE(engine) << engine.error().message;
    const ModelConfig &config = (*loaded)->config();
    const OpTypes types = (*engine)->opTypes();
    const OpListOptions options{.maxLen = 32, .numSlots = 2, .passTokens = 4};
    auto since = [&](std::map<std::string, Dispatcher::KindTime> before) {
      std::map<std::string, int64_t> launches;
      for (const auto &[kind, time] : fresh.times())
        if (int64_t count = time.launches - before[kind].launches)
          launches[kind] = count;
      return launches;
    };
    const int32_t slot = *(*engine)->open(), other = *(*engine)->open();
    const std::vector<int32_t> tokens = {1, 403, 407, 5, 6, 7, 8, 9, 10}; // passes of 4, 4 and 1
    const std::span<const int32_t> all(tokens);
    const EngineStep prompt{.decode = false, .batch = 1, .context = 9};
    const EngineStep decode{.decode = true, .batch = 1, .context = 10};
    const EngineStep mixed{.decode = true, .batch = 1, .context = 11, .promptTokens = 3};
    const std::pair<EngineStep, std::vector<Engine::Run>> steps[] = {
        {prompt, {{slot, all}}},
        {decode, {{slot, all.first(1)}}},
        {mixed, {{other, all.first(3)}, {slot, all.first(1)}}}};
    std::set<std::string> listed;
    for (const auto &[step, runs] : steps) {
      const auto before = fresh.times();
      ASSERT_EQ(messageOf((*engine)->step(runs)), "");
      ASSERT_TRUE((*engine)->argmax());
      EXPECT_EQ(since(before), launchesOf(config, types, step, options)) << name;
      auto uses = listUses(config, types, step, options);
      for (const OpUse &use : *uses)
        listed.insert(use.op.canonicalJson() +
                      use.op.withTuningPoint(bucketOf(use.op.spec(), use.op.tuningPoint()))
                          .tuningPointJson());
    }
    EXPECT_EQ(listed, points) << name << ", pages of " << pageSize;
  }
  auto refused = listUses(model->config(), DType::F32, {.batch = 9}, {.numSlots = 8});
  EXPECT_EQ(refused.error().message, "a step takes 1 to 8 sequences (a prefill 1), found 9");
  refused =
      listUses(model->config(), DType::F32, {.batch = 2, .promptTokens = 511}, {.numSlots = 8});
  EXPECT_EQ(refused.error().message,
            "promptTokens: expected [0, 510] beside the decode rows of a step, found 511");
}

TEST_F(EngineTest, AMissingKernelIsAnError) {
  Dispatcher empty(*device, nullptr);
  auto engine = Engine::create(*model, empty, {.maxLen = 8});
  if (!engine)
    return; // refused at once is as good
  const int32_t slot = *(*engine)->open();
  const std::vector<int32_t> tokens = {1};
  const Engine::Run run{slot, tokens};
  EXPECT_FALSE((*engine)->prefill({&run, 1}));
  EXPECT_EQ((*engine)->length(slot), 0);
}

} // namespace
} // namespace zorse
