//===- TuneTest.cpp - the tuning loop with kernels that run -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SwigluKernels.h"

#include "zorse/tuner/Tuner.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <unistd.h>

using namespace zorse;
using namespace zorse::test;

namespace {

/// swiglu has five configurations on the host, block_n 128 to 2048; each stands for a kernel here.
class TuneTest : public testing::Test {
protected:
  TuneTest() : device(must(createHostDevice())), target(device->target()) {
    std::filesystem::path folder = testing::TempDir();
    path = folder / ("zorse-tune-" + std::to_string(getpid()) + "-" +
                     testing::UnitTest::GetInstance()->current_test_info()->name() + ".db");
    std::filesystem::remove(path);
    database = open();
    direct.measure = {.minSamples = 9, .maxSamples = 15, .screenSamples = 7, .sampleSeconds = 1e-4};
    direct.compilerRevision = "test";
    direct.device = device.get();
    direct.compile = [this](const OpDesc &, const TargetDesc &,
                            const KernelConfig &config) -> Result<CodeObject> {
      int64_t block = config.get("block_n");
      {
        std::lock_guard lock(mutex);
        ++compiles;
      }
      if (kernels[block] == "does not compile")
        return runtimeError("no registers left");
      CodeObject object = swigluObject(kernels[block], block);
      object.configText = config.text();
      object.arch = target.arch;
      return object;
    };
    options.space = SearchSpace::Exhaustive;
    options.strategy = "exhaustive";
    options.onProgress = [this](const TuneProgress &progress) {
      last = progress;
      if (progress.trial && progress.done >= stopAfter)
        stop = true;
    };
    options.stop = &stop;
  }
  ~TuneTest() override {
    database.reset();
    std::filesystem::remove(path);
  }

  std::unique_ptr<Database> open() { return must(Database::open(path, Database::Mode::ReadWrite)); }
  TuneOutcome tuneNow() {
    std::unique_ptr<Laboratory> laboratory = createDirectLaboratory(direct);
    return must(tune({swigluOp(), target}, *laboratory, *database, options));
  }
  KernelRecord row(int64_t block) {
    RecordFilter filter;
    filter.configText = "block_n=" + std::to_string(block);
    std::vector<KernelRecord> rows = must(database->list(filter));
    if (rows.size() != 1)
      throw std::runtime_error(filter.configText + " has " + std::to_string(rows.size()) + " rows");
    return rows[0];
  }

  std::unique_ptr<Device> device;
  TargetDesc target;
  std::string path;
  std::unique_ptr<Database> database;
  std::map<int64_t, std::string> kernels = {
      {128, "slow"}, {256, "slow"}, {512, "right"}, {1024, "slow"}, {2048, "slow"}};
  DirectOptions direct;
  TuneOptions options;
  TuneProgress last;
  std::atomic<bool> stop = false;
  int64_t stopAfter = 1000;
  std::mutex mutex;
  int compiles = 0;
};

TEST_F(TuneTest, TheFastestRightKernelWinsAndItsCodeIsKept) {
  TuneOutcome outcome = tuneNow();
  EXPECT_EQ(outcome.spaceSize, 5);
  EXPECT_EQ(outcome.ok, 5);
  EXPECT_EQ(outcome.failed, 0);
  EXPECT_TRUE(outcome.complete);
  EXPECT_FALSE(outcome.interrupted);
  ASSERT_TRUE(outcome.best);
  EXPECT_EQ(outcome.best->configText, "block_n=512");
  ASSERT_TRUE(outcome.baseline);
  EXPECT_EQ(outcome.baseline->configText, "block_n=1024");
  EXPECT_GT(outcome.baseline->measurement->medianUs, outcome.best->measurement->medianUs);
  EXPECT_EQ(last.done, 5);
  EXPECT_GT(last.gain(), 1);

  const Measurement &m = *outcome.best->measurement;
  EXPECT_EQ(m.source, Source::Measured);
  EXPECT_GE(m.samples, 9);
  EXPECT_LE(m.lowUs, m.medianUs);
  EXPECT_GE(m.highUs, m.medianUs);
  EXPECT_EQ(m.flops, 6 * 5 * 1000);
  EXPECT_NE(m.method.find("interleaved rounds"), std::string::npos) << m.method;
  EXPECT_TRUE(outcome.best->verification->passed);
  EXPECT_EQ(outcome.best->verification->cases, 5);

  std::optional<KernelRecord> best =
      must(database->best(swigluOp(), target, swigluOp().tuningPointJson()));
  ASSERT_TRUE(best);
  EXPECT_EQ(best->configText, "block_n=512");
  std::optional<CodeObject> code = must(database->loadCode(*best));
  ASSERT_TRUE(code);
  EXPECT_EQ(code->kernels[0].symbol, "right");
  EXPECT_EQ(must(database->verify()), std::vector<std::string>());
}

TEST_F(TuneTest, WrongKernelsAreRowsAndNeverWin) {
  kernels = {{128, "forgets_silu"},
             {256, "makes_nan"},
             {512, "overruns"},
             {1024, "does not compile"},
             {2048, "slow"}};
  TuneOutcome outcome = tuneNow();
  EXPECT_EQ(outcome.ok, 1);
  EXPECT_EQ(outcome.failed, 4);
  EXPECT_EQ(outcome.wrong, 3);
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.best->configText, "block_n=2048");
  EXPECT_FALSE(outcome.baseline);
  EXPECT_EQ(row(128).state, TrialState::Wrong);
  EXPECT_FALSE(row(128).verification->passed);
  EXPECT_FALSE(row(128).measurement);
  EXPECT_NE(row(256).error.find("nan"), std::string::npos);
  EXPECT_NE(row(512).error.find("writes behind operand 'out'"), std::string::npos);
  EXPECT_EQ(row(1024).state, TrialState::Failed);
  EXPECT_EQ(row(1024).error, "no registers left");
}

