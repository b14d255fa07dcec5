//===- GarbageTest.cpp - what goes and what stays -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

using namespace zorse;
using namespace zorse::test;

namespace {

class GarbageTest : public testing::Test {
protected:
  TemporaryFolder folder;
  std::string path = folder.file("kernels.db");
  std::unique_ptr<Database> database = openForWriting(path);
  std::vector<KernelRecord> trials;

  void SetUp() override {
    for (int i = 0; i < 6; ++i) {
      CodeObject code = sampleCode(i);
      code.bytes.resize(20'000);
      KernelRecord trial =
          sampleRecord(code.configText, 10 + 3 * i, 1, i == 4 ? Source::Model : Source::Measured);
      trial.codeHash = code.codeHash().hex();
      trial.stale = i == 5 ? "compiles to other code" : "";
      ASSERT_TRUE(database->recordAll({trial}, {code}).ok());
      trials.push_back(trial);
    }
  }
};

TEST_F(GarbageTest, ADryRunCountsAndChangesNothing) {
  std::vector<uint8_t> before = readFile(path);
  Result<GarbageReport> report =
      database->collectGarbage({.dropStale = true, .dropPredictions = true, .dryRun = true});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->trials, 2);
  EXPECT_EQ(report->codeObjects, 5);
  EXPECT_GT(report->bytes, 80'000);
  EXPECT_EQ(readFile(path), before);
}

TEST_F(GarbageTest, WinnersKeepTheirCode) {
  int64_t before = static_cast<int64_t>(readFile(path).size());
  Result<GarbageReport> report = database->collectGarbage({});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->trials, 0);
  EXPECT_EQ(report->codeObjects, 5);
  EXPECT_EQ(report->bytes, before - static_cast<int64_t>(readFile(path).size()));
  EXPECT_GT(report->bytes, 80'000);
  EXPECT_EQ(database->list({})->size(), 6u);
  EXPECT_TRUE(database->loadCode(trials[0])->has_value());
  EXPECT_FALSE(database->loadCode(trials[1])->has_value());
  EXPECT_EQ(database->verify().take(), std::vector<std::string>());
  EXPECT_EQ(database->collectGarbage({})->codeObjects, 0);
}

TEST_F(GarbageTest, StaleRowsAndPredictionsGoWhenAsked) {
  ASSERT_TRUE(database->collectGarbage({.dropStale = true, .dropLosersCode = false}).ok());
  EXPECT_EQ(database->list({})->size(), 5u);
  EXPECT_TRUE(database->loadCode(trials[1])->has_value());
  ASSERT_TRUE(database->collectGarbage({.dropPredictions = true, .dropLosersCode = false}).ok());
  EXPECT_EQ(database->list({})->size(), 4u);
}

TEST_F(GarbageTest, StaleRowsNeverWin) {
  int64_t first = database->list({})->front().id;
  ASSERT_TRUE(database->setStale(first, "compiles to other code").ok());
  auto best = [&] {
    return (*database->best(sampleOp(), sampleTarget(), sampleOp().tuningPointJson()))->configText;
  };
  EXPECT_EQ(best(), trials[1].configText);
  ASSERT_TRUE(database->setStale(first, "").ok());
  EXPECT_EQ(best(), trials[0].configText);
  EXPECT_EQ(errorOf(database->setStale(99, "x")).message, "no trial 99 in " + path);
}

} // namespace
