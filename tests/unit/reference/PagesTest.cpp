//===- PagesTest.cpp - caches in pages hold what contiguous ones hold -----===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Launch.h"

#include <cmath>
#include <set>

using namespace zorse;
using namespace zorse::test;

namespace {

constexpr int pageSize = 16;

struct Case {
  const char *request; ///< without page_size
  Sizes sizes;
};

const Case cases[] = {
    {R"({"op":"mla_rope_append","num_heads":3,"qk_nope_head_dim":8,"qk_rope_head_dim":4,
         "kv_lora_rank":12,"dtype":"f32"})",
     {{"tokens", 9}, {"num_slots", 4}, {"max_len", 70}, {"max_positions", 70}}},
    {R"({"op":"mla_decode","num_heads":3,"kv_lora_rank":12,"qk_rope_head_dim":4,
         "qk_nope_head_dim":8,"dtype":"f32"})",
     {{"tokens", 5}, {"num_slots", 7}, {"max_len", 70}, {"context", 61}}},
    {R"({"op":"mla_prefill","num_heads":4,"num_kv_heads":2,"qk_nope_head_dim":8,
         "qk_rope_head_dim":4,"v_head_dim":6,"kv_lora_rank":12,"dtype":"f32"})",
     {{"tokens", 23}, {"batch", 3}, {"num_slots", 5}, {"max_len", 70}, {"context", 110}}},
    {R"({"op":"gqa_rope_append","num_heads":4,"num_kv_heads":2,"head_dim":8,"dtype":"f32"})",
     {{"tokens", 9}, {"num_slots", 4}, {"max_len", 70}, {"max_positions", 70}}},
    {R"({"op":"gqa_decode","num_heads":4,"num_kv_heads":2,"head_dim":8,"dtype":"f32"})",
     {{"tokens", 5}, {"num_slots", 7}, {"max_len", 70}, {"context", 61}}},
    {R"({"op":"gqa_prefill","num_heads":4,"num_kv_heads":2,"head_dim":8,"dtype":"f32"})",
     {{"tokens", 23}, {"batch", 3}, {"num_slots", 5}, {"max_len", 70}, {"context", 50}}},
};

std::string paged(const Case &c, int rows = pageSize) {
  std::string text = c.request;
  text.insert(text.rfind('}'), ",\"page_size\":" + std::to_string(rows));
  return text;
}

Sizes pagedSizes(const Case &c, int64_t pages = 40) {
  Sizes sizes = c.sizes;
  sizes["num_pages"] = pages;
  return sizes;
}

bool isCache(const std::string &name) { return name.ends_with("cache"); }

/// The rows of the pages in the order of slots and positions; what no page holds is -1.
std::vector<double> unpaged(const Launch &l, const std::string &name) {
  std::vector<double> cache = l.get(name), table = l.get("page_table"), rows;
  const size_t width = cache.size() / size_t(l.sizes.at("num_pages") * pageSize);
  const int64_t maxLen = l.sizes.at("max_len"), perSlot = (maxLen + pageSize - 1) / pageSize;
  for (int64_t slot = 0; slot < l.sizes.at("num_slots"); ++slot)
    for (int64_t j = 0; j < maxLen; ++j) {
      double page = table[size_t(slot * perSlot + j / pageSize)];
      size_t first = size_t(page * pageSize + double(j % pageSize)) * width;
      for (size_t i = 0; i < width; ++i)
        rows.push_back(page < 0 || std::isnan(cache[first + i]) ? -1 : cache[first + i]);
    }
  return rows;
}

TEST(Pages, HoldWhatContiguousRowsHold) {
  for (const Case &c : cases)
    for (uint64_t seed : {1, 2, 3, 4}) {
      SCOPED_TRACE(std::string(c.request) + ", seed " + std::to_string(seed));
      Launch inPages(paged(c), pagedSizes(c), seed), inRows(c.request, c.sizes, seed);
      for (const OperandSpec *operand : inRows.op.operands())
        inRows.put(operand->name, isCache(operand->name) ? unpaged(inPages, operand->name)
                                                         : inPages.get(operand->name));
      inPages.run();
      inRows.run();
      for (const OperandSpec *operand : inRows.op.operands())
        if (operand->role != OperandSpec::Role::In)
          EXPECT_EQ(isCache(operand->name) ? unpaged(inPages, operand->name)
                                           : inPages.get(operand->name),
                    inRows.get(operand->name))
              << operand->name;
    }
}

TEST(Pages, AreNotInOrderAndNoneHasTwoOwnersThatWrite) {
  std::set<std::vector<double>> tables;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Launch l(paged(cases[0]), pagedSizes(cases[0]), seed);
    std::vector<double> table = l.get("page_table");
    tables.insert(table);
    // What no slot owns names one page over and over.
    std::map<double, int> uses;
    for (double page : table)
      ++uses[page];
    int repeated = 0;
    for (auto [page, count] : uses) {
      EXPECT_GE(page, 0);
      EXPECT_LT(page, 40);
      repeated += count > 1;
    }
    EXPECT_LE(repeated, 1);
  }
  EXPECT_EQ(tables.size(), 20u);
}

TEST(Pages, ThatNobodyOwnsAreNaNAndPrefixesAreShared) {
  bool shared = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Launch l(paged(cases[4]), pagedSizes(cases[4]), seed);
    std::vector<double> keys = l.get("k_cache"), table = l.get("page_table");
    std::vector<double> slots = l.get("slots"), positions = l.get("positions");
    std::set<int> owned;
    size_t entries = 0;
    for (size_t t = 0; t < slots.size(); ++t)
      for (int i = 0; i * pageSize <= int(positions[t]); ++i, ++entries)
        owned.insert(int(table[size_t(slots[t]) * 5 + size_t(i)]));
    shared |= owned.size() < entries;
    const size_t perPage = keys.size() / 40;
    for (int page = 0; page < 40; ++page)
      EXPECT_EQ(std::isnan(keys[size_t(page) * perPage]), !owned.contains(page));
  }
  EXPECT_TRUE(shared);
}

TEST(Pages, MustSufficeAndExist) {
  OpDesc op = Launch::must(OpDesc::parse(paged(cases[4])));
  Sizes few = pagedSizes(cases[4], 2);
  OperandSet set = Launch::must(OperandSet::create(op, few));
  Status filled = fillOperands(op, few, 1, set.pointers());
  ASSERT_FALSE(filled);
  EXPECT_EQ(
      filled.error().message.find("sizes of gqa_decode: num_pages is 2 but must be at least "), 0u)
      << filled.error().message;
  EXPECT_GE(consistentSizes(op, few).at("num_pages"), 21); // five sequences of four, and one

  Launch l(paged(cases[4]), pagedSizes(cases[4]));
  l.put("slots", {0, 1, 2, 3, 4});
  l.put("positions", {1, 20, 0, 0, 0});
  std::vector<double> table(35, 3);
  table[5 + 1] = 40;
  l.put("page_table", table);
  Status ran = runReference(l.op, l.set.pointers(), l.sizes);
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().message,
            "page_table[1, 1] of gqa_decode is 40, legal are 0 to 39 (num_pages - 1), because slot "
            "1 holds positions 0 to 20 in pages of 16 rows");
}

} // namespace
