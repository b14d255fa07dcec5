//===- CoverageTest.cpp - what a database has for a plan ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PlanCase.h"

#include <filesystem>
#include <gtest/gtest.h>

namespace zorse {
namespace {

class CoverageTest : public testing::Test {
protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/coverage.XXXXXX";
    ASSERT_TRUE(::mkdtemp(name.data()));
    folder = name;
    auto opened = Database::open(folder + "/kernels.db", Database::Mode::ReadWrite);
    ASSERT_TRUE(opened) << opened.error().message;
    database = opened.take();
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// A verified, measured row; an empty configuration means the defaults.
  void measured(const OpDesc &op, std::string config, double us,
                const std::string &device = "here") {
    KernelRecord record;
    record.opKind = op.kind();
    record.opJson = op.canonicalJson();
    record.arch = target.arch;
    record.computeUnits = target.computeUnits;
    record.tuningPoint = op.tuningPointJson();
    record.configText = config.empty() ? defaultsOf(op) : std::move(config);
    record.compilerRevision = "test";
    record.codeHash = hashText(record.opJson + record.configText).hex();
    record.state = TrialState::Ok;
    record.verification = Verification{true, 0.1, 1, ""};
    Measurement time;
    time.device = device;
    time.medianUs = us;
    time.lowUs = 0.9 * us;
    time.highUs = 1.2 * us;
    time.samples = 9;
    record.measurement = time;
    auto id = database->record(record);
    ASSERT_TRUE(id) << id.error().message;
  }

  std::string defaultsOf(const OpDesc &op) const {
    return KernelConfig::defaults(op, target).take().text();
  }
  /// A legal configuration that is not the default one.
  std::string other(const OpDesc &op, size_t skip = 0) const {
    for (const KernelConfig &config : enumerateConfigs(op, target))
      if (config.text() != defaultsOf(op) && skip-- == 0)
        return config.text();
    ADD_FAILURE() << "no other configuration";
    return "";
  }

  CoverageReport coverage(const Plan &plan, std::string_view device = "here") {
    auto report = describeCoverage(plan, *database, device, doublings);
    EXPECT_TRUE(report) << report.error().message;
    return report.take();
  }
  Plan planOf(const std::vector<PlannedUse> &uses, double us = 100) const {
    return makePlan({{Scenario::Kind::Decode, 4, 512}}, uses, target,
                    [=](const Problem &) { return us; })
        .take();
  }

