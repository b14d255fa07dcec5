//===- PruneTest.cpp - what is removed before it is compiled --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Sweeps.h"

#include "model/Grid.h"
#include "zorse/tuner/Prune.h"

#include <gtest/gtest.h>
#include <map>

using namespace zorse;
using namespace zorse::test;
using namespace zorse::tuner;

namespace {

std::string ruleFor(const char *op, const char *arch, int computeUnits, const char *config) {
  OpDesc desc = must(OpDesc::parse(op));
  TargetDesc target = must(findTarget(arch));
  if (computeUnits > 0)
    target.computeUnits = computeUnits;
  std::optional<PruneRule> rule =
      pruned(desc, target, must(KernelConfig::parse(config, desc, target)));
  return rule ? rule->label : "";
}

constexpr const char *host = "x86_64-avx512bf16";
constexpr const char *linear1 =
    R"({"op":"linear","in_features":2048,"out_features":2048,"tuning":{"tokens":1}})";
constexpr const char *linear64 =
    R"({"op":"linear","in_features":2048,"out_features":2048,"tuning":{"tokens":64}})";
constexpr const char *decode =
    R"({"op":"mla_decode","num_heads":32,"kv_lora_rank":128,"qk_rope_head_dim":64,
        "qk_nope_head_dim":64,"tuning":{"tokens":1,"context":2048,"max_len":2048}})";

TEST(Prune, EachRuleHasAnExample) {
  EXPECT_EQ(ruleFor(linear1, host, 2, "block_m=4,block_n=16,block_k=0,stage_b=0"), "rows_padded");
  EXPECT_EQ(ruleFor(linear1, "gfx942", 0, "block_m=64,block_n=16,block_k=64,waves=4"),
            "rows_padded");
  EXPECT_EQ(ruleFor(decode, host, 2, "block_h=32,block_n=64,kv_splits=1"), "grid_too_small");
  EXPECT_EQ(ruleFor(linear1, "gfx942", 0, "block_m=16,block_n=128,block_k=64,waves=4"),
            "grid_too_small");
  EXPECT_EQ(ruleFor(linear1, host, 2, "block_m=1,block_n=48,block_k=0,stage_b=0"), "blocks_ragged");
  EXPECT_EQ(ruleFor(linear64, host, 2, "block_m=4,block_n=16,block_k=64,stage_b=1"),
            "staged_for_few_rows");
  EXPECT_EQ(ruleFor(linear64, host, 2, "block_m=16,block_n=16,block_k=32,stage_b=1"),
            "sums_too_short");
  EXPECT_EQ(ruleFor(decode, host, 2, "block_h=32,block_n=128,kv_splits=32"), "splits_too_short");
  EXPECT_EQ(ruleFor(decode, host, 2, "block_h=32,block_n=16,kv_splits=64"), "splits_too_many");
  EXPECT_EQ(ruleFor(R"({"op":"linear","in_features":2048,"out_features":2048,
                        "tuning":{"tokens":2048}})",
                    "gfx942", 0, "block_m=64,block_n=64,block_k=128,waves=2"),
            "lds_leaves_simds_idle");
}

TEST(Prune, KeepsWhatNoRuleNames) {
  EXPECT_EQ(ruleFor(linear1, host, 2, "block_m=2,block_n=16,block_k=512,stage_b=0"), "");
  EXPECT_EQ(ruleFor(decode, host, 2, "block_h=32,block_n=64,kv_splits=4"), "");
  EXPECT_EQ(ruleFor(linear1, "gfx942", 0, "block_m=16,block_n=16,block_k=128,waves=1"), "");
  // Short sums are all there is where the whole sum is short.
  EXPECT_EQ(ruleFor(R"({"op":"linear","in_features":64,"out_features":64,"tuning":{"tokens":1}})",
                    host, 2, "block_m=1,block_n=16,block_k=32,stage_b=0"),
            "");
}

