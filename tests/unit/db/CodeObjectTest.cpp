//===- CodeObjectTest.cpp - machine code comes back bit for bit -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

using namespace zorse;
using namespace zorse::test;

namespace {

class CodeObjectTest : public testing::Test {
protected:
  TemporaryFolder folder;
  std::string path = folder.file("kernels.db");
  std::unique_ptr<Database> database = openForWriting(path);
};

TEST_F(CodeObjectTest, RoundTrips) {
  CodeObject in = sampleCode(3, 1024, 48);
  ASSERT_TRUE(database->storeCode(in).ok());
  ASSERT_TRUE(database->storeCode(in).ok());
  Result<std::optional<CodeObject>> out = database->loadCode(in.codeHash().hex());
  ASSERT_TRUE(out.ok());
  ASSERT_TRUE(out->has_value());
  EXPECT_EQ((*out)->bytes, in.bytes);
  EXPECT_EQ(toJson(**out), toJson(in));
  EXPECT_EQ((*out)->codeHash(), in.codeHash());
}

TEST_F(CodeObjectTest, AbsentCodeIsNoError) {
  Result<std::optional<CodeObject>> out = database->loadCode(std::string(32, '0'));
  ASSERT_TRUE(out.ok());
  EXPECT_FALSE(out->has_value());
}

/// The trial that this code is of.
KernelRecord trialOf(const CodeObject &code) {
  KernelRecord trial = sampleRecord(code.configText, 12, 1);
  trial.opJson = code.opJson;
  trial.arch = code.arch;
  trial.codeHash = code.codeHash().hex();
  return trial;
}

TEST_F(CodeObjectTest, TheSameBytesKeepTheLaunchOfEachOrigin) {
  CodeObject first = sampleCode(3), second = sampleCode(3), third = sampleCode(3);
  second.configText = "block_m=16,waves=99";
  second.kernels[0].grid[1] = Expr::constant(8);
  third.arch = "gfx90a";
  for (const CodeObject &code : {first, second, third})
    ASSERT_TRUE(database->storeCode(code).ok());
  for (const CodeObject &code : {first, second, third}) {
    Result<std::optional<CodeObject>> out = database->loadCode(trialOf(code));
    ASSERT_TRUE(out.ok());
    ASSERT_TRUE(out->has_value());
    EXPECT_EQ(toJson(**out), toJson(code));
    EXPECT_EQ((*out)->bytes, code.bytes);
  }
  KernelRecord other = trialOf(first);
  other.configText = "waves=1234";
  EXPECT_FALSE(database->loadCode(other)->has_value());
  EXPECT_TRUE(database->loadCode(other.codeHash)->has_value());
}

TEST_F(CodeObjectTest, ChangedBytesAreNoticed) {
  CodeObject code = sampleCode(3);
  std::string hash = code.codeHash().hex();
  ASSERT_TRUE(database->storeCode(code).ok());
  database.reset();
  tamper(path, "UPDATE code SET bytes = x'00112233'");
  database = openForWriting(path);
  uint8_t changed[] = {0x00, 0x11, 0x22, 0x33};
  std::string message = "database is corrupt: " + path + ": the code object " + hash +
                        " has bytes that hash to " + hashBytes(changed, 4).hex() +
                        "; tune or compile it again";
  Error error = errorOf(database->loadCode(hash));
  EXPECT_EQ(error.code, ErrorCode::Database);
  EXPECT_EQ(error.message, message);
  EXPECT_EQ(database->verify().take(), std::vector<std::string>{message});
}

TEST_F(CodeObjectTest, AChangedDescriptionIsNoticed) {
  CodeObject code = sampleCode(3);
  ASSERT_TRUE(database->storeCode(code).ok());
  std::string original = toJson(code);
  database.reset();
  tamper(path, "UPDATE code_object SET metadata = replace(metadata, '256', '512')");
  database = openForWriting(path);
  Error error = errorOf(database->loadCode(code.codeHash().hex()));
  EXPECT_EQ(error.code, ErrorCode::Database);
  EXPECT_NE(error.message.find("the description of the code object"), std::string::npos);
  EXPECT_NE(error.message.find("expected " + hashText(original).hex()), std::string::npos);
}

TEST_F(CodeObjectTest, VerifyFindsASoundDatabaseSound) {
  CodeObject code = sampleCode(3);
  ASSERT_TRUE(database->storeCode(code).ok());
  ASSERT_TRUE(database->record(trialOf(code)).ok());
  EXPECT_EQ(database->verify().take(), std::vector<std::string>());
}

TEST_F(CodeObjectTest, AWinnerWithoutCodeIsNoFaultAndToldAsARemark) {
  KernelRecord trial = sampleRecord("waves=1", 12, 1);
  ASSERT_TRUE(database->record(trial).ok());
  EXPECT_EQ(database->verify().take(), std::vector<std::string>());
  EXPECT_EQ(database->remarks().take(),
            std::vector<std::string>{"the code of 1 winners is not stored (trial 1, linear with "
                                     "waves=1); `zorse run` and `zorse bundle` build it again, "
                                     "`zorse db audit --rebuild` does so ahead"});
}

TEST_F(CodeObjectTest, CodeWhoseBytesAreGoneIsAFault) {
  CodeObject code = sampleCode(3);
  ASSERT_TRUE(database->storeCode(code).ok());
  ASSERT_TRUE(database->record(trialOf(code)).ok());
  EXPECT_EQ(database->remarks().take(), std::vector<std::string>());
  database.reset();
  tamper(path, "PRAGMA foreign_keys = OFF; DELETE FROM code");
  database = openForWriting(path);
  EXPECT_FALSE(database->verify()->empty());
  EXPECT_EQ(database->remarks().take(), std::vector<std::string>());
}

TEST_F(CodeObjectTest, VerifyNamesAnOpWhoseTextChanged) {
  ASSERT_TRUE(database->record(sampleRecord("waves=1", 12, 1)).ok());
  database.reset();
  tamper(path, "UPDATE op SET description = '{}'; UPDATE trial SET verified = 0");
  database = openForWriting(path);
  EXPECT_EQ(database->verify().take(),
            std::vector<std::string>{"the op " + sampleOp().hash().hex() +
                                     " has a description that hashes to " + hashText("{}").hex()});
}

} // namespace
