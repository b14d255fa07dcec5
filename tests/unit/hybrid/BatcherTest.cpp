//===- BatcherTest.cpp - continuous batching ------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "EngineFixture.h"

#include "zorse/hybrid/Batcher.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>

namespace zorse {
namespace {

class BatcherTest : public EngineFixture {
protected:
  std::unique_ptr<Batcher> batch(Engine &engine, BatcherOptions options = {}) {
    auto made = Batcher::create(engine, options);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made.take();
  }

  /// What the request says when it is the only one ever.
  GeneratedRow alone(const std::vector<int32_t> &prompt, const GenerateOptions &options) {
    auto engine = create({.numSlots = 1, .maxLen = 96});
    auto result = generate(*engine, {prompt}, options);
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result->rows[0];
  }

  static GenerateOptions greedy(int64_t tokens) {
    GenerateOptions options;
    options.maxNewTokens = tokens;
    options.ignoreEos = true;
    return options;
  }

  /// Submits and keeps the end; -1 if the queue was full.
  RequestId submit(Batcher &batcher, std::vector<int32_t> ids, const GenerateOptions &options) {
    auto accepted = batcher.submit({.promptIds = std::move(ids),
                                    .options = options,
                                    .onToken = {},
                                    .onEnd = [this](RequestId id, const GeneratedRow &row) {
                                      EXPECT_TRUE(ended.emplace(id, row).second) << "told twice";
                                      order.push_back(id);
                                    }});
    EXPECT_TRUE(accepted) << (accepted ? "" : accepted.error().message);
    return accepted->id.value_or(-1);
  }

