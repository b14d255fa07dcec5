//===- GoldenModel.cpp - the small checkpoints and their numbers ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "GoldenModel.h"

#include "zorse/hybrid/Batcher.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <random>

using nlohmann::json;

namespace zorse {

const std::vector<std::string> &goldenModels() {
  static const std::vector<std::string> names = {"llama-stories-260k", "mambainllama-stories-260k",
                                                 "x-ecomla-stories-260k", "zebra-stories-260k",
                                                 "zebra-stories-5m"};
  return names;
}

std::string goldenDir(const std::string &model) {
  return std::string(ZORSE_SOURCE_DIR) + "/tests/golden/" + model;
}

std::vector<GoldenCase> goldenCases(const std::string &model) {
  std::ifstream file(goldenDir(model) + "/golden.json");
  json document = json::parse(file);
  std::vector<GoldenCase> cases;
  for (const json &each : document["cases"]) {
    GoldenCase &to = cases.emplace_back();
    to.prompt = each["prompt"];
    to.promptIds = each["prompt_ids"].get<std::vector<int32_t>>();
    to.greedyIds = each["greedy_ids"].get<std::vector<int32_t>>();
    to.greedyText = each["greedy_text"];
    to.firstLogits = each["logits_first32"].get<std::vector<float>>();
    to.logSumExp = each["logsumexp"];
    for (const json &pair : each["top5"])
      to.best.emplace_back(pair[0].get<int32_t>(), pair[1].get<double>());
    to.smallestGap = each["greedy_min_top2_gap"];
  }
  return cases;
}

std::unique_ptr<SafetensorsFile> goldenTrace(const std::string &model) {
  auto file = SafetensorsFile::open(goldenDir(model) + "/trace/trace.safetensors");
  return file ? file.take() : nullptr;
}

namespace {

/// A loaded model with its engine; `ok` tells whether both are there.
struct Loaded {
  std::unique_ptr<Model> model;
  std::unique_ptr<Engine> engine;

  Loaded(const std::string &name, EngineSetup setup, EngineOptions options) {
    auto loaded = Model::load(goldenDir(name), setup.device, {.dtype = setup.dtype});
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
    if (!loaded)
      return;
    model = loaded.take();
    options.pageSize = setup.pageSize;
    options.cacheDType = setup.cache;
    options.stateDType = setup.state;
    auto created = Engine::create(*model, setup.dispatcher, options);
    EXPECT_TRUE(created) << (created ? "" : created.error().message);
    if (created)
      engine = created.take();
  }
};

void expectOk(const Status &status) { ASSERT_TRUE(status) << status.error().message; }

double largestDifference(std::span<const float> got, std::span<const float> want) {
  EXPECT_EQ(got.size(), want.size());
  double largest = 0;
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    if (std::isnan(got[i]))
      return INFINITY;
    largest = std::max(largest, std::abs(double(got[i]) - double(want[i])));
  }
  return largest;
}

double logSumExp(std::span<const float> logits) {
  double sum = 0;
  const double top = *std::max_element(logits.begin(), logits.end());
  for (float logit : logits)
    sum += std::exp(logit - top);
  return top + std::log(sum);
}

/// The largest error of the golden numbers of one prompt, and the check that the argmax agrees.
double promptError(std::span<const float> logits, const GoldenCase &golden) {
  double worst = largestDifference(logits.first(32), golden.firstLogits);
  worst = std::max(worst, std::abs(logSumExp(logits) - golden.logSumExp));
  for (const auto &[id, logit] : golden.best)
    worst = std::max(worst, std::abs(logits[static_cast<size_t>(id)] - logit));
  return worst;
}

std::vector<std::vector<int32_t>> promptsOf(const std::vector<GoldenCase> &cases) {
  std::vector<std::vector<int32_t>> prompts;
  for (const GoldenCase &each : cases)
    prompts.push_back(each.promptIds);
  return prompts;
}

/// The conv cache lies [taps, channels]; the trace has [channels, taps].
std::vector<float> channelsFirst(const std::vector<float> &cache, size_t taps) {
  std::vector<float> turned(cache.size());
  const size_t channels = cache.size() / taps;
  for (size_t j = 0; j < taps; ++j)
    for (size_t c = 0; c < channels; ++c)
      turned[c * taps + j] = cache[j * channels + c];
  return turned;
}

} // namespace

