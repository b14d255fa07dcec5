//===- CompiledTest.cpp - what the compiler makes, in laboratories --------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "HostileWorker.h"
#include "Outcomes.h"

#include "zorse/compiler/Compile.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>

using namespace zorse;
using namespace zorse::test;

namespace {

Result<CodeObject> compileHere(const OpDesc &op, const TargetDesc &target,
                               const KernelConfig &config) {
  Result<CompileOutput> output = compile(op, target, config);
  if (!output)
    return output.takeError();
  return std::move(output->object);
}

Problem problemOf(std::string_view json, std::string_view arch) {
  return {must(OpDesc::parse(json)), must(findTarget(arch))};
}

const char *const smallAttention = R"({"op":"mla_decode","num_heads":6,"kv_lora_rank":48,
    "qk_rope_head_dim":16,"qk_nope_head_dim":24,"dtype":"bf16",
    "tuning":{"tokens":1,"context":700,"max_len":1024}})";

std::unique_ptr<Laboratory> direct(Device *device, int threads) {
  return createDirectLaboratory({.compile = compileHere,
                                 .compilerRevision = compilerRevision(),
                                 .device = device,
                                 .measure = quickMeasure(),
                                 .threads = threads});
}

std::unique_ptr<Laboratory> process(int compilers) {
  ProcessOptions options;
  options.command = {ZORSE_COMPILE_WORKER};
  options.compilers = compilers;
  options.measure = quickMeasure();
  return must(createProcessLaboratory(options));
}

TEST(Compiled, SplitAttentionIsRightInBothLaboratories) {
  Problem problem = problemOf(smallAttention, "host");
  std::unique_ptr<Device> device = must(createHostDevice());
  std::unique_ptr<Laboratory> here = direct(device.get(), 2), there = process(2);
  EXPECT_EQ(here->compilerRevision(), there->compilerRevision());
  EXPECT_EQ(here->deviceDescription(), there->deviceDescription());
  std::vector<KernelConfig> configs = enumerateConfigs(problem.op, problem.target);
  // Evenly over the space.
  std::vector<KernelConfig> some;
  for (size_t i = 0; i < 12; ++i)
    some.push_back(configs[i * configs.size() / 12]);
  Outcomes first = compileAll(*here, problem, some), second = compileAll(*there, problem, some);
  for (size_t i = 0; i < some.size(); ++i) {
    SCOPED_TRACE(some[i].text());
    ASSERT_EQ(first.compiled[i].state, TrialState::Ok) << first.compiled[i].error;
    ASSERT_EQ(second.compiled[i].state, TrialState::Ok) << second.compiled[i].error;
    EXPECT_EQ(first.compiled[i].codeHash, second.compiled[i].codeHash);
    for (Laboratory *laboratory : {here.get(), there.get()}) {
      Tried tried =
          must(laboratory->tryOut(problem, {some[i], second.compiled[i].code}, 0, nullptr));
      EXPECT_EQ(tried.state, TrialState::Ok) << tried.error;
      ASSERT_TRUE(tried.verification);
      EXPECT_GE(tried.verification->cases, 5);
    }
  }
}

TEST(Compiled, AnotherCompilersLimitsDoNotChangeTheCode) {
  // What a worker compiles is what anybody compiles: limits and recycling leave no trace.
  Problem problem = problemOf(R"({"op":"linear","in_features":512,"out_features":1024,
      "tuning":{"tokens":64}})",
                              "gfx942");
  std::vector<KernelConfig> configs = enumerateConfigs(problem.op, problem.target);
  configs.resize(std::min<size_t>(configs.size(), 6));
  Outcomes outcomes = compileAll(*process(2), problem, configs);
  for (size_t i = 0; i < configs.size(); ++i) {
    Result<CodeObject> code = compileHere(problem.op, problem.target, configs[i]);
    if (outcomes.compiled[i].state == TrialState::Ok)
      EXPECT_EQ(outcomes.compiled[i].code->bytes, must(std::move(code)).bytes);
  }
  EXPECT_GT(outcomes.count(TrialState::Ok), 0);
}

/// Prints rates; times gate nothing.
TEST(Compiled, CandidatesPerSecond) {
  for (const char *arch : {"host", "gfx942"})
    for (const char *json : {R"({"op":"linear","in_features":2048,"out_features":2048,
                                  "tuning":{"tokens":256}})",
                             R"({"op":"mla_decode","num_heads":24,"kv_lora_rank":128,
                                  "qk_rope_head_dim":64,"qk_nope_head_dim":64,
                                  "tuning":{"tokens":8,"context":4096}})"}) {
      Problem problem = problemOf(json, arch);
      std::vector<KernelConfig> configs, all = enumerateConfigs(problem.op, problem.target);
      for (size_t i = 0, count = std::min<size_t>(all.size(), 6); i < count; ++i)
        configs.push_back(all[i * all.size() / count]);
      for (bool inProcess : {false, true}) {
        std::unique_ptr<Laboratory> laboratory = inProcess ? process(1) : direct(nullptr, 1);
        compileAll(*laboratory, problem, std::span(configs).first(1)); // warm
        auto start = std::chrono::steady_clock::now();
        Outcomes outcomes = compileAll(*laboratory, problem, configs);
        double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        std::vector<double> each;
        for (const Compiled &compiled : outcomes.compiled)
          each.push_back(compiled.seconds * 1e3);
        std::sort(each.begin(), each.end());
        fmt::print("{} for {}, {}: {:.1f} candidates/s on one core, median {:.1f} ms\n",
                   problem.op.kind(), problem.target.arch,
                   inProcess ? "one worker process" : "in this process",
                   double(configs.size()) / seconds, each[each.size() / 2]);
        EXPECT_EQ(std::count(outcomes.ended.begin(), outcomes.ended.end(), 1),
                  std::ptrdiff_t(configs.size()));
      }
    }
}

} // namespace