TEST_F(TuneTest, NothingRightNoWinner) {
  for (auto &[block, kernel] : kernels)
    kernel = "skips_the_tail";
  TuneOutcome outcome = tuneNow();
  EXPECT_EQ(outcome.wrong, 5);
  EXPECT_FALSE(outcome.best);
}

TEST_F(TuneTest, WhatIsFinishedIsNotTriedAgain) {
  tuneNow();
  compiles = 0;
  TuneOutcome again = tuneNow();
  EXPECT_EQ(compiles, 0);
  EXPECT_EQ(again.reused, 5);
  EXPECT_EQ(again.ok, 0);
  EXPECT_TRUE(again.complete);
  EXPECT_EQ(again.best->configText, "block_n=512");

  options.retune = true;
  TuneOutcome retuned = tuneNow();
  EXPECT_EQ(retuned.ok, 5);
  EXPECT_EQ(retuned.reused, 0);
}

TEST_F(TuneTest, AnInterruptedSearchKeepsWhatItHasAndResumes) {
  stopAfter = 2;
  TuneOutcome first = tuneNow();
  EXPECT_TRUE(first.interrupted);
  EXPECT_FALSE(first.complete);
  EXPECT_EQ(first.ok, 2);
  EXPECT_TRUE(first.best);
  database = open();

  stop = false;
  stopAfter = 1000;
  TuneOutcome second = tuneNow();
  EXPECT_FALSE(second.interrupted);
  EXPECT_TRUE(second.complete);
  EXPECT_EQ(second.reused, 2);
  EXPECT_EQ(second.ok, 3);
  EXPECT_EQ(second.best->configText, "block_n=512");
}

TEST_F(TuneTest, AnotherCompilerRevisionKeepsTheRowsOfUnchangedCode) {
  tuneNow();
  direct.compilerRevision = "newer";
  kernels[128] = "right"; // this one compiles to other bytes now
  direct.compile = [this, before = direct.compile](const OpDesc &op, const TargetDesc &t,
                                                   const KernelConfig &config) {
    Result<CodeObject> object = before(op, t, config);
    if (object && config.get("block_n") == 128)
      object->bytes.push_back(1);
    return object;
  };
  TuneOutcome outcome = tuneNow();
  EXPECT_EQ(outcome.reused, 4);
  EXPECT_EQ(outcome.ok, 1);
  EXPECT_EQ(row(512).compilerRevision, "newer");
}

} // namespace