void checkGreedy(const std::string &name, EngineSetup setup) {
  const std::vector<GoldenCase> cases = goldenCases(name);
  Loaded it(name, setup, {.numSlots = int64_t(cases.size()), .maxLen = 256});
  ASSERT_TRUE(it.engine);
  GenerateOptions options;
  options.maxNewTokens = 64;
  options.ignoreEos = true;
  auto result = generate(*it.engine, promptsOf(cases), options);
  ASSERT_TRUE(result) << result.error().message;
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(result->rows[i].outputIds, cases[i].greedyIds) << cases[i].prompt;
    EXPECT_EQ(result->rows[i].text, cases[i].greedyText);
    EXPECT_EQ(result->rows[i].stop, StopReason::MaxTokens);
  }
}

void checkPromptLogits(const std::string &name, EngineSetup setup, double tolerance) {
  const std::vector<GoldenCase> cases = goldenCases(name);
  Loaded it(name, setup, {.numSlots = 1, .maxLen = 256});
  ASSERT_TRUE(it.engine);
  for (const GoldenCase &golden : cases) {
    auto slot = it.engine->open();
    ASSERT_TRUE(slot);
    const Engine::Run run{*slot, golden.promptIds};
    expectOk(it.engine->prefill({&run, 1}));
    auto logits = it.engine->logits();
    ASSERT_TRUE(logits);
    EXPECT_LE(promptError(*logits, golden), tolerance) << golden.prompt;
    auto best = it.engine->argmax();
    ASSERT_TRUE(best);
    EXPECT_EQ((*best)[0], golden.best[0].first);
    it.engine->close(*slot);
  }
}

void checkTrace(const std::string &name, EngineSetup setup, double tolerance) {
  std::unique_ptr<SafetensorsFile> trace = goldenTrace(name);
  ASSERT_TRUE(trace);
  auto tensor = [&](const std::string &key) { return trace->tensors().at(key).toFloats(); };
  std::vector<int32_t> ids;
  for (float id : tensor("ids"))
    ids.push_back(static_cast<int32_t>(id));
  // Not slot 0, and not alone: a wrong slot or row would show.
  Loaded it(name, setup, {.numSlots = 3, .maxLen = 40, .prefillChunk = 64});
  ASSERT_TRUE(it.engine);
  Engine &engine = *it.engine;
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(engine.open());
  const std::vector<int32_t> other(ids.rbegin(), ids.rbegin() + 7);
  const Engine::Run runs[] = {{2, other}, {1, ids}};
  expectOk(engine.prefill(runs, Engine::LogitsOf::EveryToken));
  auto logits = engine.logits();
  ASSERT_TRUE(logits);
  const size_t vocab = static_cast<size_t>(it.model->config().vocabSize);
  ASSERT_EQ(logits->size(), (other.size() + ids.size()) * vocab);
  EXPECT_LE(largestDifference(std::span(*logits).subspan(other.size() * vocab), tensor("logits")),
            tolerance);
  for (const auto &[key, view] : trace->tensors()) {
    size_t dot = key.find(".cache.");
    if (dot == std::string::npos)
      continue;
    const int64_t layer = std::stoll(key.substr(5, dot - 5));
    const std::string kind = key.substr(dot + 7);
    auto cache = engine.readCache(layer, kind, 1);
    ASSERT_TRUE(cache) << cache.error().message;
    std::vector<float> got = kind == "conv" ? channelsFirst(*cache, 4) : *cache;
    EXPECT_LE(largestDifference(got, view.toFloats()), tolerance) << key;
  }
}

