//===- RecordedTest.cpp - laboratories that run nothing -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SearchCase.h"

using namespace zorse;
using namespace zorse::test;

namespace {

using RecordedTest = SearchCase;

TEST_F(RecordedTest, AReplayedSweepEndsAsTheSweepDid) {
  at(2).compile = TrialState::Failed;
  at(3).trial = TrialState::Wrong;
  at(4).compile = TrialState::Crashed;
  at(21).screenedUs = 40;
  at(21).roundsUs = 500;
  TuneOutcome recorded = search();
  std::vector<KernelRecord> sweep = rows();
  startAgain();

  std::unique_ptr<Laboratory> replay = createRecordedLaboratory(sweep);
  EXPECT_TRUE(replay->isHarmless());
  EXPECT_EQ(replay->source(), Source::Measured);
  EXPECT_EQ(replay->deviceDescription(), "scripted");
  EXPECT_EQ(replay->compilerRevision(), "r1");
  TuneOutcome outcome = must(tune(problem, *replay, *database, options));
  EXPECT_EQ(outcome.best->configText, recorded.best->configText);
  EXPECT_EQ(outcome.best->measurement->medianUs, recorded.best->measurement->medianUs);
  EXPECT_EQ(outcome.ok, recorded.ok);
  EXPECT_EQ(outcome.failed, recorded.failed);
  EXPECT_EQ(outcome.wrong, 1);
  EXPECT_EQ(row(2).error, "scripted: does not compile");
  EXPECT_EQ(row(4).state, TrialState::Crashed);
  EXPECT_FALSE(row(3).verification->passed);
  // Nothing is left of what the sweep's own search noted.
  EXPECT_EQ(row(21).measurement->environment, "{}");
}

TEST_F(RecordedTest, WhatTheSweepLacksFails) {
  options.maxTrials = 8;
  search();
  std::unique_ptr<Laboratory> replay = createRecordedLaboratory(rows());
  startAgain();
  options.maxTrials = 0;
  TuneOutcome outcome = must(tune(problem, *replay, *database, options));
  EXPECT_EQ(outcome.ok, 8);
  EXPECT_EQ(outcome.failed, 32);
  EXPECT_EQ(row(30).error, "the recorded sweep has no result of this configuration");
}

TEST_F(RecordedTest, OneDeviceSpeaks) {
  search();
  laboratory.device = "b";
  for (auto &[config, script] : laboratory.scripts)
    script.screenedUs *= 2;
  options.maxTrials = 10;
  search();
  laboratory.device = "scripted";
  std::unique_ptr<Laboratory> replay = createRecordedLaboratory(rows());
  EXPECT_EQ(replay->deviceDescription(), "scripted");
}

/// Compiles to code with a grid and an instruction mix, and measures nothing.
class Compiler final : public Laboratory {
public:
  std::string compilerRevision() const override { return "r1"; }
  Source source() const override { return Source::Measured; }
  std::string deviceDescription() const override { return "none"; }
  Status compileAll(const Problem &, std::span<const KernelConfig> configs,
                    const std::function<Status(size_t)> &begun,
                    const std::function<Status(size_t, Compiled)> &ended,
                    const std::atomic<bool> *) override {
    for (size_t i = 0; i < configs.size(); ++i) {
      Compiled compiled;
      int64_t waves = configs[i].get("waves");
      CodeObject object = swigluObject("right", configs[i].get("block_n") * 16 + waves);
      object.arch = "gfx942";
      object.configText = configs[i].text();
      object.kernels[0].block = {64 * waves, 1, 1};
      object.kernels[0].resources.vgprs = waves == 8 ? 500 : 64;
      object.instructionMix = {{"valu", 100}, {"vmem", 10}};
      compiled.codeHash = object.codeHash().hex();
      compiled.code = std::move(object);
      if (Status status = begun(i); !status)
        return status;
      if (Status status = ended(i, std::move(compiled)); !status)
        return status;
    }
    return Status();
  }
  Result<Tried> tryOut(const Problem &, const Specimen &, double,
                       const std::atomic<bool> *) override {
    return runtimeError("this compiler runs nothing");
  }
  Result<std::vector<Tried>> rounds(const Problem &, std::span<const Specimen>,
                                    const std::atomic<bool> *) override {
    return runtimeError("this compiler runs nothing");
  }
};

TEST_F(RecordedTest, PredictionsAreRowsAndNobodyWins) {
  Compiler compiler;
  std::unique_ptr<Laboratory> model = createModelLaboratory(compiler);
  Problem gpu{swigluOp(), must(findTarget("gfx942"))};
  options.configs = nullptr;
  options.space = SearchSpace::Exhaustive;
  TuneOutcome outcome = must(tune(gpu, *model, *database, options));
  EXPECT_EQ(outcome.source, Source::Model);
  EXPECT_EQ(outcome.spaceSize, 20);
  EXPECT_EQ(outcome.ok, 15);    // one, two and four waves
  EXPECT_EQ(outcome.failed, 5); // eight do not fit
  ASSERT_TRUE(outcome.best);
  EXPECT_FALSE(outcome.best->verification);
  EXPECT_TRUE(outcome.tied.empty());
  EXPECT_FALSE(must(database->best(gpu.op, gpu.target, gpu.op.tuningPointJson())));

  std::vector<KernelRecord> ranked = must(ranking(gpu.op, gpu.target, *database, Source::Model));
  ASSERT_EQ(ranked.size(), 15u);
  EXPECT_EQ(ranked[0].measurement->medianUs, outcome.best->measurement->medianUs);
  for (size_t i = 1; i < ranked.size(); ++i)
    EXPECT_GE(ranked[i].measurement->medianUs, ranked[i - 1].measurement->medianUs);
  EXPECT_TRUE(must(ranking(gpu.op, gpu.target, *database, Source::Measured)).empty());
  EXPECT_EQ(must(tune(gpu, *model, *database, options)).reused, 20);

  KernelConfig config = must(KernelConfig::defaults(gpu.op, gpu.target));
  EXPECT_FALSE(model->tryOut(gpu, {config, std::nullopt}, 0, nullptr));
}

} // namespace
