//===- SequencesTest.cpp - pages, forks, snapshots ------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "EngineFixture.h"

#include "PagePool.h"
#include "PrefixCache.h"

#include <algorithm>
#include <map>
#include <random>

namespace zorse {
namespace {

TEST(PagePool, GivesTheLowestPageThatNobodyHolds) {
  PagePool pool(3);
  EXPECT_EQ(pool.take(), 0);
  EXPECT_EQ(pool.take(), 1);
  pool.share(0);
  pool.release(0);
  EXPECT_EQ(pool.take(), 2); // 0 still has a holder
  EXPECT_EQ(pool.freePages(), 0);
  pool.release(0);
  pool.release(1);
  EXPECT_EQ(pool.freePages(), 2);
  EXPECT_EQ(pool.take(), 0);
}

class SequencesTest : public EngineFixture {
protected:
  void append(Engine &engine, int32_t slot, std::span<const int32_t> tokens) {
    const Engine::Run run{slot, tokens};
    ASSERT_EQ(messageOf(engine.step({&run, 1})), "");
  }

  /// Every cache of a sequence.
  std::vector<std::vector<float>> caches(Engine &engine, int32_t slot) {
    std::vector<std::vector<float>> all;
    const std::vector<LayerConfig> &layers = model->config().layers;
    for (size_t i = 0; i < layers.size(); ++i) {
      const std::vector<const char *> kinds = layers[i].mla()     ? std::vector{"latent"}
                                              : layers[i].mamba() ? std::vector{"conv", "ssm"}
                                                                  : std::vector{"k", "v"};
      for (const char *kind : kinds)
        all.push_back(*engine.readCache(static_cast<int64_t>(i), kind, slot));
    }
    return all;
  }
};

TEST_F(SequencesTest, RandomCachesAreTheSameInEveryLayout) {
  for (const char *name : {"zebra-stories-260k", "mambainllama-stories-260k"}) {
    load(name);
    for (std::optional<DType> type : {std::optional<DType>(), std::optional(DType::BF16)}) {
      auto rows = create({.numSlots = 2, .maxLen = 100, .cacheDType = type, .stateDType = type});
      auto pages = create(
          {.numSlots = 2, .maxLen = 100, .pageSize = 16, .cacheDType = type, .stateDType = type});
      ASSERT_TRUE(rows && pages);
      ASSERT_EQ(*rows->open(), 0);
      const int32_t slot = *rows->open(), other = *pages->open();
      const std::vector<int32_t> tokens = {1, 403, 407};
      append(*pages, other, tokens); // what was there goes
      ASSERT_EQ(messageOf(rows->fillRandom(slot, 77, 5)), "");
      ASSERT_EQ(messageOf(pages->fillRandom(other, 77, 5)), "");
      EXPECT_EQ(rows->length(slot), 77);
      EXPECT_EQ(pages->freePages(), 14 - 5);
      EXPECT_EQ(caches(*rows, slot), caches(*pages, other));
      const int32_t next = 9;
      ASSERT_EQ(messageOf(rows->decodeStep({&slot, 1}, {&next, 1})), "");
      ASSERT_EQ(messageOf(pages->decodeStep({&other, 1}, {&next, 1})), "");
      EXPECT_EQ(*rows->logits(), *pages->logits());
      for (float logit : *rows->logits())
        ASSERT_TRUE(std::isfinite(logit));
      const std::vector<std::vector<float>> before = caches(*rows, slot);
      ASSERT_EQ(messageOf(rows->fillRandom(slot, 77, 6)), "");
      EXPECT_NE(caches(*rows, slot), before);
    }
  }
  auto engine = create({.maxLen = 8});
  EXPECT_EQ(messageOf(engine->fillRandom(*engine->open(), 9, 0)),
            "length: expected [0, 8] (maxLen), found 9");
}

TEST_F(SequencesTest, AForkGoesOnAsItsOriginal) {
  for (int64_t pageSize : {0, 16}) {
    auto engine = create({.numSlots = 3, .maxLen = 64, .pageSize = pageSize});
    const int32_t slot = *engine->open();
    const std::vector<int32_t> start =
        prompt("Once upon a time, there was a little girl named Lily. She loved the park.");
    ASSERT_GT(start.size(), 16u); // a full page and a part of another
    append(*engine, slot, start);
    const Snapshot before = *engine->snapshot(slot);
    EXPECT_EQ(before.length(), static_cast<int64_t>(start.size()));
    EXPECT_EQ(before.heldPages(), pageSize ? 2 : 0);
    const int32_t twin = *engine->fork(slot);
    EXPECT_EQ(engine->length(twin), engine->length(slot));
    // The two part: neither may see what the other writes.
    const std::vector<int32_t> one = {403, 407, 261}, two = {432, 383, 286};
    append(*engine, slot, one);
    const std::vector<float> wantedOne = *engine->logits();
    append(*engine, twin, two);
    const std::vector<float> wantedTwo = *engine->logits();
    engine->close(slot);
    engine->close(twin);
    for (int round = 0; round < 2; ++round) {
      auto again = engine->restore(before);
      ASSERT_TRUE(again) << again.error().message;
      append(*engine, *again, round ? two : one);
      EXPECT_EQ(*engine->logits(), round ? wantedTwo : wantedOne);
      engine->close(*again);
    }
    EXPECT_EQ(engine->openSlots(), 0);
  }
}

TEST_F(SequencesTest, WhatDoesNotFitChangesNothing) {
  auto engine = create({.numSlots = 3, .maxLen = 64, .pageSize = 16, .numPages = 3});
  const int32_t slot = *engine->open();
  const std::vector<int32_t> tokens(20, 403), many(29, 407), single(1, 9);
  append(*engine, slot, tokens);
  EXPECT_EQ(engine->freePages(), 1);
  EXPECT_EQ(engine->pagesFor(slot, 12), 0);
  EXPECT_EQ(engine->pagesFor(slot, 13), 1);
  EXPECT_EQ(engine->pagesFor(slot, 29), 2);
  const std::vector<std::vector<float>> before = caches(*engine, slot);
  const Engine::Run run{slot, many};
  EXPECT_EQ(messageOf(engine->step({&run, 1})),
            "expected 2 free pages of 16 tokens, found 1 of 3; close a sequence, drop snapshots, "
            "or raise numPages");
  EXPECT_EQ(engine->length(slot), 20);
  EXPECT_EQ(caches(*engine, slot), before);
  {
    auto held = engine->snapshot(slot); // takes the last page for the partial one
    ASSERT_TRUE(held);
    EXPECT_EQ(engine->freePages(), 0);
    EXPECT_FALSE(engine->fork(slot));
    EXPECT_FALSE(engine->snapshot(slot));
    EXPECT_EQ(engine->openSlots(), 1);
    append(*engine, slot, single); // has room in its own page
  }
  EXPECT_EQ(engine->freePages(), 1);
  EXPECT_TRUE(engine->fork(slot));
  auto other = create({.maxLen = 64, .pageSize = 16});
  const int32_t elsewhere = *other->open();
  append(*other, elsewhere, single);
  other->close(elsewhere);
  EXPECT_EQ(other->restore(*engine->snapshot(*engine->open())).error().message,
            "expected a snapshot of this engine, found one of another");

  auto refused = [&](EngineOptions options) {
    return Engine::create(*model, dispatcher, options).error().message;
  };
  EXPECT_EQ(refused({.pageSize = 24}),
            "pageSize: expected 0 or a power of two from 16 to 4096, found 24");
  EXPECT_EQ(refused({.numPages = 4}),
            "numPages: expected 0 where pageSize is 0, found 4; give a pageSize");
  EXPECT_EQ(refused({.pageSize = 4096, .numPages = 5000}),
            "numPages: expected [1, 4096], found 5000");
  EXPECT_EQ(refused({.cacheDType = DType::I32}),
            "cacheDType, stateDType: expected f32, f16 or bf16, found i32");
}

/// Opens, appends, forks, snapshots, restores and closes at random. Beside the pages runs an engine
/// with contiguous rows, which shares nothing, and a count of the pages that must be held.
TEST_F(SequencesTest, PagesAreNeitherLostNorSharedForWriting) {
  constexpr unsigned seed = 23;
  constexpr int64_t size = 16, pageCount = 14;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  auto pages = create({.numSlots = 5, .maxLen = 96, .pageSize = size, .numPages = pageCount});
  auto rows = create({.numSlots = 5, .maxLen = 96});
  struct Held {
    Snapshot paged, plain;
    std::vector<int> full; ///< names of its full pages
    bool partial;
  };
  struct Open {
    int32_t slot = 0, plain = 0;
    std::vector<int> full; ///< likewise; shared ones have one name
  };
  std::vector<Open> open;
  std::vector<Held> held;
  int nextName = 0;
  auto heldPages = [&] {
    std::set<int> full;
    int64_t partial = 0;
    for (const Open &each : open) {
      full.insert(each.full.begin(), each.full.end());
      partial += pages->length(each.slot) % size != 0;
    }
    for (const Held &each : held) {
      full.insert(each.full.begin(), each.full.end());
      partial += each.partial;
    }
    return static_cast<int64_t>(full.size()) + partial;
  };
  int refusals = 0, forks = 0;
  for (int step = 0; step < 250; ++step) {
    const size_t action = below(10);
    const size_t pick = open.empty() ? 0 : below(open.size());
    if (action == 0 && open.size() < 5) {
      open.push_back({*pages->open(), *rows->open(), {}});
    } else if (action == 1 && !open.empty()) {
      pages->close(open[pick].slot);
      rows->close(open[pick].plain);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(pick));
    } else if (action == 2 && !open.empty() && open.size() < 5) {
      auto twin = pages->fork(open[pick].slot);
      refusals += !twin;
      if (twin) {
        open.push_back({*twin, *rows->fork(open[pick].plain), open[pick].full});
        ++forks;
      }
    } else if (action == 3 && !open.empty() && held.size() < 3) {
      auto now = pages->snapshot(open[pick].slot);
      refusals += !now;
      if (now)
        held.push_back(
            {*now, *rows->snapshot(open[pick].plain), open[pick].full, now->length() % size != 0});
    } else if (action == 4 && !held.empty() && open.size() < 5) {
      const Held &from = held[below(held.size())];
      auto slot = pages->restore(from.paged);
      refusals += !slot;
      if (slot)
        open.push_back({*slot, *rows->restore(from.plain), from.full});
    } else if (action == 5 && !held.empty()) {
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(below(held.size())));
    } else if (!open.empty()) {
      Open &it = open[pick];
      const int64_t length = pages->length(it.slot);
      std::vector<int32_t> tokens(1 + below(20));
      for (int32_t &token : tokens)
        token = static_cast<int32_t>(3 + below(500));
      const Engine::Run run{it.slot, tokens}, plain{it.plain, tokens};
      const int64_t wanted = pages->pagesFor(it.slot, static_cast<int64_t>(tokens.size()));
      const bool fits = length + static_cast<int64_t>(tokens.size()) <= 96;
      const bool enough = wanted <= pages->freePages();
      ASSERT_EQ(pages->step({&run, 1}).ok(), fits && enough) << "step " << step;
      refusals += !enough;
      if (fits && enough) {
        ASSERT_EQ(messageOf(rows->step({&plain, 1})), "");
        while (static_cast<int64_t>(it.full.size()) < pages->length(it.slot) / size)
          it.full.push_back(nextName++);
      }
    }
    ASSERT_EQ(pageCount - pages->freePages(), heldPages()) << "step " << step;
    // Whatever was written to one sequence is in that one alone.
    if (!open.empty()) {
      const Open &it = open[below(open.size())];
      ASSERT_EQ(caches(*pages, it.slot), caches(*rows, it.plain)) << "step " << step;
    }
  }
  EXPECT_GT(refusals, 0);
  EXPECT_GT(forks, 3);
  for (const Open &it : open) {
    ASSERT_EQ(caches(*pages, it.slot), caches(*rows, it.plain));
    pages->close(it.slot);
  }
  held.clear();
  EXPECT_EQ(pages->freePages(), pageCount);
}

