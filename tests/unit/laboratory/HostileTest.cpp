//===- HostileTest.cpp - a hundred configurations that want to end the search -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 5 kinds of 20: they hang (15 in the compiler, 5 in the kernel), abort inside LLVM, exhaust
// memory, fault (10 in the compiler, 10 in the kernel) and compute NaN. Between them 25 good ones.
//
//===----------------------------------------------------------------------===//
#include "HostileWorker.h"
#include "Outcomes.h"

#include <sys/wait.h>

using namespace zorse;
using namespace zorse::test;

namespace {

// Under a sanitizer a worker has no limit of memory, and would take all there is.
#if defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

struct Kind {
  std::string name;
  int count;
  TrialState compiled, tried;
  std::vector<std::string> reasons; ///< one of them is in the error
};

const std::vector<Kind> kinds = {
    {"hang", 15, TrialState::TimedOut, TrialState::TimedOut, {"longer than the limit of 1 s"}},
    {"spin", 5, TrialState::Ok, TrialState::TimedOut, {"the trial took longer than the limit of"}},
    {"abort",
     20,
     TrialState::Crashed,
     TrialState::Crashed,
     {"died of SIGABRT: LLVM ERROR: Cannot select: a hostile node"}},
    {"memory", 20, TrialState::Crashed, TrialState::Crashed, {"out of memory, limit 1024 MiB"}},
    {"crash",
     10,
     TrialState::Crashed,
     TrialState::Crashed,
     {"died of SIGSEGV", "AddressSanitizer"}},
    {"fault", 10, TrialState::Ok, TrialState::Crashed, {"died of SIGSEGV", "AddressSanitizer"}},
    {"nan", 20, TrialState::Ok, TrialState::Wrong, {"nan"}},
    {"good", 25, TrialState::Ok, TrialState::Ok, {""}},
};

TEST(Hostile, AHundredOfThemAreSurvivedAndToldApart) {
  HostileScript script;
  std::vector<KernelConfig> configs;
  std::vector<const Kind *> kindOf;
  // Mixed, so that each kind meets the leavings of the others.
  for (int turn = 0; turn < 25; ++turn)
    for (const Kind &kind : kinds)
      if (turn < kind.count && !(sanitized && kind.name == "memory")) {
        configs.push_back(hostileConfig(int64_t(configs.size())));
        kindOf.push_back(&kind);
        if (kind.name != "good")
          script.add(kind.name, configs.back());
      }
  ASSERT_EQ(configs.size(), sanitized ? 105u : 125u);

  Problem problem = hostileProblem();
  ProcessOptions options;
  options.command = script.command();
  options.compilers = 4; // they sleep while they hang
  options.limits = {.compileSeconds = 1, .trialSeconds = 1.5, .memoryBytes = int64_t(1) << 30};
  options.measure = quickMeasure();
  std::unique_ptr<Laboratory> laboratory = must(createProcessLaboratory(options));
  Outcomes outcomes = compileAll(*laboratory, problem, configs);

  int64_t rightly = 0;
  for (size_t i = 0; i < configs.size(); ++i) {
    const Kind &kind = *kindOf[i];
    SCOPED_TRACE(kind.name + " " + configs[i].text());
    ASSERT_EQ(outcomes.ended[i], 1);
    TrialState state = outcomes.compiled[i].state;
    std::string error = outcomes.compiled[i].error;
    EXPECT_EQ(state, kind.compiled) << error;
    if (state == TrialState::Ok) {
      Tried tried =
          must(laboratory->tryOut(problem, {configs[i], outcomes.compiled[i].code}, 0, nullptr));
      state = tried.state;
      error = tried.error;
      EXPECT_EQ(tried.measurement.has_value(), state == TrialState::Ok);
    }
    EXPECT_EQ(state, kind.tried) << error;
    rightly += state == kind.tried;
    bool explained = false;
    for (const std::string &reason : kind.reasons)
      explained |= contains(error, reason);
    EXPECT_TRUE(explained) << error;
  }
  EXPECT_EQ(rightly, int64_t(configs.size()));
  std::map<std::string, int> compilations;
  for (const HostileScript::Line &line : script.log())
    ++compilations[line.config];
  EXPECT_EQ(compilations.size(), configs.size());
  for (const auto &[config, count] : compilations)
    EXPECT_EQ(count, 1) << config;
  laboratory.reset();
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a worker is left";
}

} // namespace
