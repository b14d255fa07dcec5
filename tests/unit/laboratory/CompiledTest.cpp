//===- CompiledTest.cpp - the loop over what the compiler makes -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SwigluKernels.h"

#include "zorse/compiler/Compile.h"
#include "zorse/tuner/Tuner.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace zorse;
using namespace zorse::test;

namespace {

class CompiledTest : public testing::Test {
protected:
  CompiledTest() {
    std::filesystem::path folder = testing::TempDir();
    path = folder / ("zorse-compiled-" + std::to_string(getpid()) + ".db");
    std::filesystem::remove(path);
    database = must(Database::open(path, Database::Mode::ReadWrite));
    options.measure = {.screenSamples = 5, .finalSamples = 7, .sampleSeconds = 1e-4};
  }
  ~CompiledTest() override {
    database.reset();
    std::filesystem::remove(path);
  }

  std::string path;
  std::unique_ptr<Database> database;
  TuneOptions options;
};

TEST_F(CompiledTest, SplitAttentionOnTheHost) {
  OpDesc op = must(OpDesc::parse(R"({"op":"mla_decode","num_heads":6,"kv_lora_rank":48,
    "qk_rope_head_dim":16,"qk_nope_head_dim":24,"dtype":"bf16",
    "tuning":{"tokens":1,"context":700,"max_len":1024}})"));
  std::unique_ptr<Device> device = must(createHostDevice());
  TuneOutcome outcome = must(tune(op, device->target(), device.get(), *database, options));
  for (const KernelRecord &row : must(database->list({})))
    EXPECT_EQ(row.state, TrialState::Ok) << row.configText << ": " << row.error;
  EXPECT_GT(outcome.ok, 10);
  EXPECT_EQ(outcome.failed, 0);
  EXPECT_TRUE(outcome.complete);
  ASSERT_TRUE(outcome.best);
  EXPECT_TRUE(outcome.best->verification->passed);
  EXPECT_GE(outcome.best->verification->cases, 5);
  std::optional<CodeObject> code = must(database->loadCode(*outcome.best));
  ASSERT_TRUE(code);
  EXPECT_TRUE(device->load(*code));
}

TEST_F(CompiledTest, PredictionsForAGpuThatIsNotHere) {
  OpDesc op = must(OpDesc::parse(R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":128,
    "qk_rope_head_dim":64,"qk_nope_head_dim":64,"tuning":{"tokens":8,"context":4096}})"));
  TargetDesc target = must(findTarget("gfx942"));
  options.maxTrials = 6;
  TuneOutcome outcome = must(tune(op, target, nullptr, *database, options));
  EXPECT_GT(outcome.ok, 0);
  std::vector<KernelRecord> ranked = must(ranking(op, target, *database, Source::Model));
  ASSERT_EQ(int64_t(ranked.size()), outcome.ok);
  for (const KernelRecord &row : ranked) {
    EXPECT_FALSE(row.verification);
    EXPECT_NE(row.measurement->method.find(" bound, "), std::string::npos);
  }
  EXPECT_FALSE(must(database->best(op, target, op.tuningPointJson())));
}

} // namespace
