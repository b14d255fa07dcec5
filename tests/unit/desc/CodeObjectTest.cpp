//===- CodeObjectTest.cpp - tests of code objects as JSON -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/CodeObject.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <functional>

using namespace zorse;

namespace {

CodeObject example() {
  CodeObject object;
  object.arch = "gfx942";
  object.bytes = {0x7f, 'E', 'L', 'F'};
  KernelInfo kernel;
  kernel.symbol = "mla_decode_split";
  kernel.grid = {*Expr::parse("tokens * 8"), *Expr::parse("ceildiv(context, 64)"),
                 Expr::constant(1)};
  kernel.block = {256, 1, 1};
  kernel.resources = {.ldsBytes = 40960, .vgprs = 128, .agprs = 64, .sgprs = 40};
  object.kernels = {kernel};
  object.arguments = {{KernelArgument::Kind::Operand, "q", "bf16"},
                      {KernelArgument::Kind::Workspace, "partial", "f32"},
                      {KernelArgument::Kind::Size, "tokens", "i64"}};
  object.workspaces = {{"partial", *Expr::parse("tokens * 4096")}};
  object.opJson = R"({"op":"mla_decode"})";
  object.configText = "block_h=32";
  object.compilerRevision = "zorse 0.1.0, LLVM 22.1";
  object.instructionMix = {{"mfma", 12}, {"vmem", 3}};
  return object;
}

std::string errorOf(const std::function<void(nlohmann::json &)> &damage) {
  nlohmann::json json = nlohmann::json::parse(toJson(example()));
  damage(json);
  Result<CodeObject> read = codeObjectFromJson(json.dump(), {});
  return read ? "no error" : read.error().message;
}

} // namespace

TEST(CodeObject, JsonRoundTrips) {
  CodeObject object = example();
  std::string json = toJson(object);
  Result<CodeObject> read = codeObjectFromJson(json, object.bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(toJson(*read), json);
  EXPECT_EQ(read->codeHash(), object.codeHash());
  EXPECT_EQ(read->kernels[0].grid[1].text(), "ceildiv(context, 64)");
  EXPECT_EQ(*read->kernels[0].grid[1].evaluate({{"context", int64_t(65)}}), 2);
  EXPECT_EQ(read->kernels[0].resources.agprs, 64);
  EXPECT_EQ(read->arguments[1].kind, KernelArgument::Kind::Workspace);
  EXPECT_EQ(read->opJson, object.opJson);
  EXPECT_EQ(read->instructionMix, object.instructionMix);
}

TEST(CodeObject, EveryFaultNamesItsPath) {
  EXPECT_EQ(errorOf([](auto &json) { json["extra"] = 1; }),
            "$.extra: unknown key; legal keys: arch, arguments, compiler_revision, config, "
            "instruction_mix, kernels, op, workspaces");
  EXPECT_EQ(errorOf([](auto &json) { json.erase("arch"); }), "$.arch: missing");
  EXPECT_EQ(errorOf([](auto &json) { json["arch"] = 942; }),
            "$.arch: expected a string, found 942");
  EXPECT_EQ(errorOf([](auto &json) { json["kernels"][0]["grid"].erase(2); }),
            "$.kernels[0].grid: expected an array of 3, found an array");
  EXPECT_EQ(errorOf([](auto &json) { json["kernels"][0]["block"][1] = -1; }),
            "$.kernels[0].block[1]: expected an integer of at least 0, found -1");
  EXPECT_EQ(
      errorOf([](auto &json) { json["kernels"][0]["grid"][0] = "1 +"; }),
      "$.kernels[0].grid[0]: formula \"1 +\": expected a number, a name, a 'text' or \"(\" at "
      "character 4, found the end");
  EXPECT_EQ(errorOf([](auto &json) { json["kernels"][0]["resources"].erase("vgprs"); }),
            "$.kernels[0].resources.vgprs: missing");
  EXPECT_EQ(errorOf([](auto &json) { json["arguments"][2]["kind"] = "scalar"; }),
            "$.arguments[2].kind: expected one of operand, workspace, size, found \"scalar\" "
            "(string)");
  EXPECT_EQ(errorOf([](auto &json) { json["workspaces"][0] = nullptr; }),
            "$.workspaces[0]: expected an object, found null");
  EXPECT_EQ(errorOf([](auto &json) { json["instruction_mix"]["mfma"] = 1.5; }),
            "$.instruction_mix.mfma: expected an integer of at least 0, found 1.5 (number)");
  EXPECT_EQ(errorOf([](auto &json) { json = nlohmann::json::array(); }),
            "$: expected an object, found an array");
}

TEST(Hash, HexRoundTripsAndRejectsOtherText) {
  Hash128 hash = hashText("zorse");
  EXPECT_EQ(hash.hex().size(), 32u);
  EXPECT_EQ(Hash128::fromHex(hash.hex()), hash);
  EXPECT_EQ((Hash128{1, 0xab}).hex(), "000000000000000100000000000000ab");
  EXPECT_EQ(Hash128::fromHex("ABCDEF"), std::nullopt);
  EXPECT_EQ(Hash128::fromHex(std::string(31, '0') + "G"), std::nullopt);
  // The published value of XXH3 with 128 bits for the empty input.
  EXPECT_EQ(hashText("").hex(), "99aa06d3014798d86001c324468d497f");
}
