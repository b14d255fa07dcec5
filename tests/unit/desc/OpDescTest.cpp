//===- OpDescTest.cpp - tests of op requests ------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/OpDesc.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <random>

using namespace zorse;

namespace {

constexpr std::string_view decodeRequest =
    R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":128,"qk_rope_head_dim":64,)"
    R"("qk_nope_head_dim":64,"dtype":"bf16"})";

/// The decode request with one key set to a JSON text, or removed if the text is empty.
std::string decodeWith(const std::string &key, const std::string &value) {
  nlohmann::json request = nlohmann::json::parse(decodeRequest);
  request.erase(key);
  if (!value.empty())
    request[key] = nlohmann::json::parse(value);
  return request.dump();
}

std::string errorOf(std::string_view json) {
  Result<OpDesc> op = OpDesc::parse(json);
  if (op)
    return "no error";
  EXPECT_EQ(op.error().code, ErrorCode::Usage);
  return op.error().message;
}

} // namespace

TEST(OpDesc, AShortRequestIsComplete) {
  Result<OpDesc> op = OpDesc::parse(decodeRequest);
  ASSERT_TRUE(op) << op.error().message;
  EXPECT_EQ(op->kind(), "mla_decode");
  EXPECT_EQ(op->get("num_heads"), 24);
  EXPECT_EQ(op->getDType("cache_dtype"), DType::BF16);
  EXPECT_EQ(op->getFloat("softmax_scale"), 0.0);
  EXPECT_EQ(op->tuningPointJson(), R"({"context":4096,"max_len":4096,"num_slots":1,"tokens":1})");
  EXPECT_EQ(op->canonicalJson(),
            R"({"cache_dtype":"bf16","dtype":"bf16","kv_lora_rank":128,"num_heads":24,)"
            R"("op":"mla_decode","page_size":0,"qk_nope_head_dim":64,"qk_rope_head_dim":64,)"
            R"("softmax_scale":0.0})");
  EXPECT_EQ(op->hash().hex(), "74e37396fa95e898617748bb1f8609c5"); // a database key: never changes
}

TEST(OpDesc, DefaultsFollowOtherFields) {
  Result<OpDesc> op = OpDesc::parse(decodeWith("dtype", "\"f16\""));
  ASSERT_TRUE(op);
  EXPECT_EQ(op->getText("cache_dtype"), "f16");
  op = OpDesc::parse(R"({"op":"linear","in_features":64,"out_features":512})");
  ASSERT_TRUE(op);
  EXPECT_EQ(op->get("row_stride"), 64);
  EXPECT_EQ(op->get("bias"), 0);
}

TEST(OpDesc, CanonicalJsonIgnoresOrderSpaceAndTuning) {
  std::mt19937 random(5);
  for (const OpSpec &spec : allOpSpecs()) {
    Result<OpDesc> op = OpDesc::parse(spec.exampleJson);
    ASSERT_TRUE(op) << op.error().message;
    Result<OpDesc> again = OpDesc::parse(op->canonicalJson());
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->canonicalJson(), op->canonicalJson());
    EXPECT_EQ(op->canonicalJson().find(' '), std::string::npos);

    nlohmann::json request = nlohmann::json::parse(op->canonicalJson());
    std::vector<std::string> keys;
    for (const auto &[key, value] : request.items())
      keys.push_back(key);
    std::shuffle(keys.begin(), keys.end(), random);
    nlohmann::ordered_json shuffled;
    for (const std::string &key : keys)
      shuffled[key] = request[key];
    shuffled["tuning"] = {{"tokens", 77}};
    again = OpDesc::parse(shuffled.dump(3));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->canonicalJson(), op->canonicalJson());
    EXPECT_EQ(again->hash(), op->hash());
    EXPECT_EQ(again->tuningPoint().at("tokens"), 77);
  }
}

TEST(OpDesc, CreateEqualsParse) {
  Result<OpDesc> op = OpDesc::create("mla_decode",
                                     {{"num_heads", 24},
                                      {"kv_lora_rank", 128},
                                      {"qk_rope_head_dim", 64},
                                      {"qk_nope_head_dim", 64},
                                      {"dtype", "bf16"}},
                                     {{"tokens", 8}});
  ASSERT_TRUE(op) << op.error().message;
  EXPECT_EQ(op->canonicalJson(), OpDesc::parse(decodeRequest)->canonicalJson());
  EXPECT_EQ(op->tuningPoint().at("tokens"), 8);
  op = OpDesc::create("linear", {{"in_features", 8}, {"out_features", 8}, {"bias", true}});
  ASSERT_TRUE(op) << op.error().message;
  EXPECT_EQ(op->operands().size(), 4u);
  EXPECT_EQ(OpDesc::create("linear", {{"in_features", 8.5}}).error().message,
            "$.in_features: expected an integer from 1 to 1048576, found 8.5 (number)");
}