TEST_F(SequencesTest, PrefixesAreFoundByTheirTokens) {
  auto engine = create({.numSlots = 1, .maxLen = 64});
  const int32_t slot = *engine->open();
  PrefixCache cache(2, 2);
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6};
  auto snapshotOf = [&](size_t length) {
    EXPECT_EQ(messageOf(engine->fillRandom(slot, static_cast<int64_t>(length), 1)), "");
    return *engine->snapshot(slot);
  };
  const std::span<const int32_t> all(tokens);
  cache.add(all.first(2), snapshotOf(2));
  cache.add(all.first(4), snapshotOf(4));
  EXPECT_EQ(cache.find(all)->length(), 4);
  EXPECT_EQ(cache.find(all.first(5))->length(), 4);
  EXPECT_EQ(cache.find(all.first(4))->length(), 2); // one token must be left over
  EXPECT_EQ(cache.find(all.first(2)), nullptr);
  EXPECT_EQ(cache.find(std::vector<int32_t>{1, 9, 3, 4, 5}), nullptr);
  EXPECT_TRUE(cache.holds(all.first(4)));
  EXPECT_FALSE(cache.holds(all));
  cache.add(all, snapshotOf(6)); // the one of two tokens was not used for longest
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.find(all.first(4)), nullptr);
  EXPECT_TRUE(cache.dropOldest());
  EXPECT_TRUE(cache.dropOldest());
  EXPECT_FALSE(cache.dropOldest());
}

} // namespace
} // namespace zorse