TEST(Prune, NeverRemovesTheDefaults) {
  for (const OpSpec &spec : allOpSpecs())
    for (const TargetDesc &target : allTargets()) {
      OpDesc op = must(OpDesc::parse(spec.exampleJson));
      for (int64_t tokens : {1, 7, 64, 4096}) {
        OpDesc tuned = spec.size("tokens") ? op.withTuningPoint({{"tokens", tokens}}) : op;
        Result<KernelConfig> defaults = KernelConfig::defaults(tuned, target);
        if (!defaults)
          continue; // the target cannot hold the example at all
        EXPECT_FALSE(pruned(tuned, target, *defaults))
            << spec.kind << " on " << target.arch << " at " << tokens << ": " << defaults->text();
      }
    }
}

/// A sweep taken while other programs ran tells less of good and bad: its limit is wider.
TEST(Prune, LosesNothingOnRecordedSweeps) {
  ASSERT_FALSE(recordedSweeps().empty());
  std::map<std::string, int> fired;
  std::vector<double> losses;
  int64_t kept = 0, all = 0;
  for (const NamedProblem &sweep : recordedSweeps()) {
    const RecordedProblem &recorded = sweep.recorded;
    double best = 1e300;
    int64_t left = 0;
    for (size_t i = 0; i < recorded.configs.size(); ++i)
      if (auto rule = pruned(recorded.problem.op, recorded.problem.target, recorded.configs[i])) {
        ++fired[rule->label];
      } else {
        best = std::min(best, recorded.measuredUs[i]);
        ++left;
      }
    std::printf("%-28s keeps %3lld of %3zu, best at %.1f %%\n", sweep.name.c_str(),
                static_cast<long long>(left), recorded.configs.size(), 100 * sweep.bestUs() / best);
    losses.push_back(best / sweep.bestUs() - 1);
    EXPECT_LE(losses.back(), 0.1) << sweep.name;
    kept += left;
    all += int64_t(recorded.configs.size());
  }
  std::sort(losses.begin(), losses.end());
  EXPECT_LE(losses[losses.size() / 2], 0.01);
  EXPECT_LE(losses[losses.size() * 3 / 4], 0.01);
  EXPECT_LT(kept, all * 6 / 10) << "pruning has no point";
  EXPECT_GE(fired.size(), 6u);
}

TEST(Grid, CountsWorkgroupsAsTheSchedulesCutThem) {
  auto groups = [](const char *op, const char *arch, const char *config) {
    OpDesc desc = must(OpDesc::parse(op));
    TargetDesc target = must(findTarget(arch));
    return groupsOf(gridOf(desc, must(KernelConfig::parse(config, desc, target))));
  };
  EXPECT_EQ(groups(linear64, host, "block_m=16,block_n=96,block_k=0,stage_b=0"), 4 * 22);
  EXPECT_EQ(groups(decode, host, "block_h=24,block_n=64,kv_splits=8"), 2 * 8);
  constexpr const char *absorb =
      R"({"op":"mla_absorb","num_heads":24,"num_kv_heads":8,"qk_nope_head_dim":64,
          "qk_rope_head_dim":64,"v_head_dim":128,"kv_lora_rank":128,"tuning":{"tokens":4}})";
  EXPECT_EQ(groups(absorb, host, "block_m=4"), 24);
  EXPECT_EQ(groups(absorb, host, "block_m=1"), 4 * 8); // heads that share a weight go together
  EXPECT_EQ(groups(absorb, "gfx942", "block_m=16,block_n=64,block_k=64,waves=4"), 24 * 2);
}

/// Every kind has axes, and they name fields, sizes and knobs that exist.
TEST(Grid, KnowsEveryKind) {
  for (const OpSpec &spec : allOpSpecs()) {
    OpDesc op = must(OpDesc::parse(spec.exampleJson));
    KernelConfig defaults = must(KernelConfig::defaults(op, must(findTarget(host))));
    EXPECT_FALSE(gridOf(op, defaults).empty()) << spec.kind;
    EXPECT_GE(groupsOf(gridOf(op, defaults)), 1) << spec.kind;
  }
}

} // namespace