TEST(OpDesc, OperandsShapesAndBytes) {
  Result<OpDesc> op =
      OpDesc::parse(R"({"op":"linear","in_features":64,"out_features":36,"residual":true})");
  ASSERT_TRUE(op);
  std::vector<std::string> names;
  for (const OperandSpec *operand : op->operands())
    names.push_back(operand->name);
  EXPECT_EQ(names, (std::vector<std::string>{"x", "weight", "residual", "y"}));
  EXPECT_EQ(*op->operandShape(*op->spec().operand("x"), {{"tokens", 5}}),
            (std::vector<int64_t>{5, 64}));
  EXPECT_EQ(*op->operandBytes({{"tokens", 5}}), 2 * (5 * 64 + 36 * 64 + 5 * 36 * 2));
  EXPECT_EQ(op->operandShape(*op->spec().operand("x"), {}).error().message,
            "x of linear: formula \"tokens\": unknown name tokens");
  EXPECT_EQ(op->operandBytes({{"tokens", INT64_MAX / 2}}).error().message,
            "x of linear: its bytes overflow 64 bits");
  EXPECT_EQ(op->operandDType(*op->spec().operand("weight")), DType::BF16);
}

TEST(OpDesc, InOutOperandsCountTwice) {
  Result<OpDesc> op =
      OpDesc::parse(R"({"op":"causal_conv1d_update","conv_dim":8,"x_stride":8,"dtype":"f32"})");
  ASSERT_TRUE(op);
  int64_t x = 2 * 8 * 4, weight = 4 * 8 * 4, bias = 8 * 4, slots = 2 * 4, out = 2 * 8 * 4;
  int64_t state = 3 * 4 * 8 * 4 * 2;
  EXPECT_EQ(*op->operandBytes({{"tokens", 2}, {"num_slots", 3}}),
            x + weight + bias + slots + state + out);
}

TEST(OpDesc, WithTuningPointMergesAndClamps) {
  OpDesc op = *OpDesc::parse(decodeRequest);
  OpDesc other = op.withTuningPoint({{"tokens", 16}, {"context", 0}, {"unheard_of", 3}});
  EXPECT_EQ(other.tuningPointJson(), R"({"context":1,"max_len":4096,"num_slots":1,"tokens":16})");
  EXPECT_EQ(other.hash(), op.hash());
}

TEST(OpDesc, WrongTypesAndRanges) {
  EXPECT_EQ(errorOf(decodeWith("kv_lora_rank", "\"12\"")),
            "$.kv_lora_rank: expected an integer from 1 to 4096, found \"12\" (string)");
  EXPECT_EQ(errorOf(decodeWith("kv_lora_rank", "0")),
            "$.kv_lora_rank: expected an integer from 1 to 4096, found 0");
  EXPECT_EQ(errorOf(decodeWith("kv_lora_rank", "-3")),
            "$.kv_lora_rank: expected an integer from 1 to 4096, found -3");
  EXPECT_EQ(errorOf(decodeWith("kv_lora_rank", "18446744073709551615")),
            "$.kv_lora_rank: expected an integer from 1 to 4096, found 18446744073709551615");
  EXPECT_EQ(errorOf(decodeWith("kv_lora_rank", "12.0")),
            "$.kv_lora_rank: expected an integer from 1 to 4096, found 12.0 (number)");
  EXPECT_EQ(errorOf(decodeWith("num_heads", "true")),
            "$.num_heads: expected an integer from 1 to 1024, found true (boolean)");
  EXPECT_EQ(errorOf(decodeWith("num_heads", "null")),
            "$.num_heads: expected an integer from 1 to 1024, found null");
  EXPECT_EQ(errorOf(decodeWith("num_heads", "[24]")),
            "$.num_heads: expected an integer from 1 to 1024, found an array");
  EXPECT_EQ(errorOf(decodeWith("softmax_scale", "\"x\"")),
            "$.softmax_scale: expected a number from 0 to 1000, found \"x\" (string)");
  EXPECT_EQ(errorOf(decodeWith("dtype", "\"fp8\"")),
            "$.dtype: expected one of f32, f16, bf16, found \"fp8\" (string)");
  EXPECT_EQ(errorOf(R"({"op":"linear","in_features":1,"out_features":1,"bias":1})"),
            "$.bias: expected true or false, found 1");
}

