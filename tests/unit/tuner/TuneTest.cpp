//===- TuneTest.cpp - the tuning loop from end to end -===//
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
#include <sys/wait.h>
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
    options.measure = {
        .screenSamples = 7, .finalSamples = 9, .sampleSeconds = 1e-4, .rotateBytes = 0};
    options.compilerRevision = "test";
    options.compile = [this](const OpDesc &, const TargetDesc &,
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
  TuneOutcome tuneNow() { return must(tune(swigluOp(), target, device.get(), *database, options)); }
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
  EXPECT_EQ(outcome.selected, 5);
  EXPECT_EQ(outcome.ok, 5);
  EXPECT_EQ(outcome.failed, 0);
  EXPECT_TRUE(outcome.complete);
  EXPECT_FALSE(outcome.interrupted);
  ASSERT_TRUE(outcome.best);
  EXPECT_EQ(outcome.best->configText, "block_n=512");
  ASSERT_TRUE(outcome.baseline);
  EXPECT_EQ(outcome.baseline->configText, "block_n=1024");
  EXPECT_GT(outcome.baseline->measurement->medianUs, 3 * outcome.best->measurement->medianUs);
  EXPECT_EQ(last.done, 5);
  EXPECT_GT(last.gain(), 3);

  const Measurement &m = *outcome.best->measurement;
  EXPECT_EQ(m.source, Source::Measured);
  EXPECT_EQ(m.samples, 9);
  EXPECT_LE(m.lowUs, m.medianUs);
  EXPECT_GE(m.highUs, m.medianUs);
  EXPECT_EQ(m.flops, 6 * 5 * 1000);
  EXPECT_NE(m.method.find("median of 9 interleaved rounds"), std::string::npos) << m.method;
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

TEST_F(TuneTest, ATrialThatKilledTheProcessIsLeftAlone) {
  // What a process leaves behind that dies inside a candidate.
  pid_t child = fork();
  if (child == 0) {
    Result<std::unique_ptr<Database>> own = Database::open(path, Database::Mode::ReadWrite);
    OpDesc op = swigluOp();
    KernelRecord record;
    record.opKind = op.kind();
    record.opJson = op.canonicalJson();
    record.arch = target.arch;
    record.computeUnits = target.computeUnits;
    record.tuningPoint = op.tuningPointJson();
    record.configText = "block_n=512";
    record.compilerRevision = "test";
    record.state = TrialState::Running;
    _exit(own && (*own)->record(record) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);

  TuneOutcome outcome = tuneNow();
  EXPECT_EQ(row(512).state, TrialState::Crashed);
  EXPECT_EQ(outcome.reused, 1);
  EXPECT_EQ(outcome.ok, 4);
  EXPECT_NE(outcome.best->configText, "block_n=512");
  options.retune = true;
  EXPECT_EQ(tuneNow().best->configText, "block_n=512");
}

TEST_F(TuneTest, AnotherCompilerRevisionKeepsTheRowsOfUnchangedCode) {
  tuneNow();
  options.compilerRevision = "newer";
  kernels[128] = "right"; // this one compiles to other bytes now
  options.compile = [this, before = options.compile](const OpDesc &op, const TargetDesc &t,
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

TEST_F(TuneTest, TrialsAndSecondsAreLimited) {
  options.maxTrials = 3;
  TuneOutcome three = tuneNow();
  EXPECT_EQ(three.ok, 3);
  EXPECT_FALSE(three.complete);
  options.maxTrials = 0;
  options.budgetSeconds = 1e-9;
  TuneOutcome none = tuneNow();
  EXPECT_EQ(none.ok, 0);
  EXPECT_EQ(none.reused, 3);
  EXPECT_FALSE(none.complete);
}

TEST_F(TuneTest, WithoutADeviceRowsArePredictionsAndNobodyWins) {
  TargetDesc gpu = must(findTarget("gfx942"));
  options.compile = [](const OpDesc &, const TargetDesc &,
                       const KernelConfig &config) -> Result<CodeObject> {
    CodeObject object = swigluObject("right", config.get("block_n") * 16 + config.get("waves"));
    object.arch = "gfx942";
    object.configText = config.text();
    object.kernels[0].block = {64 * config.get("waves"), 1, 1};
    object.kernels[0].resources.vgprs = config.get("waves") == 8 ? 500 : 64;
    object.kernels[0].resources.scratchBytes = config.get("waves") == 1 ? 128 : 0;
    object.instructionMix = {{"valu", 100}, {"vmem", 10}};
    return object;
  };
  TuneOutcome outcome = must(tune(swigluOp(), gpu, nullptr, *database, options));
  EXPECT_EQ(outcome.source, Source::Model);
  EXPECT_EQ(outcome.selected, 20);
  EXPECT_EQ(outcome.ok, 10);     // two and four waves
  EXPECT_EQ(outcome.failed, 10); // one spills, eight do not fit
  ASSERT_TRUE(outcome.best);
  EXPECT_FALSE(outcome.best->verification);
  EXPECT_FALSE(must(database->best(swigluOp(), gpu, swigluOp().tuningPointJson())));

  std::vector<KernelRecord> ranked = must(ranking(swigluOp(), gpu, *database, Source::Model));
  ASSERT_EQ(ranked.size(), 10u);
  EXPECT_EQ(ranked[0].measurement->medianUs, outcome.best->measurement->medianUs);
  for (size_t i = 1; i < ranked.size(); ++i)
    EXPECT_GE(ranked[i].measurement->medianUs, ranked[i - 1].measurement->medianUs);
  EXPECT_TRUE(must(ranking(swigluOp(), gpu, *database, Source::Measured)).empty());
  EXPECT_EQ(must(tune(swigluOp(), gpu, nullptr, *database, options)).reused, 20);
}

TEST_F(TuneTest, ATargetNeedsItsDevice) {
  Result<TuneOutcome> none = tune(swigluOp(), target, nullptr, *database, options);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message,
            "tuning for " + target.arch + " measures and needs a device, none was given");
  Result<TuneOutcome> other =
      tune(swigluOp(), must(findTarget("gfx90a")), device.get(), *database, options);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message,
            "tuning for gfx90a needs a device that runs it, this one runs " + target.arch);
}

} // namespace
