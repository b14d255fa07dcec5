//===- MergeTest.cpp - shards in any order give one database --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"
#include "Shards.h"

#include <algorithm>
#include <fmt/format.h>
#include <random>
#include <set>

using namespace zorse;
using namespace zorse::test;

namespace {

class MergeTest : public testing::Test {
protected:
  TemporaryFolder folder;
  int files = 0;

  std::string newPath() { return folder.file(fmt::format("{}.db", files++)); }
  std::string fileWith(const std::vector<KernelRecord> &records,
                       const std::vector<CodeObject> &codes = {}) {
    std::string path = newPath();
    EXPECT_TRUE(openForWriting(path)->recordAll(records, codes).ok());
    return path;
  }
  std::string merged(const std::vector<std::string> &paths) {
    std::string path = newPath();
    mergeInto(path, paths);
    return path;
  }
  static std::vector<KernelRecord> rows(const std::string &path) {
    return openForWriting(path)->list({}).take();
  }
};

TEST_F(MergeTest, TakesRowsWithEveryColumn) {
  KernelRecord in = sampleRecord("waves=1", 12, 1);
  in.stale = "compiles to other code";
  in.measurement->environment = "{\"load\":0.5}";
  std::string shard = fileWith({in});
  KernelRecord stored = rows(shard).front();
  std::string path = newPath();
  MergeReport report = mergeInto(path, {shard});
  EXPECT_EQ(report.read, 1);
  EXPECT_EQ(report.added, 1);
  std::vector<KernelRecord> out = rows(path);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].createdAt, stored.createdAt);
  EXPECT_EQ(out[0].stale, in.stale);
  EXPECT_EQ(out[0].measurement->environment, in.measurement->environment);
  EXPECT_EQ(contentHashOf(path), contentHashOf(shard));
  report = mergeInto(path, {shard, path});
  EXPECT_EQ(report.added + report.improved, 0);
  EXPECT_EQ(report.unchanged, 1);
}

TEST_F(MergeTest, StrongerEvidenceStays) {
  KernelRecord weak = sampleRecord("waves=1", 10, 2);
  auto survivor = [&](const KernelRecord &strong) {
    std::string a = fileWith({weak}), b = fileWith({strong});
    std::string ab = merged({a, b}), ba = merged({b, a});
    EXPECT_EQ(contentHashOf(ab), contentHashOf(b));
    EXPECT_EQ(contentHashOf(ba), contentHashOf(b));
    EXPECT_EQ(rows(ab).size(), 1u);
  };
  KernelRecord strong = weak;
  strong.measurement->samples = 16; // although it is slower
  strong.measurement->medianUs = 11;
  survivor(strong);
  strong = weak;
  strong.measurement->lowUs = 9;
  strong.measurement->highUs = 11;
  survivor(strong);
  strong = weak;
  weak.stale = "old";
  weak.measurement->samples = 99;
  survivor(strong);
  weak.stale.clear();
  weak.verification.reset();
  survivor(strong);
}

TEST_F(MergeTest, ThatItCompilesGivesWayToWhatBecameOfIt) {
  KernelRecord bare = sampleRecord("waves=1", 12, 1), failed = bare;
  bare.measurement.reset();
  bare.verification.reset();
  failed = bare;
  failed.state = TrialState::Wrong;
  failed.error = "off by one";
  std::string a = fileWith({bare}), b = fileWith({sampleRecord("waves=1", 12, 1)}),
              c = fileWith({failed});
  for (auto paths : {std::vector{a, b, c}, std::vector{c, b, a}, std::vector{b, c, a}}) {
    std::vector<KernelRecord> out = rows(merged(paths));
    ASSERT_EQ(out.size(), 2u); // the measured one and the wrong one
    EXPECT_TRUE(out[0].verification || out[1].verification);
  }
}

TEST_F(MergeTest, DevicesStandSideBySideAndEachHasItsWinner) {
  std::vector<KernelRecord> here, there;
  for (int i = 0; i < 3; ++i) {
    here.push_back(sampleRecord(fmt::format("waves={}", i), 10 + i, 0.1));
    there.push_back(sampleRecord(fmt::format("waves={}", i), 13 - i, 0.1));
    there.back().measurement->device = "another device";
  }
  there.push_back(sampleRecord("waves=7", 50, 0.1));
  there.back().measurement->device = "another device";
  std::unique_ptr<Database> database = openForWriting(merged({fileWith(here), fileWith(there)}));
  EXPECT_EQ(database->list({})->size(), 7u);
  auto best = [&](std::string_view device) {
    return (*database->best(sampleOp(), sampleTarget(), sampleOp().tuningPointJson(), device))
        ->configText;
  };
  EXPECT_EQ(best("test device"), "waves=0");
  EXPECT_EQ(best("another device"), "waves=2");
  EXPECT_EQ(best("unknown device"), "waves=2"); // the one that tried more
  EXPECT_EQ(database->winners(sampleOp(), sampleTarget(), "test device")->size(), 1u);
  EXPECT_EQ(database->winners(sampleOp(), sampleTarget(), "test device")->front().configText,
            "waves=0");
}