TEST(OpDesc, UnknownAndMissingFields) {
  EXPECT_EQ(errorOf(decodeWith("kv_rank", "1")),
            "$.kv_rank: unknown field of mla_decode; did you mean kv_lora_rank? legal fields: "
            "num_heads, kv_lora_rank, qk_rope_head_dim, qk_nope_head_dim, dtype, cache_dtype, "
            "softmax_scale, page_size, tuning");
  EXPECT_EQ(errorOf(R"({"op":"swiglu","xyz":1})"),
            "$.xyz: unknown field of swiglu; legal fields: intermediate_size, dtype, tuning");
  EXPECT_EQ(errorOf(decodeWith("kv_lora_rank", "")),
            "$.kv_lora_rank: missing; mla_decode requires an integer from 1 to 4096 (width of the "
            "latent)");
  EXPECT_EQ(errorOf("{}"), "$.op: missing; the request must name its kind, such as \"op\": "
                           "\"mla_decode\"");
  EXPECT_EQ(errorOf("[]"), "$: expected an object with the key \"op\", found an array");
  std::string unknown = errorOf(R"({"op":"mla_decod"})");
  EXPECT_TRUE(unknown.starts_with("$.op: expected one of argmax, causal_conv1d, ")) << unknown;
  EXPECT_TRUE(unknown.ends_with("swiglu, found \"mla_decod\" (string); did you mean mla_decode?"))
      << unknown;
}

TEST(OpDesc, ConstraintsPrintTheirNumbers) {
  EXPECT_EQ(errorOf(R"({"op":"gqa_decode","num_heads":30,"num_kv_heads":8,"head_dim":64})"),
            "$: gqa_decode_c1: num_heads must be a multiple of num_kv_heads, found num_heads = 30, "
            "num_kv_heads = 8");
  EXPECT_EQ(errorOf(R"({"op":"causal_conv1d","conv_dim":10,"x_stride":12,"x_offset":3})"),
            "$: causal_conv1d_c1: x_offset + conv_dim must not exceed x_stride, found conv_dim = "
            "10, x_offset = 3, x_stride = 12");
}

TEST(OpDesc, Tuning) {
  Result<OpDesc> op = OpDesc::parse(decodeWith("tuning", R"({"tokens":8,"context":32768})"));
  ASSERT_TRUE(op);
  EXPECT_EQ(op->tuningPoint().at("context"), 32768);
  EXPECT_EQ(errorOf(decodeWith("tuning", R"({"token":8})")),
            "$.tuning.token: unknown size of mla_decode; did you mean tokens? legal sizes: tokens, "
            "num_slots, max_len, context");
  EXPECT_EQ(errorOf(decodeWith("tuning", R"({"tokens":0})")),
            "$.tuning.tokens: expected an integer from 1 to 2147483648, found 0");
  EXPECT_EQ(errorOf(decodeWith("tuning", "8")), "$.tuning: expected an object of sizes, found 8");
}

TEST(OpDesc, HostileText) {
  EXPECT_EQ(errorOf(""), "not valid JSON: unexpected end of text at byte 1");
  EXPECT_EQ(errorOf("[1"), "not valid JSON: unexpected end of text at byte 3");
  EXPECT_EQ(errorOf(R"({"op":"linear",})"), "not valid JSON: unexpected \"}\" at byte 16");
  EXPECT_EQ(errorOf(R"({"op":"linear","op":"linear"})"), "$.op: duplicate key");
  EXPECT_EQ(errorOf(R"({"op":"linear","tuning":[{"a":1,"a":2}]})"), "$.tuning[0].a: duplicate key");
  EXPECT_EQ(errorOf(std::string(100000, '[')), "expected at most 64 levels of nesting, found more");
  EXPECT_EQ(errorOf(std::string(1 << 21, ' ')),
            "expected at most 1048576 bytes of JSON, found 2097152");
  std::string longName = errorOf(R"({"op":")" + std::string(5000, 'x') + R"("})");
  EXPECT_TRUE(longName.ends_with("found \"" + std::string(45, 'x') + "...\" (string)")) << longName;
}

TEST(OpDesc, RandomDamageNeverCrashes) {
  std::mt19937 random(11);
  std::string request(decodeRequest);
  int failed = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = request;
    for (int hits = 1 + static_cast<int>(random() % 3); hits > 0; --hits)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    if (i % 3 == 0)
      damaged.resize(random() % damaged.size());
    Result<OpDesc> op = OpDesc::parse(damaged);
    failed += !op;
    if (op)
      EXPECT_TRUE(OpDesc::parse(op->canonicalJson()));
    else
      EXPECT_FALSE(op.error().message.empty());
  }
  EXPECT_GT(failed, 15000);
}
