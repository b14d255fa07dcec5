//===- AttentionTest.cpp - attention: by hand, and one form against another -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Launch.h"

#include <cmath>

using namespace zorse;
using namespace zorse::test;

namespace {

TEST(Reference, GqaDecodeByHand) {
  Launch l(R"({"op":"gqa_decode","num_heads":2,"num_kv_heads":1,"head_dim":2,"dtype":"f32",
               "softmax_scale":1})",
           {{"tokens", 1}, {"num_slots", 2}, {"max_len", 3}, {"context", 2}});
  l.put("q", {1, 0, 0, 0});
  l.put("k_cache", {0, 0, 0, 0, 0, 0, std::log(3.0), 0, 0, 0, 50, 50});
  l.put("v_cache", {0, 0, 0, 0, 0, 0, 4, 8, 8, 16, 1000, 1000});
  l.put("slots", {1});
  l.put("positions", {1});
  l.run();
  // Head 0 weighs 3 : 1, head 1 evenly; position 2 is not seen.
  expectNear(l.get("out"), {5, 10, 6, 12});
}

TEST(Reference, GqaPrefillIsDecodeOfEveryToken) {
  const char *fields = R"("num_heads":6,"num_kv_heads":2,"head_dim":8,"dtype":"f32"})";
  Launch prefill(std::string(R"({"op":"gqa_prefill",)") + fields,
                 {{"tokens", 7}, {"batch", 3}, {"num_slots", 5}, {"max_len", 13}, {"context", 11}});
  prefill.run();
  std::vector<double> begin = prefill.get("cu_seqlens"), lengths = prefill.get("context_lens");
  Launch decode(std::string(R"({"op":"gqa_decode",)") + fields,
                {{"tokens", 7}, {"num_slots", 5}, {"max_len", 13}, {"context", 11}}, 7,
                Lengths::Full);
  decode.put("q", prefill.get("q"));
  decode.put("k_cache", prefill.get("k_cache"));
  decode.put("v_cache", prefill.get("v_cache"));
  std::vector<double> slots(7), positions(7);
  for (int b = 0; b < 3; ++b)
    for (int t = int(begin[b]); t < int(begin[b + 1]); ++t) {
      slots[t] = prefill.get("slots")[b];
      positions[t] = lengths[b] - begin[b + 1] + t;
    }
  decode.put("slots", slots);
  decode.put("positions", positions);
  decode.run();
  expectNear(prefill.get("out"), decode.get("out"));
}

/// Attention over latents must agree with attention over the keys and values expanded from them.
TEST(Reference, AbsorbedDecodeIsPrefillOverExpandedLatents) {
  constexpr int heads = 6, kvHeads = 3, nope = 8, rope = 4, value = 5, rank = 16;
  constexpr int tokens = 7, batch = 2, context = 17, maxLen = 12, slots = 3;
  std::string dims = R"("num_heads":6,"kv_lora_rank":16,"qk_rope_head_dim":4,"qk_nope_head_dim":8,)"
                     R"("dtype":"f32")";
  std::string kv = R"(,"num_kv_heads":3,"v_head_dim":5})";
  Launch prefill(R"({"op":"mla_prefill",)" + dims + kv, {{"tokens", tokens},
                                                         {"batch", batch},
                                                         {"num_slots", slots},
                                                         {"max_len", maxLen},
                                                         {"context", context}});
  Launch absorb(R"({"op":"mla_absorb",)" + dims + kv, {{"tokens", tokens}});
  Launch decode(R"({"op":"mla_decode",)" + dims + "}",
                {{"tokens", tokens}, {"num_slots", slots}, {"max_len", maxLen}, {"context", 12}});
  Launch expand(R"({"op":"mla_expand","num_heads":6,"num_kv_heads":3,"qk_nope_head_dim":8,)"
                R"("v_head_dim":5,"kv_lora_rank":16,"dtype":"f32"})",
                {{"tokens", tokens}});

  std::vector<double> cache = prefill.get("cache"), weight = absorb.get("kv_b");
  std::vector<double> begin = prefill.get("cu_seqlens"), rows = prefill.get("cu_context");
  std::vector<double> expanded(size_t(context) * kvHeads * (nope + value));
  std::vector<double> tokenSlots(tokens), positions(tokens);
  for (int b = 0; b < batch; ++b) {
    int slot = int(prefill.get("slots")[b]);
    for (int j = 0; j < rows[b + 1] - rows[b]; ++j)
      for (int n = 0; n < kvHeads * (nope + value); ++n) {
        double sum = 0;
        for (int i = 0; i < rank; ++i)
          sum += cache[(slot * maxLen + j) * (rank + rope) + i] * weight[n * rank + i];
        expanded[(size_t(rows[b]) + j) * kvHeads * (nope + value) + n] = sum;
      }
    for (int t = int(begin[b]); t < int(begin[b + 1]); ++t) {
      tokenSlots[t] = slot;
      positions[t] = rows[b + 1] - rows[b] - begin[b + 1] + t;
    }
  }
  prefill.put("kv", expanded);
  prefill.run();

  absorb.put("q", prefill.get("q"));
  absorb.run();
  decode.put("q_latent", absorb.get("q_latent"));
  decode.put("q", prefill.get("q"));
  decode.put("cache", cache);
  decode.put("slots", tokenSlots);
  decode.put("positions", positions);
  decode.run();
  expand.put("u", decode.get("out"));
  expand.put("kv_b", weight);
  expand.run();
  expectNear(expand.get("out"), prefill.get("out"), 1e-5);
}

TEST(Reference, AttentionRefusesRowsThatTheCacheLacks) {
  Launch l(R"({"op":"gqa_decode","num_heads":1,"num_kv_heads":1,"head_dim":2})",
           {{"tokens", 1}, {"num_slots", 2}, {"max_len", 3}, {"context", 2}});
  l.put("positions", {3});
  Status status = runReference(l.op, l.set.pointers(), l.sizes);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            "positions[0] of gqa_decode is 3, legal are 0 to 2 (max_len - 1)");
}

} // namespace