void checkPieces(const std::string &name, EngineSetup setup, double tolerance) {
  const std::vector<int32_t> ids = goldenCases(name).at(1).promptIds; // 17 tokens
  auto everyLogit = [&](int64_t chunk, size_t prefilled) {
    Loaded it(name, setup, {.numSlots = 1, .maxLen = 40, .prefillChunk = chunk});
    std::vector<float> all;
    if (!it.engine)
      return all;
    auto slot = it.engine->open();
    const std::span<const int32_t> tokens(ids);
    auto append = [&] {
      auto logits = it.engine->logits();
      if (logits)
        all.insert(all.end(), logits->begin(), logits->end());
    };
    const Engine::Run run{*slot, tokens.first(prefilled)};
    EXPECT_TRUE(it.engine->prefill({&run, 1}, Engine::LogitsOf::EveryToken));
    append();
    for (size_t t = prefilled; t < tokens.size(); ++t) {
      EXPECT_TRUE(it.engine->decodeStep({&*slot, 1}, tokens.subspan(t, 1)));
      append();
    }
    EXPECT_EQ(it.engine->length(*slot), static_cast<int64_t>(ids.size()));
    return all;
  };
  const std::vector<float> whole = everyLogit(64, ids.size());
  ASSERT_FALSE(whole.empty());
  for (int64_t chunk : {1, 3, 16})
    EXPECT_LE(largestDifference(everyLogit(chunk, ids.size()), whole), tolerance)
        << "chunks of " << chunk;
  for (size_t prefilled : {1, 2, 11})
    EXPECT_LE(largestDifference(everyLogit(64, prefilled), whole), tolerance)
        << prefilled << " tokens prefilled, the rest decoded";
}

void checkMixedSteps(const std::string &name, EngineSetup setup, double tolerance) {
  constexpr unsigned seed = 17;
  std::mt19937 random(seed);
  auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const std::vector<GoldenCase> cases = goldenCases(name);
  std::vector<std::vector<int32_t>> sequences;
  for (const GoldenCase &each : cases) {
    std::vector<int32_t> &tokens = sequences.emplace_back(each.promptIds);
    tokens.resize(std::min<size_t>(tokens.size(), 40));
    tokens.insert(tokens.end(), each.greedyIds.begin(), each.greedyIds.begin() + 30);
  }
  sequences.push_back({sequences[0].begin(), sequences[0].begin() + 1}); // one token and no more

  std::vector<std::vector<float>> alone;
  Loaded single(name, setup, {.numSlots = 1, .maxLen = 80, .prefillChunk = 80});
  Loaded mixed(name, setup, {.numSlots = 4, .maxLen = 80, .prefillChunk = 21});
  ASSERT_TRUE(single.engine && mixed.engine);
  for (const std::vector<int32_t> &tokens : sequences) {
    const int32_t slot = *single.engine->open();
    const Engine::Run run{slot, tokens};
    expectOk(single.engine->prefill({&run, 1}, Engine::LogitsOf::EveryToken));
    alone.push_back(*single.engine->logits());
    single.engine->close(slot);
  }
  const size_t vocab = static_cast<size_t>(single.model->config().vocabSize);
  Engine &engine = *mixed.engine;
  std::vector<int32_t> slots;
  for (size_t i = 0; i < sequences.size(); ++i)
    slots.push_back(*engine.open());
  std::vector<size_t> fed(sequences.size());
  for (int step = 0; step < 200; ++step) {
    std::vector<Engine::Run> runs;
    std::vector<std::pair<size_t, size_t>> rows; ///< sequence and token of each row of logits
    const bool every = below(4) == 0;
    const size_t first = below(sequences.size());
    for (size_t k = 0; k < sequences.size(); ++k) {
      const size_t i = (first + k) % sequences.size();
      constexpr size_t counts[] = {0, 1, 1, 1, 1, 2, 3, 7};
      const size_t count = std::min(counts[below(8)], sequences[i].size() - fed[i]);
      if (count == 0 || static_cast<size_t>(step) < 3 * i) // they begin one by one
        continue;
      const bool wanted = below(4) != 0;
      runs.push_back({slots[i], std::span(sequences[i]).subspan(fed[i], count), wanted});
      for (size_t t = every ? 0 : count - 1; wanted && t < count; ++t)
        rows.emplace_back(i, fed[i] + t);
      fed[i] += count;
    }
    if (runs.empty())
      continue;
    expectOk(engine.step(runs, every ? Engine::LogitsOf::EveryToken : Engine::LogitsOf::LastToken));
    ASSERT_EQ(engine.logitRows(), static_cast<int64_t>(rows.size())) << "seed " << seed;
    for (size_t row = 0; row < rows.size(); ++row) {
      const auto [i, token] = rows[row];
      auto logits = engine.logits(static_cast<int64_t>(row), 1);
      ASSERT_TRUE(logits) << logits.error().message;
      ASSERT_LE(largestDifference(*logits, std::span(alone[i]).subspan(token * vocab, vocab)),
                tolerance)
          << "sequence " << i << ", token " << token << ", step " << step << ", seed " << seed;
    }
  }
  for (size_t i = 0; i < sequences.size(); ++i)
    EXPECT_EQ(engine.length(slots[i]), static_cast<int64_t>(sequences[i].size()));
  EXPECT_GT(engine.times().mixedSteps, 3);
}