  std::map<RequestId, GeneratedRow> ended;
  std::vector<RequestId> order; ///< of the ends
};

/// Requests of random lengths arrive at random; each says what it says alone. With few pages rows
/// are put back and begin again.
TEST_F(BatcherTest, WhatARequestSaysDoesNotDependOnOthers) {
  constexpr unsigned seed = 31;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  struct Variant {
    const char *model;
    EngineOptions engine;
    int64_t prefixes;
    bool putsBack;
  };
  const Variant variants[] = {
      {"zebra-stories-260k", {.numSlots = 4, .maxLen = 96, .prefillChunk = 12}, 0, false},
      {"zebra-stories-260k",
       {.numSlots = 4, .maxLen = 96, .prefillChunk = 20, .pageSize = 16, .numPages = 9},
       0,
       true},
      {"mambainllama-stories-260k",
       {.numSlots = 3, .maxLen = 96, .prefillChunk = 19, .pageSize = 16, .numPages = 6},
       3,
       true},
      {"x-ecomla-stories-260k", {.numSlots = 3, .maxLen = 96, .prefillChunk = 11}, 4, false},
  };
  for (const Variant &variant : variants) {
    SCOPED_TRACE(variant.model);
    load(variant.model);
    std::mt19937 random(seed);
    auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
    auto engine = create(variant.engine);
    auto batcher = batch(*engine, {.queueLimit = 4, .prefixSnapshots = variant.prefixes});
    ended.clear();
    std::map<RequestId, std::pair<std::vector<int32_t>, GenerateOptions>> asked;
    const std::vector<int32_t> text =
        prompt("Once upon a time, there was a little girl named Lily. She loved to play outside in "
               "the park with her friends.");
    int refused = 0;
    for (int step = 0; step < 400 && (asked.size() < 14 || ended.size() < asked.size()); ++step) {
      if (asked.size() < 14 && below(3) == 0) {
        std::vector<int32_t> ids(text.begin(),
                                 text.begin() + 1 + std::min(below(44), text.size() - 1));
        if (below(3) == 0)
          std::rotate(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(below(ids.size())),
                      ids.end());
        GenerateOptions options = greedy(1 + static_cast<int64_t>(below(30)));
        if (below(3) == 0)
          options.sampling = {.temperature = 0.8, .topK = 20, .seed = below(100)};
        const RequestId id = submit(*batcher, ids, options);
        if (id >= 0)
          asked[id] = {ids, options};
        else
          ++refused;
      }
      auto more = batcher->step();
      ASSERT_TRUE(more) << more.error().message;
    }
    ASSERT_EQ(messageOf(batcher->run()), "");
    ASSERT_EQ(ended.size(), asked.size());
    for (const auto &[id, request] : asked) {
      const GeneratedRow want = alone(request.first, request.second);
      EXPECT_EQ(ended[id].outputIds, want.outputIds) << "request " << id;
      EXPECT_EQ(ended[id].text, want.text);
      EXPECT_EQ(ended[id].stop, want.stop);
    }
    const BatcherCounts counts = batcher->counts();
    EXPECT_EQ(counts.refused, refused);
    EXPECT_EQ(counts.putBack > 0, variant.putsBack);
    EXPECT_EQ(counts.reusedTokens > 0, variant.prefixes > 0);
    EXPECT_GT(counts.mostRunning, 1);
    EXPECT_GT(engine->times().mixedSteps, 0);
    EXPECT_EQ(engine->openSlots(), 0);
    batcher.reset(); // and with it what it kept of prefixes
    EXPECT_EQ(engine->freePages(), variant.engine.numPages);
  }
}

TEST_F(BatcherTest, AFullQueueSaysSo) {
  auto engine = create({.numSlots = 1, .maxLen = 32});
  auto batcher = batch(*engine, {.queueLimit = 2});
  EXPECT_EQ(submit(*batcher, {1, 403}, greedy(3)), 0);
  EXPECT_EQ(submit(*batcher, {1, 407}, greedy(3)), 1);
  EXPECT_EQ(submit(*batcher, {1, 261}, greedy(3)), -1);
  ASSERT_TRUE(batcher->step()); // the first one runs now
  EXPECT_EQ(submit(*batcher, {1, 261}, greedy(3)), 2);
  EXPECT_EQ(batcher->counts().waiting, 2);
  EXPECT_EQ(batcher->counts().running, 1);
  ASSERT_EQ(messageOf(batcher->run()), "");
  EXPECT_EQ(order, (std::vector<RequestId>{0, 1, 2})); // first come, first served
  EXPECT_EQ(batcher->counts().refused, 1);
  EXPECT_EQ(batcher->counts().finished, 3);
}

TEST_F(BatcherTest, RowsEndEachForItsOwnReason) {
  auto engine = create({.numSlots = 4, .maxLen = 12});
  auto batcher = batch(*engine);
  const RequestId most = submit(*batcher, {1, 403}, greedy(5));
  const RequestId full = submit(*batcher, {1, 403, 407, 261, 378, 432}, greedy(50));
  const RequestId none = submit(*batcher, {1, 407}, greedy(0));
  const RequestId late = submit(*batcher, {1, 9}, greedy(50));
  const RequestId waits = submit(*batcher, {1, 10}, greedy(50));
  EXPECT_TRUE(batcher->cancel(waits));
  EXPECT_EQ(ended.at(waits).stop, StopReason::Cancelled); // at once: it did not run
  EXPECT_FALSE(batcher->cancel(waits));
  int seen = 0;
  auto stops =
      batcher->submit({.promptIds = {1, 11},
                       .options = greedy(50),
                       .onToken = [&](RequestId, int32_t, std::string_view) { return ++seen < 3; },
                       .onEnd =
                           [&](RequestId, const GeneratedRow &row) {
                             EXPECT_EQ(row.stop, StopReason::Cancelled);
                             EXPECT_EQ(row.outputIds.size(), 3u);
                           }});
  ASSERT_TRUE(stops);
  ASSERT_TRUE(batcher->step());
  EXPECT_TRUE(batcher->cancel(late));
  ASSERT_EQ(messageOf(batcher->run()), "");
  EXPECT_EQ(ended.at(most).stop, StopReason::MaxTokens);
  EXPECT_EQ(ended.at(most).outputIds.size(), 5u);
  EXPECT_EQ(ended.at(full).stop, StopReason::CacheFull);
  EXPECT_EQ(ended.at(full).outputIds.size(), 7u);
  EXPECT_EQ(ended.at(none).stop, StopReason::MaxTokens);
  EXPECT_TRUE(ended.at(none).outputIds.empty());
  EXPECT_EQ(ended.at(late).stop, StopReason::Cancelled);
  EXPECT_EQ(ended.at(late).outputIds.size(), 1u);
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(batcher->counts().finished, 6);
}

TEST_F(BatcherTest, OthersSubmitAndCancelWhileOneSteps) {
  auto engine = create({.numSlots = 3, .maxLen = 48, .prefillChunk = 19, .pageSize = 16});
  auto batcher = batch(*engine, {.queueLimit = 8, .prefixSnapshots = 2});
  constexpr int clients = 3, each = 6;
  std::atomic<int> accepted = 0, ends = 0, submitting = clients;
  std::vector<std::thread> threads;
  for (int client = 0; client < clients; ++client)
    threads.emplace_back([&, client] {
      std::mt19937 random(static_cast<unsigned>(client));
      for (int i = 0; i < each;) {
        std::vector<int32_t> ids(1 + random() % 30, static_cast<int32_t>(3 + random() % 100));
        auto submission =
            batcher->submit({.promptIds = ids,
                             .options = greedy(static_cast<int64_t>(1 + random() % 6)),
                             .onToken = {},
                             .onEnd = [&](RequestId, const GeneratedRow &) { ++ends; }});
        EXPECT_TRUE(submission);
        if (!submission->id) {
          std::this_thread::yield();
          continue;
        }
        ++accepted;
        ++i;
        if (random() % 4 == 0)
          batcher->cancel(*submission->id);
        batcher->counts();
      }
      --submitting;
    });
  while (submitting > 0 || batcher->counts().waiting + batcher->counts().running > 0) {
    auto more = batcher->step();
    ASSERT_TRUE(more) << more.error().message;
  }
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(accepted, clients * each);
  EXPECT_EQ(ends, accepted);
}

TEST_F(BatcherTest, WhatCannotRunIsRefused) {
  auto engine =
      create({.numSlots = 2, .maxLen = 40, .prefillChunk = 8, .pageSize = 16, .numPages = 2});
  auto batcher = batch(*engine);
  auto refusal = [&](std::vector<int32_t> ids, GenerateOptions options = {}) {
    auto submission = batcher->submit(
        {.promptIds = std::move(ids), .options = options, .onToken = {}, .onEnd = {}});
    return submission ? "" : submission.error().message;
  };
  EXPECT_EQ(refusal({}), "prompt: expected [1, 32] tokens (maxLen, or all pages), found 0");
  EXPECT_EQ(refusal(std::vector<int32_t>(33, 5)),
            "prompt: expected [1, 32] tokens (maxLen, or all pages), found 33");
  EXPECT_EQ(refusal({512}), "token id 512 is out of range: [0, 511]");
  EXPECT_EQ(refusal({1}, {.maxNewTokens = -1, .sampling = {}}),
            "maxNewTokens: expected at least 0, found -1");
  // A prompt of all pages runs: its only token is the first one.
  const RequestId id = submit(*batcher, std::vector<int32_t>(32, 5), greedy(9));
  ASSERT_EQ(messageOf(batcher->run()), "");
  EXPECT_EQ(ended.at(id).stop, StopReason::CacheFull);
  EXPECT_EQ(ended.at(id).outputIds.size(), 1u);
  auto made = [&](EngineOptions options, BatcherOptions with) {
    auto other = create(options);
    return Batcher::create(*other, with).error().message;
  };
  EXPECT_EQ(made({.numSlots = 8, .maxLen = 16, .prefillChunk = 8}, {}),
            "prefillChunk: expected more than numSlots (8), so that prompts fit beside running "
            "rows, found 8");
  EXPECT_EQ(made({.numSlots = 2, .maxLen = 16, .prefillChunk = 8}, {.pieceTokens = 7}),
            "pieceTokens: expected [0, 6] (prefillChunk - numSlots), found 7");
  ASSERT_TRUE(engine->open());
  EXPECT_EQ(Batcher::create(*engine).error().message,
            "expected an engine without open sequences, found 1");
}

} // namespace
} // namespace zorse
