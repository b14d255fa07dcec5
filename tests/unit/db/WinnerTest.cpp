//===- WinnerTest.cpp - who wins, and who never does ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Samples.h"

#include <algorithm>
#include <random>

using namespace zorse;
using namespace zorse::test;

namespace {

class WinnerTest : public testing::Test {
protected:
  TemporaryFolder folder;
  std::unique_ptr<Database> database = openForWriting(folder.file("kernels.db"));

  void record(const KernelRecord &record) {
    Result<int64_t> id = database->record(record);
    ASSERT_TRUE(id.ok()) << id.error().message;
  }
  /// Stores code with these resources and records a trial that names it.
  void recordWithCode(KernelRecord trial, int seed, int64_t ldsBytes, int64_t vgprs) {
    CodeObject code = sampleCode(seed, ldsBytes, vgprs);
    code.configText = trial.configText;
    ASSERT_TRUE(database->storeCode(code).ok());
    trial.codeHash = code.codeHash().hex();
    record(trial);
  }
  std::string best(const OpDesc &op = sampleOp(), const TargetDesc &target = sampleTarget()) {
    Result<std::optional<KernelRecord>> winner = database->best(op, target, op.tuningPointJson());
    EXPECT_TRUE(winner.ok());
    return winner.ok() && *winner ? (*winner)->configText : "none";
  }
};

TEST_F(WinnerTest, EmptyDatabaseHasNone) {
  EXPECT_EQ(best(), "none");
  EXPECT_TRUE(database->winners(sampleOp(), sampleTarget())->empty());
}

TEST_F(WinnerTest, TheFastestWins) {
  record(sampleRecord("waves=1", 12, 1));
  record(sampleRecord("waves=2", 8, 1));
  record(sampleRecord("waves=4", 20, 1));
  EXPECT_EQ(best(), "waves=2");
}

TEST_F(WinnerTest, OnlyVerifiedFinishedTrialsTakePart) {
  record(sampleRecord("waves=1", 12, 1));
  KernelRecord faster = sampleRecord("waves=2", 2, 0.1);
  faster.verification->passed = false;
  record(faster);
  faster = sampleRecord("waves=3", 2, 0.1);
  faster.verification.reset();
  record(faster);
  faster = sampleRecord("waves=4", 2, 0.1);
  faster.state = TrialState::Wrong;
  record(faster);
  faster = sampleRecord("waves=5", 2, 0.1);
  faster.measurement.reset();
  record(faster);
  faster = sampleRecord("waves=6", 2, 0.1);
  faster.codeHash.clear();
  record(faster);
  EXPECT_EQ(best(), "waves=1");
}

TEST_F(WinnerTest, MeasuredBeforeSimulatedBeforeModel) {
  record(sampleRecord("waves=1", 1, 0, Source::Model));
  EXPECT_EQ(best(), "waves=1");
  record(sampleRecord("waves=2", 50, 1, Source::Simulated));
  EXPECT_EQ(best(), "waves=2");
  record(sampleRecord("waves=4", 900, 1, Source::Measured));
  EXPECT_EQ(best(), "waves=4");
}

TEST_F(WinnerTest, AmongOverlappingIntervalsFewerResourcesWin) {
  recordWithCode(sampleRecord("waves=1", 10.0, 0.5), 1, 32768, 128);
  recordWithCode(sampleRecord("waves=2", 10.6, 0.5), 2, 16384, 128);
  recordWithCode(sampleRecord("waves=4", 10.7, 0.5), 3, 16384, 64);
  recordWithCode(sampleRecord("waves=8", 11.1, 0.5), 4, 0,
                 8); // [10.6, 11.6] is apart from [.., 10.5]
  EXPECT_EQ(best(), "waves=4");
}

TEST_F(WinnerTest, TiesWithEqualResourcesGoToTheSmallerMedianThenTheText) {
  record(sampleRecord("waves=1", 10.2, 0.5));
  record(sampleRecord("waves=2", 10.0, 0.5));
  EXPECT_EQ(best(), "waves=2");
  record(sampleRecord("waves=10", 10.0, 0.5));
  EXPECT_EQ(best(), "waves=10");
}

TEST_F(WinnerTest, ATieGoesToStoredCode) {
  record(sampleRecord("waves=1", 10.0, 0.5));
  recordWithCode(sampleRecord("waves=2", 10.2, 0.5), 2, 65536, 512);
  EXPECT_EQ(best(), "waves=2");
}

TEST_F(WinnerTest, OpsTargetsAndTuningPointsAreApart) {
  record(sampleRecord("waves=1", 12, 1));
  EXPECT_EQ(best(sampleOp(128)), "none");
  EXPECT_EQ(best(sampleOp(), sampleTarget(304)), "none");
  KernelRecord other = sampleRecord("waves=2", 5, 1);
  OpDesc at8 = sampleOp().withTuningPoint({{"tokens", 8}});
  other.tuningPoint = at8.tuningPointJson();
  record(other);
  EXPECT_EQ(best(), "waves=1");
  EXPECT_EQ(best(at8), "waves=2");
}

TEST_F(WinnerTest, WinnersGivesEveryTuningPointAndDeviceSize) {
  record(sampleRecord("waves=1", 12, 1));
  record(sampleRecord("waves=2", 15, 1));
  KernelRecord other = sampleRecord("waves=2", 5, 1);
  other.tuningPoint = "{\"tokens\":8}";
  record(other);
  other.computeUnits = 304;
  record(other);
  other.arch = "gfx90a";
  record(other);
  std::vector<KernelRecord> winners = database->winners(sampleOp(), sampleTarget()).take();
  ASSERT_EQ(winners.size(), 3u);
  EXPECT_EQ(winners[0].configText, "waves=1");
  EXPECT_EQ(winners[1].tuningPoint, "{\"tokens\":8}");
  EXPECT_EQ(winners[1].computeUnits, 2);
  EXPECT_EQ(winners[2].computeUnits, 304);
}

// The view against the rule written once more, plainly.
TEST_F(WinnerTest, AgreesWithThePlainRule) {
  std::mt19937 random(20261107);
  auto pick = [&](int n) { return static_cast<int>(random() % n); };
  for (int round = 0; round < 40; ++round) {
    TemporaryFolder own;
    database = openForWriting(own.file("kernels.db"));
    std::vector<KernelRecord> records;
    for (int i = 0; i < 8; ++i) {
      KernelRecord trial = sampleRecord("waves=" + std::to_string(i), 5 + pick(12), 1 + pick(3),
                                        static_cast<Source>(pick(3)));
      trial.verification->passed = pick(4) != 0;
      record(trial);
      records.push_back(trial);
    }
    const KernelRecord *want = nullptr;
    for (const KernelRecord &trial : records) {
      if (!trial.verification->passed)
        continue;
      auto rank = [](const KernelRecord &r) {
        return std::tuple(r.measurement->source, r.measurement->medianUs, r.configText);
      };
      if (!want || rank(trial) < rank(*want))
        want = &trial;
    }
    EXPECT_EQ(best(), want ? want->configText : "none") << "round " << round;
  }
}

} // namespace