  std::string folder;
  TargetDesc target = *findTarget("x86_64-avx2");
  std::unique_ptr<Database> database;
};

TEST_F(CoverageTest, MeasuredKernelsGiveTheSpeed) {
  OpDesc op = sample("linear", 0, 4);
  measured(op, other(op), 50);
  Plan plan = planOf({{0, op, 10}});
  CoverageReport report = coverage(plan);
  EXPECT_EQ(report.entries[0].state, CoverState::Covered);
  EXPECT_EQ(report.entries[0].source, Source::Measured);
  EXPECT_DOUBLE_EQ(report.covered, 1);
  EXPECT_DOUBLE_EQ(report.calibration, 0.5);
  const ScenarioSpeed &speed = report.scenarios[0];
  EXPECT_DOUBLE_EQ(speed.stepUs, 500);
  EXPECT_DOUBLE_EQ(speed.tokensPerSecond, 4e6 / 500);
  EXPECT_DOUBLE_EQ(speed.lowTokensPerSecond, 4e6 / 600);
  EXPECT_DOUBLE_EQ(speed.highTokensPerSecond, 4e6 / 450);
  EXPECT_DOUBLE_EQ(speed.measuredShare, 1);
}

TEST_F(CoverageTest, TimesOfAnotherDeviceDoNotCount) {
  OpDesc op = sample("linear", 0, 4);
  measured(op, other(op), 50, "elsewhere");
  CoverageReport report = coverage(planOf({{0, op, 1}}));
  EXPECT_EQ(report.entries[0].state, CoverState::Bucket);
  EXPECT_EQ(report.entries[0].source, Source::Model);
  EXPECT_FALSE(report.entries[0].expectedLoss);
  EXPECT_DOUBLE_EQ(report.bucket, 1);
}

TEST_F(CoverageTest, LossOfTheNearestBucketComesFromPairs) {
  // At 1 and 2 tokens other configurations won; each was measured at the other bucket too.
  OpDesc one = sample("linear", 0, 1), two = sample("linear", 0, 2), far = sample("linear", 0, 8);
  std::string a = other(one, 0), b = other(one, 1);
  measured(one, a, 10);
  measured(one, b, 12);
  measured(two, b, 20);
  measured(two, a, 26);
  OpDesc four = sample("linear", 0, 4);
  CoverageReport report = coverage(planOf({{0, four, 1}}));
  const Cover &cover = report.entries[0];
  EXPECT_EQ(cover.state, CoverState::Bucket);
  EXPECT_EQ(cover.record->tuningPoint, two.tuningPointJson());
  EXPECT_EQ(cover.configText, b);
  // 12 / 10 and 26 / 20, one doubling apart as 2 and 4 are.
  ASSERT_TRUE(cover.expectedLoss);
  EXPECT_NEAR(*cover.expectedLoss, 0.25, 1e-9);
  EXPECT_EQ(cover.lossBasis, "2 pairs of buckets of this op, 1 doublings apart");
  EXPECT_NEAR(cover.us, 100 * 1.25, 1e-9);
  CoverageReport farther = coverage(planOf({{0, far, 1}}));
  EXPECT_FALSE(farther.entries[0].expectedLoss) << "no pair is two doublings apart";
  EXPECT_EQ(farther.entries[0].lossBasis, "no pair of buckets 2 doublings apart was measured");
}

TEST_F(CoverageTest, LossOfTheDefaultsComesFromGains) {
  OpDesc tuned = sample("linear", 0, 4), fresh = sample("linear", 1, 4);
  measured(tuned, "", 30);
  measured(tuned, other(tuned), 20);
  CoverageReport report = coverage(planOf({{0, fresh, 1}, {0, sample("rmsnorm", 0, 4), 1}}));
  std::map<std::string, Cover> covers;
  Plan plan = planOf({{0, fresh, 1}, {0, sample("rmsnorm", 0, 4), 1}});
  for (size_t i = 0; i < plan.entries.size(); ++i)
    covers[plan.entries[i].problem.op.kind()] = report.entries[i];
  EXPECT_EQ(covers["linear"].state, CoverState::Fallback);
  EXPECT_EQ(covers["linear"].configText, defaultsOf(fresh));
  ASSERT_TRUE(covers["linear"].expectedLoss);
  EXPECT_NEAR(*covers["linear"].expectedLoss, 0.5, 1e-9);
  EXPECT_EQ(covers["linear"].lossBasis, "1 tuned buckets of this kind");
  EXPECT_FALSE(covers["rmsnorm"].expectedLoss);
  EXPECT_EQ(covers["rmsnorm"].lossBasis, "nothing of this kind was tuned");
  EXPECT_DOUBLE_EQ(report.fallback, 1);
  EXPECT_DOUBLE_EQ(report.scenarios[0].measuredShare, 0);
}

TEST_F(CoverageTest, GainsOfWinnersAreKnown) {
  OpDesc op = sample("linear", 0, 4);
  measured(op, "", 30);
  measured(op, other(op), 20);
  auto gains = knownGains(*database, target);
  ASSERT_TRUE(gains) << gains.error().message;
  ASSERT_EQ(gains->size(), 1U);
  ASSERT_EQ((*gains)["linear"].size(), 1U);
  EXPECT_NEAR((*gains)["linear"][0], 1.5, 1e-9);
}

} // namespace
} // namespace zorse
