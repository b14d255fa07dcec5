//===- FillTest.cpp - operands are consistent and repeatable -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Launch.h"
#include "SmallRequests.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

using namespace zorse;
using namespace zorse::test;

namespace {

const char *decodeRequest = R"({"op":"mla_decode","num_heads":2,"kv_lora_rank":8,
  "qk_rope_head_dim":4,"qk_nope_head_dim":4,"dtype":"f32"})";

TEST(Fill, SameSeedSameBytesOtherSeedOtherBytes) {
  Sizes sizes = {{"tokens", 3}, {"num_slots", 5}, {"max_len", 20}, {"context", 17}};
  Launch a(decodeRequest, sizes, 1), b(decodeRequest, sizes, 1), c(decodeRequest, sizes, 2);
  EXPECT_EQ(a.get("cache"), b.get("cache"));
  EXPECT_EQ(a.get("positions"), b.get("positions"));
  EXPECT_NE(a.get("q"), c.get("q"));
}

TEST(Fill, SlotsDoNotRepeatAndPositionsAreRagged) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Launch l(decodeRequest, {{"tokens", 5}, {"num_slots", 7}, {"max_len", 40}, {"context", 33}},
             seed);
    std::vector<double> slots = l.get("slots"), positions = l.get("positions");
    EXPECT_EQ(std::set<double>(slots.begin(), slots.end()).size(), 5u);
    EXPECT_EQ(*std::max_element(positions.begin(), positions.end()), 32);
    EXPECT_EQ(*std::min_element(positions.begin(), positions.end()), 0);
    EXPECT_LT(*std::max_element(slots.begin(), slots.end()), 7);
  }
}

TEST(Fill, FullLengthsAreAllTheLongest) {
  Launch l(decodeRequest, {{"tokens", 3}, {"num_slots", 3}, {"max_len", 40}, {"context", 33}}, 1,
           Lengths::Full);
  EXPECT_EQ(l.get("positions"), (std::vector<double>{32, 32, 32}));
}

TEST(Fill, RowsThatNobodyFilledAreLarge) {
  Launch l(decodeRequest, {{"tokens", 1}, {"num_slots", 1}, {"max_len", 200}, {"context", 100}});
  std::vector<double> cache = l.get("cache");
  auto rms = [&](size_t first, size_t last) {
    double sum = 0;
    for (size_t i = first; i < last; ++i)
      sum += cache[i] * cache[i];
    return std::sqrt(sum / double(last - first));
  };
  EXPECT_NEAR(rms(0, 1200), 1, 0.1);
  EXPECT_NEAR(rms(1200, 2400), 64, 6);
}

TEST(Fill, PrefillIndicesAgree) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Launch l(R"({"op":"mla_prefill","num_heads":2,"num_kv_heads":1,"qk_nope_head_dim":4,
                 "qk_rope_head_dim":4,"v_head_dim":4,"kv_lora_rank":4})",
             {{"tokens", 41}, {"batch", 3}, {"num_slots", 4}, {"max_len", 60}, {"context", 98}},
             seed);
    std::vector<double> begin = l.get("cu_seqlens"), rows = l.get("cu_context");
    EXPECT_EQ(begin.front(), 0);
    EXPECT_EQ(begin.back(), 41);
    EXPECT_EQ(rows.front(), 0);
    EXPECT_EQ(rows.back(), 98);
    for (int b = 0; b < 3; ++b) {
      EXPECT_GE(begin[b + 1] - begin[b], 1);
      EXPECT_GE(rows[b + 1] - rows[b], begin[b + 1] - begin[b]);
      EXPECT_LE(rows[b + 1] - rows[b], 60);
    }
  }
}

TEST(Fill, TokensOfOneSequenceShareItsSlotAtSuccessivePositions) {
  Launch l(R"({"op":"mla_rope_append","num_heads":1,"qk_nope_head_dim":2,"qk_rope_head_dim":2,
               "kv_lora_rank":2})",
           {{"tokens", 9}, {"num_slots", 2}, {"max_len", 8}, {"max_positions", 7}});
  std::set<std::pair<double, double>> places;
  for (int t = 0; t < 9; ++t) {
    EXPECT_LT(l.get("positions")[t], 7);
    places.insert({l.get("slots")[t], l.get("positions")[t]});
  }
  EXPECT_EQ(places.size(), 9u);
}

TEST(Fill, ContradictionsNameBothNumbers) {
  OpDesc op = Launch::must(OpDesc::parse(R"({"op":"ssm_update","num_heads":2,"num_kv_heads":1,
    "head_dim":4,"d_state":4,"dt_stride":2})"));
  Sizes sizes = {{"tokens", 3}, {"num_slots", 2}};
  OperandSet set = Launch::must(OperandSet::create(op, sizes));
  Status status = fillOperands(op, sizes, 1, set.pointers());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            "sizes of ssm_update: num_slots is 2 but must be at least 3 (tokens)");
  EXPECT_EQ(consistentSizes(op, sizes).at("num_slots"), 3);
}

TEST(Fill, ConsistentSizesSufficeForEveryKind) {
  for (std::string_view request : smallRequests)
    for (int64_t tokens : {1, 3, 19})
      for (int64_t context : {1, 5, 30}) {
        OpDesc op = Launch::must(OpDesc::parse(request));
        SCOPED_TRACE(op.kind());
        Sizes wanted = {{"tokens", tokens}};
        for (auto [name, value] : {std::pair{"context", context},
                                   {"max_len", int64_t(4)},
                                   {"max_positions", int64_t(3)},
                                   {"num_slots", int64_t(1)},
                                   {"batch", int64_t(2)}})
          if (op.spec().size(name))
            wanted[name] = value;
        Sizes sizes = consistentSizes(op, wanted);
        for (Lengths lengths : {Lengths::Ragged, Lengths::Full})
          EXPECT_NO_THROW(Launch(request, sizes, 3, lengths).run());
      }
}

TEST(Fill, OutputsAreUnwrittenWeightsSmall) {
  Launch l(R"({"op":"linear","in_features":400,"out_features":100,"dtype":"f32"})",
           {{"tokens", 2}});
  for (double value : l.get("y"))
    EXPECT_TRUE(std::isnan(value));
  double sum = 0;
  for (double value : l.get("weight"))
    sum += value * value;
  EXPECT_NEAR(sum / 40000, 1.0 / 400, 2e-4);
}

} // namespace