TEST_F(MergeTest, MarksOfWorkStayInTheirFile) {
  KernelRecord mark = sampleRecord("waves=1", 12, 1);
  mark.measurement.reset();
  mark.verification.reset();
  mark.codeHash.clear();
  mark.state = TrialState::Running;
  std::string shard = fileWith({mark});
  EXPECT_TRUE(rows(merged({shard})).empty());
  mark.state = TrialState::Interrupted;
  std::string own = fileWith({mark});
  mergeInto(own, {fileWith({sampleRecord("waves=1", 12, 1)})});
  ASSERT_EQ(rows(own).size(), 1u);
  EXPECT_EQ(rows(own)[0].state, TrialState::Ok);
}

TEST_F(MergeTest, CodeOfOthersIsNotLaunchedUntilItIsBuiltHere) {
  CodeObject code = sampleCode(3);
  KernelRecord trial = sampleRecord(code.configText, 12, 1);
  trial.codeHash = code.codeHash().hex();
  std::string path = merged({fileWith({trial}, {code})});
  std::unique_ptr<Database> database = openForWriting(path);
  EXPECT_FALSE(database->loadCode(trial)->has_value());
  ASSERT_TRUE(database->inspectCode(trial)->has_value());
  EXPECT_EQ((**database->inspectCode(trial)).trust, Trust::Foreign);
  EXPECT_EQ(database->verify().take(), std::vector<std::string>());
  ASSERT_TRUE(database->storeCode(code).ok());
  EXPECT_TRUE(database->loadCode(trial)->has_value());
  // A second merge does not take the word back.
  database.reset();
  mergeInto(path, {fileWith({trial}, {code})});
  EXPECT_TRUE(openForWriting(path)->loadCode(trial)->has_value());
}

// Hashes of bytes are no defence against somebody who makes two texts with one hash. Here the file
// is changed instead, which looks the same to the database.
TEST_F(MergeTest, BuildingReplacesForeignBytesOfTheSameHash) {
  CodeObject code = sampleCode(3);
  KernelRecord trial = sampleRecord(code.configText, 12, 1);
  trial.codeHash = code.codeHash().hex();
  std::string path = merged({fileWith({trial}, {code})});
  tamper(path, "UPDATE code SET bytes = x'00112233'");
  std::unique_ptr<Database> database = openForWriting(path);
  ASSERT_TRUE(database->storeCode(code).ok());
  ASSERT_TRUE(database->loadCode(trial)->has_value());
  EXPECT_EQ((*database->loadCode(trial))->bytes, code.bytes);
}

TEST_F(MergeTest, ARefusedFileLeavesTheOthers) {
  std::string good = fileWith({sampleRecord("waves=1", 12, 1)}), bad = newPath();
  writeFile(bad, std::vector<uint8_t>(5000, 'x'));
  KernelRecord outside = sampleRecord("waves=2", 12, 1);
  outside.opKind = "mla_decode"; // its text says linear
  KernelRecord inside = sampleRecord("waves=3", 12, 1);
  inside.opJson = sampleOp(128).canonicalJson();
  std::string odd = fileWith({outside, inside});
  std::string path = newPath();
  MergeReport report = mergeInto(path, {bad, good, odd, folder.file("absent.db")});
  EXPECT_EQ(report.added, 2);
  ASSERT_EQ(report.refused.size(), 3u);
  EXPECT_NE(report.refused[0].find(bad), std::string::npos);
  EXPECT_EQ(report.refused[1], odd + ": trial 1 was not taken: the op is of the kind 'mla_decode', "
                                     "but its description says \"linear\" (string)");
  EXPECT_NE(report.refused[2].find("absent.db"), std::string::npos);
  EXPECT_EQ(rows(path).size(), 2u);
}

TEST_F(MergeTest, OrderGroupingAndRepetitionDoNotMatter) {
  constexpr int shards = 50;
  constexpr uint64_t seed = 20261121;
  std::vector<std::string> paths = makeShards(folder, shards, 200, seed);
  std::string reference = merged(paths);
  Hash128 want = contentHashOf(reference);
  EXPECT_LT(rows(reference).size(), 50u * 200); // keys overlap
  EXPECT_GT(rows(reference).size(), 50u * 50);
  std::mt19937 random(seed);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(paths.begin(), paths.end(), random);
    EXPECT_EQ(contentHashOf(merged(paths)), want) << "order " << round << ", seed " << seed;
  }
  // ((a + b) + c) and (a + (b + c)), and everything twice.
  auto middle = paths.begin() + 20, late = paths.begin() + 35;
  std::string a = merged({paths.begin(), middle}), b = merged({middle, late}),
              c = merged({late, paths.end()});
  std::string left = merged({merged({a, b}), c}), right = merged({a, merged({b, c})});
  EXPECT_EQ(contentHashOf(left), want);
  EXPECT_EQ(contentHashOf(right), want);
  mergeInto(left, paths);
  mergeInto(left, {right, left});
  EXPECT_EQ(contentHashOf(left), want);
  auto winners = [](const std::string &path) {
    std::set<std::string> texts;
    for (const KernelRecord &record : openForWriting(path)->list({.winnersOnly = true}).take())
      texts.insert(record.opJson + record.tuningPoint + record.configText +
                   record.measurement->device);
    return texts;
  };
  EXPECT_EQ(winners(left), winners(reference));
  EXPECT_EQ(winners(right), winners(reference));
}

} // namespace