void checkBatcher(const std::string &name, EngineSetup setup) {
  const std::vector<GoldenCase> cases = goldenCases(name);
  Loaded it(name, setup, {.numSlots = 4, .maxLen = 256, .prefillChunk = 40, .numPages = 18});
  ASSERT_TRUE(it.engine);
  auto batcher = Batcher::create(*it.engine);
  ASSERT_TRUE(batcher) << batcher.error().message;
  size_t ended = 0;
  auto submit = [&](const GoldenCase &golden) {
    GenerateOptions options;
    options.maxNewTokens = 64;
    options.ignoreEos = true;
    auto accepted = (*batcher)->submit({.promptIds = golden.promptIds,
                                        .options = options,
                                        .onToken = {},
                                        .onEnd = [&](RequestId, const GeneratedRow &row) {
                                          EXPECT_EQ(row.outputIds, golden.greedyIds);
                                          EXPECT_EQ(row.text, golden.greedyText);
                                          ++ended;
                                        }});
    ASSERT_TRUE(accepted && accepted->id);
  };
  for (const GoldenCase &golden : cases) {
    submit(golden);
    for (int step = 0; step < 5; ++step)
      ASSERT_TRUE((*batcher)->step());
  }
  submit(cases.front());
  expectOk((*batcher)->run());
  EXPECT_EQ(ended, cases.size() + 1);
  EXPECT_GT((*batcher)->counts().putBack, 0);
  EXPECT_GT(it.engine->times().mixedSteps, 0);
}

void checkPages(const std::string &name, EngineSetup setup, double tolerance) {
  setup.pageSize = 16;
  checkGreedy(name, setup);
  checkTrace(name, setup, tolerance);
  checkMixedSteps(name, setup, tolerance);
  checkGraphs(name, setup);
  checkBatcher(name, setup);
}

void checkSixteenBitCaches(const std::string &name, EngineSetup setup) {
  for (auto [cache, state] :
       {std::pair(DType::F16, DType::F32), std::pair(DType::BF16, DType::F32),
        std::pair(DType::F32, DType::F16), std::pair(DType::F32, DType::BF16)}) {
    setup.cache = cache;
    setup.state = state;
    double largest = 0;
    checkCacheTypes(name, setup, largest);
    testing::Test::RecordProperty(
        fmt::format("error_cache_{}_state_{}", zorse::name(cache), zorse::name(state)),
        fmt::format("{:.2g}", largest));
  }
}

