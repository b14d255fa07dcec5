//===- OpSpecTest.cpp - tests of the embedded specs -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/OpSpec.h"
#include "zorse/desc/OpDesc.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

using namespace zorse;

TEST(OpSpec, EveryFileOfTheFolderIsEmbeddedInOrder) {
  std::vector<std::string> files;
  for (const auto &entry : std::filesystem::directory_iterator(ZORSE_SOURCE_DIR "/dialect/ops"))
    if (entry.path().extension() == ".json")
      files.push_back(entry.path().stem().string());
  std::sort(files.begin(), files.end());
  std::vector<std::string> kinds;
  for (const OpSpec &spec : allOpSpecs())
    kinds.push_back(spec.kind);
  EXPECT_EQ(kinds, files);
}

TEST(OpSpec, LookupByName) {
  const OpSpec *spec = findOpSpec("mla_decode");
  ASSERT_NE(spec, nullptr);
  EXPECT_EQ(spec->field("kv_lora_rank")->maximum, 4096);
  EXPECT_EQ(spec->size("tokens")->minimum, 1);
  EXPECT_EQ(spec->operand("cache")->role, OperandSpec::Role::In);
  EXPECT_EQ(spec->knob("block_n")->values, (std::vector<int64_t>{16, 32, 64, 128}));
  EXPECT_EQ(spec->field("heads"), nullptr);
  EXPECT_EQ(findOpSpec("mla"), nullptr);
}

TEST(OpSpec, EveryFormulaHasAValueForTheExample) {
  for (const OpSpec &spec : allOpSpecs()) {
    Result<OpDesc> op = OpDesc::parse(spec.exampleJson);
    ASSERT_TRUE(op) << spec.kind << ": " << op.error().message;
    ExprScope scope = op->scope(op->tuningPoint());
    EXPECT_TRUE(spec.flops.evaluate(scope)) << spec.kind;
    Result<int64_t> length = spec.reductionLength.evaluate(scope);
    ASSERT_TRUE(length) << spec.kind;
    EXPECT_GE(*length, 1) << spec.kind;
    EXPECT_FALSE(op->operands().empty());
    for (const OperandSpec *operand : op->operands()) {
      Result<std::vector<int64_t>> shape = op->operandShape(*operand, op->tuningPoint());
      ASSERT_TRUE(shape) << spec.kind << " " << operand->name;
      for (int64_t extent : *shape)
        EXPECT_GE(extent, 1) << spec.kind << " " << operand->name;
    }
    EXPECT_TRUE(op->operandBytes(op->tuningPoint())) << spec.kind;
  }
}

TEST(OpSpec, EveryOpWritesSomethingAndSaysWhatEverythingMeans) {
  for (const OpSpec &spec : allOpSpecs()) {
    EXPECT_FALSE(spec.summary.empty() || spec.formula.empty()) << spec.kind;
    EXPECT_TRUE(std::any_of(spec.operands.begin(), spec.operands.end(), [](const OperandSpec &o) {
      return o.role != OperandSpec::Role::In;
    })) << spec.kind;
    for (const FieldSpec &field : spec.fields)
      EXPECT_FALSE(field.meaning.empty()) << spec.kind << " " << field.name;
    for (const KnobSpec &knob : spec.knobs)
      EXPECT_FALSE(knob.meaning.empty()) << spec.kind << " " << knob.name;
  }
}

TEST(OpSpec, SchemaHasOneBranchForEachOp) {
  nlohmann::json schema = nlohmann::json::parse(opRequestSchema());
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  ASSERT_EQ(schema["oneOf"].size(), allOpSpecs().size());
  for (size_t i = 0; i < allOpSpecs().size(); ++i) {
    const OpSpec &spec = allOpSpecs()[i];
    const nlohmann::json &branch = schema["oneOf"][i];
    EXPECT_EQ(branch["properties"]["op"]["const"], spec.kind);
    EXPECT_EQ(branch["additionalProperties"], false);
    EXPECT_EQ(branch["properties"].size(), spec.fields.size() + 2);
    EXPECT_EQ(branch["properties"]["tuning"]["properties"].size(), spec.sizes.size());
  }
  nlohmann::json decode;
  for (const nlohmann::json &branch : schema["oneOf"])
    if (branch["title"] == "mla_decode")
      decode = branch;
  EXPECT_EQ(decode["required"], (std::vector<std::string>{"op", "num_heads", "kv_lora_rank",
                                                          "qk_rope_head_dim", "qk_nope_head_dim"}));
  EXPECT_EQ(decode["properties"]["kv_lora_rank"],
            (nlohmann::json{{"description", "width of the latent"},
                            {"type", "integer"},
                            {"minimum", 1},
                            {"maximum", 4096}}));
  EXPECT_EQ(decode["properties"]["dtype"]["enum"],
            (std::vector<std::string>{"f32", "f16", "bf16"}));
}
