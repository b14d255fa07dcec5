//===- PagesTest.cpp - what page_size brings with it ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/KernelConfig.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace zorse;

namespace {

const char *const requests[] = {
    R"({"op":"mla_rope_append","num_heads":24,"qk_nope_head_dim":64,"qk_rope_head_dim":64,
        "kv_lora_rank":128})",
    R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":128,"qk_rope_head_dim":64,
        "qk_nope_head_dim":64})",
    R"({"op":"mla_prefill","num_heads":24,"num_kv_heads":8,"qk_nope_head_dim":64,
        "qk_rope_head_dim":64,"v_head_dim":128,"kv_lora_rank":128})",
    R"({"op":"gqa_rope_append","num_heads":24,"num_kv_heads":8,"head_dim":128})",
    R"({"op":"gqa_decode","num_heads":24,"num_kv_heads":8,"head_dim":128})",
    R"({"op":"gqa_prefill","num_heads":24,"num_kv_heads":8,"head_dim":128})",
};

Result<OpDesc> withPages(const char *request, int64_t pageSize, const char *dtype = "bf16") {
  nlohmann::json json = nlohmann::json::parse(request);
  json["page_size"] = pageSize;
  json["dtype"] = dtype;
  return OpDesc::parse(json.dump());
}

std::vector<std::string> namesOf(const std::vector<const OperandSpec *> &operands) {
  std::vector<std::string> names;
  for (const OperandSpec *operand : operands)
    names.push_back(operand->name);
  return names;
}

TEST(Pages, BringATableAfterTheCacheAndASize) {
  for (const char *request : requests) {
    OpDesc rows = *OpDesc::parse(request), pages = *withPages(request, 64);
    SCOPED_TRACE(rows.kind());
    EXPECT_FALSE(rows.tuningPoint().contains("num_pages"));
    EXPECT_TRUE(pages.tuningPoint().contains("num_pages"));
    EXPECT_EQ(pages.sizes().size(), rows.sizes().size() + 1);
    std::vector<std::string> before = namesOf(rows.operands()), after = namesOf(pages.operands());
    size_t table = size_t(std::find(after.begin(), after.end(), "page_table") - after.begin());
    ASSERT_GT(table, 0u);
    ASSERT_LT(table, after.size());
    EXPECT_TRUE(after[table - 1].ends_with("cache"));
    after.erase(after.begin() + int64_t(table));
    EXPECT_EQ(after, before);

    Sizes sizes = {{"num_slots", 3}, {"max_len", 130}, {"num_pages", 7}};
    for (const OperandSpec *operand : pages.operands())
      if (operand->name.ends_with("cache")) {
        std::vector<int64_t> shape = *pages.operandShape(*operand, sizes);
        EXPECT_EQ(shape[0], 7);
        EXPECT_EQ(shape[1], 64);
        shape = *rows.operandShape(*operand, sizes);
        EXPECT_EQ(shape[0], 3);
        EXPECT_EQ(shape[1], 130);
      } else if (operand->name == "page_table") {
        EXPECT_EQ(*pages.operandShape(*operand, sizes), (std::vector<int64_t>{3, 3}));
      }
  }
}

TEST(Pages, AreAPowerOfTwo) {
  for (const char *request : requests)
    for (int64_t size : {1, 8, 24, 48, 1000, 4095})
      EXPECT_NE(
          withPages(request, size)
              .error()
              .message.find(
                  "page_size must be 0 or a power of two from 16 to 4096, found page_size = "),
          std::string::npos);
  for (const char *request : requests)
    for (int64_t size = 16; size <= 4096; size *= 2)
      EXPECT_TRUE(withPages(request, size));
}

TEST(Pages, HoldWholeBlocks) {
  for (const char *arch : {"x86_64-avx2", "x86_64-avx512bf16", "gfx90a", "gfx942", "gfx950"})
    for (const char *request : requests)
      for (const char *dtype : {"f32", "f16", "bf16"})
        for (int64_t size = 16; size <= 4096; size *= 2) {
          OpDesc op = *withPages(request, size, dtype);
          TargetDesc target = *findTarget(arch);
          Result<KernelConfig> config = KernelConfig::defaults(op, target);
          ASSERT_TRUE(config) << config.error().message;
          if (config->has("block_n"))
            EXPECT_EQ(size % config->get("block_n"), 0) << config->text();
        }
  OpDesc decode = *withPages(requests[1], 32);
  EXPECT_EQ(KernelConfig::parse("block_n=64", decode, *findTarget("gfx942")).error().message,
            "configuration: mla_decode_k8: a block of block_n cached tokens must lie in one page, "
            "found block_n = 64, page_size = 32");
}

} // namespace