void checkCacheTypes(const std::string &name, EngineSetup setup, double &largest) {
  EngineSetup exact = setup;
  exact.cache = exact.state = DType::F32;
  const double unit =
      std::max(unitRoundoff(*setup.cache), unitRoundoff(*setup.state)); // of the coarser one
  Loaded a(name, exact, {.numSlots = 1, .maxLen = 256});
  Loaded b(name, setup, {.numSlots = 1, .maxLen = 256});
  ASSERT_TRUE(a.engine && b.engine);
  int rounded = 0; // layers
  for (const LayerConfig &layer : a.model->config().layers)
    rounded += (layer.mamba() ? *setup.state : *setup.cache) != DType::F32;
  largest = 0;
  const std::vector<GoldenCase> cases = goldenCases(name);
  for (const GoldenCase &golden : std::span(cases).subspan(1, 1)) {
    auto slot = a.engine->open(), otherSlot = b.engine->open();
    ASSERT_TRUE(slot && otherSlot);
    const Engine::Run run{*slot, golden.promptIds};
    expectOk(a.engine->prefill({&run, 1}));
    expectOk(b.engine->prefill({&run, 1}));
    // Layers before the first rounded one compute the same, so it holds the same, rounded once.
    const std::vector<LayerConfig> &layers = a.model->config().layers;
    for (size_t layer = 0; layer < layers.size(); ++layer) {
      const bool states = layers[layer].mamba();
      if ((states ? *setup.state : *setup.cache) == DType::F32)
        continue;
      const char *kind = states ? "ssm" : layers[layer].mla() ? "latent" : "v";
      const double roundoff = unitRoundoff(states ? *setup.state : *setup.cache);
      auto want = a.engine->readCache(static_cast<int64_t>(layer), kind, *slot);
      auto got = b.engine->readCache(static_cast<int64_t>(layer), kind, *otherSlot);
      ASSERT_TRUE(want && got);
      ASSERT_EQ(want->size(), got->size());
      for (size_t i = 0; i < want->size(); ++i)
        ASSERT_LE(std::abs((*got)[i] - (*want)[i]), roundoff * std::abs((*want)[i]) + 1e-7)
            << "layer " << layer << " element " << i;
      EXPECT_NE(*got, *want);
      break;
    }
    for (size_t step = 0; step < 32; ++step) {
      auto logits = a.engine->logits(), others = b.engine->logits();
      ASSERT_TRUE(logits && others);
      const double error = largestDifference(*others, *logits);
      largest = std::max(largest, error);
      ASSERT_LE(error, 80 * unit * rounded) << golden.prompt << " at step " << step;
      const int32_t want = golden.greedyIds[step];
      const auto best = std::max_element(others->begin(), others->end());
      ASSERT_LE((*logits)[static_cast<size_t>(want)] -
                    (*logits)[static_cast<size_t>(best - others->begin())],
                2 * error)
          << golden.prompt << " at step " << step;
      expectOk(a.engine->decodeStep({&*slot, 1}, {&want, 1}));
      expectOk(b.engine->decodeStep({&*otherSlot, 1}, {&want, 1}));
    }
    a.engine->close(*slot);
    b.engine->close(*otherSlot);
  }
}

void checkGraphs(const std::string &name, EngineSetup setup) {
  const std::vector<std::vector<int32_t>> prompts = promptsOf(goldenCases(name));
  struct Outcome {
    std::vector<std::vector<float>> logits; ///< of each step
    int64_t launches = 0, steps = 0, replayed = 0;
  };
  auto run = [&](bool graphs) {
    Outcome outcome;
    Loaded it(name, setup,
              {.numSlots = 2, .maxLen = 60, .prefillChunk = 64, .decodeGraphs = graphs});
    if (!it.engine)
      return outcome;
    auto launches = [&] {
      int64_t sum = 0;
      for (const auto &[kind, time] : setup.dispatcher.times())
        sum += time.launches;
      return sum;
    };
    const int64_t before = launches();
    const std::vector<int32_t> slots = {*it.engine->open(), *it.engine->open()};
    std::span<const int32_t> first(prompts.at(0)), second(prompts.at(1));
    const Engine::Run runs[] = {{slots[0], first.first(2)}, {slots[1], second.first(3)}};
    expectOk(it.engine->prefill(runs));
    for (int step = 0; step < 50; ++step) {
      const size_t rows = step < 30 ? 2 : 1;
      auto best = it.engine->argmax();
      EXPECT_TRUE(best);
      expectOk(it.engine->decodeStep(std::span(slots).first(rows), std::span(*best).first(rows)));
      outcome.logits.push_back(*it.engine->logits());
    }
    outcome.launches = launches() - before;
    outcome.steps = it.engine->times().decodeSteps;
    outcome.replayed = it.engine->times().replayedSteps;
    return outcome;
  };
  const Outcome plain = run(false), replayed = run(true);
  EXPECT_EQ(plain.replayed, 0);
  EXPECT_EQ(replayed.steps, 50);
  // Two rows with contexts of 4 to 33: bounds 32 and 60; one row with 33 to 52: bound 60. The first
  // step of each runs plainly.
  EXPECT_EQ(replayed.replayed, 50 - 3);
  EXPECT_EQ(plain.launches, replayed.launches);
  ASSERT_EQ(plain.logits.size(), replayed.logits.size());
  for (size_t step = 0; step < plain.logits.size(); ++step)
    ASSERT_EQ(plain.logits[step], replayed.logits[step]) << "step " << step;
}

void checkSixteenBit(const std::string &name, EngineSetup setup) {
  const double unit = unitRoundoff(setup.dtype);
  const std::vector<GoldenCase> cases = goldenCases(name);
  Loaded it(name, setup, {.numSlots = 1, .maxLen = 256});
  ASSERT_TRUE(it.engine);
  for (const GoldenCase &golden : cases) {
    auto slot = it.engine->open();
    ASSERT_TRUE(slot);
    const Engine::Run run{*slot, golden.promptIds};
    expectOk(it.engine->prefill({&run, 1}));
    auto logits = it.engine->logits();
    ASSERT_TRUE(logits);
    EXPECT_LE(promptError(*logits, golden), 128 * unit) << golden.prompt;
    for (size_t step = 0; step < golden.greedyIds.size(); ++step) {
      const int32_t want = golden.greedyIds[step];
      const auto best = std::max_element(logits->begin(), logits->end());
      ASSERT_LE(*best - (*logits)[static_cast<size_t>(want)], 16 * unit)
          << golden.prompt << ": chose " << best - logits->begin() << " over " << want
          << " at step " << step;
      expectOk(it.engine->decodeStep({&*slot, 1}, {&want, 1}));
      logits = it.engine->logits();
      ASSERT_TRUE(logits);
    }
    it.engine->close(*slot);
  }
}

void checkSameTokens(const std::string &name, EngineSetup first, EngineSetup second,
                     int &differing) {
  const std::vector<GoldenCase> cases = goldenCases(name);
  Loaded a(name, first, {.numSlots = 1, .maxLen = 256});
  Loaded b(name, second, {.numSlots = 1, .maxLen = 256});
  ASSERT_TRUE(a.engine && b.engine);
  for (const GoldenCase &golden : cases) {
    auto slot = a.engine->open(), otherSlot = b.engine->open();
    ASSERT_TRUE(slot && otherSlot);
    const Engine::Run run{*slot, golden.promptIds}, otherRun{*otherSlot, golden.promptIds};
    expectOk(a.engine->prefill({&run, 1}));
    expectOk(b.engine->prefill({&otherRun, 1}));
    for (size_t step = 0; step < golden.greedyIds.size(); ++step) {
      auto logits = a.engine->logits(), others = b.engine->logits();
      ASSERT_TRUE(logits && others);
      auto best = std::max_element(logits->begin(), logits->end()) - logits->begin();
      auto otherBest = std::max_element(others->begin(), others->end()) - others->begin();
      if (best != otherBest) {
        ++differing;
        const double gap = (*logits)[size_t(best)] - (*logits)[size_t(otherBest)];
        // Each of the two logits may be off by that much.
        ASSERT_LE(gap, 2 * largestDifference(*others, *logits))
            << golden.prompt << ": " << best << " against " << otherBest << " at step " << step;
      }
      const auto token = static_cast<int32_t>(best);
      expectOk(a.engine->decodeStep({&*slot, 1}, {&token, 1}));
      expectOk(b.engine->decodeStep({&*otherSlot, 1}, {&token, 1}));
    }
    a.engine->close(*slot);
    b.engine->close(*otherSlot);
  }
}

} // namespace zorse
