//===- QuickListTest.cpp - few configurations for many problems -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "RecordedSweeps.h"
#include "space/QuickLists.h"

#include "zorse/tuner/Sweeps.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace zorse;
using namespace zorse::test;

namespace {

using Texts = std::vector<std::string>;
constexpr QuickListOptions once{0.95, 1};

Sweep sweep(const std::vector<double> &times) {
  std::vector<KernelConfig> configs;
  for (size_t i = 0; i < times.size(); ++i)
    configs.push_back(*KernelConfig::read("n=" + std::to_string(i)));
  return {"linear", "host", Space(std::move(configs)), times, "made up"};
}

TEST(QuickList, TakesTheOneThatServesMostFirst) {
  std::vector<Sweep> sweeps = {sweep({100, 104, 300}), sweep({200, 100, 104}),
                               sweep({100, 200, 300})};
  // n=1 serves the first two, n=0 the first and the last; on average n=0 is better.
  EXPECT_EQ(quickList(sweeps, once), (Texts{"n=0", "n=1"}));
}

TEST(QuickList, FivePercentIsTheLimit) {
  EXPECT_EQ(quickList(std::vector{sweep({100, 105.4}), sweep({105.4, 100})}, once),
            (Texts{"n=0", "n=1"}));
  EXPECT_EQ(quickList(std::vector{sweep({100, 105.2}), sweep({105.2, 100})}, once), (Texts{"n=0"}));
}

TEST(QuickList, DepthAsksForASecondChoice) {
  std::vector<Sweep> sweeps = {sweep({100, 104, 300})};
  EXPECT_EQ(quickList(sweeps, once), Texts{"n=0"});
  EXPECT_EQ(quickList(sweeps, {0.95, 2}), (Texts{"n=0", "n=1"}));
  EXPECT_EQ(quickList(sweeps, {0.95, 9}), (Texts{"n=0", "n=1"})) << "no more can serve it";
}

TEST(QuickList, LeavesOutWhatFailed) {
  std::vector<Sweep> sweeps = {sweep({INFINITY, 100, INFINITY}), sweep({INFINITY, INFINITY}),
                               sweep({100, INFINITY, 500})};
  EXPECT_EQ(quickList(sweeps, once), (Texts{"n=0", "n=1"}));
  EXPECT_TRUE(quickList(std::vector<Sweep>{}).empty());
}

TEST(QuickList, OrderOfTheSweepsDoesNotMatter) {
  std::vector<Sweep> sweeps;
  for (const RecordedSweep &recorded : recordedSweeps())
    if (recorded.sweep.opKind == "linear")
      sweeps.push_back(recorded.sweep);
  Texts list = quickList(sweeps);
  std::reverse(sweeps.begin(), sweeps.end());
  EXPECT_EQ(quickList(sweeps), list);
}

TEST(QuickList, EveryRecordedProblemIsServed) {
  for (const char *kind : {"linear", "mla_decode"}) {
    std::vector<Sweep> sweeps;
    for (const RecordedSweep &recorded : recordedSweeps())
      if (recorded.sweep.opKind == kind)
        sweeps.push_back(recorded.sweep);
    Texts list = quickList(sweeps, once);
    for (const Sweep &one : sweeps) {
      double best = *std::min_element(one.timesUs.begin(), one.timesUs.end()), found = INFINITY;
      for (const std::string &text : list)
        if (std::optional<size_t> index = one.space.find(text))
          found = std::min(found, one.timesUs[*index]);
      EXPECT_GE(best / found, 0.95) << one.problem;
    }
    EXPECT_LE(list.size(), sweeps.size());
  }
}

TEST(QuickList, TheShippedHostListIsMadeFromTheRecordedSweeps) {
  std::vector<Sweep> sweeps;
  for (const RecordedSweep &recorded : recordedSweeps())
    sweeps.push_back(recorded.sweep);
  std::ifstream stream(ZORSE_SOURCE_DIR "/tuner/space/quick/host.json");
  std::stringstream shipped;
  shipped << stream.rdbuf();
  std::string made = quickListFile("host", sweeps);
  if (const char *path = std::getenv("ZORSE_WRITE_QUICK_LIST"))
    std::ofstream(path) << made;
  EXPECT_EQ(shipped.str(), made)
      << "write it anew: ZORSE_WRITE_QUICK_LIST=tuner/space/quick/host.json zorse_strategy_test";
}

TEST(QuickList, ShippedListsNameKnobsAndValuesThatExist) {
  for (std::string_view text : tuner::quickListFiles()) {
    nlohmann::json file = nlohmann::json::parse(text);
    for (const auto &[kind, list] : file["lists"].items()) {
      const OpSpec *spec = findOpSpec(kind);
      ASSERT_TRUE(spec) << kind;
      for (const std::string &config : list["configs"].get<Texts>()) {
        Result<KernelConfig> read = KernelConfig::read(config);
        ASSERT_TRUE(read) << config;
        for (const auto &[name, value] : read->values()) {
          const KnobSpec *knob = spec->knob(name);
          ASSERT_TRUE(knob) << kind << ": " << name;
          EXPECT_TRUE(std::count(knob->values.begin(), knob->values.end(), value)) << config;
        }
      }
    }
  }
}

KernelRecord row(const char *config, TrialState state, double us,
                 Source source = Source::Measured) {
  KernelRecord record;
  record.opJson = OpDesc::parse(R"({"op":"swiglu","intermediate_size":4096})")->canonicalJson();
  record.arch = "x86_64-avx512";
  record.computeUnits = 2;
  record.tuningPoint = R"({"tokens":4})";
  record.configText = config;
  record.state = state;
  if (us > 0) {
    record.measurement.emplace();
    record.measurement->source = source;
    record.measurement->medianUs = us;
  }
  return record;
}

TEST(Sweeps, AreGroupedByProblemWithTheDefaultFirst) {
  KernelRecord other = row("block_n=512", TrialState::Ok, 7);
  other.tuningPoint = R"({"tokens":8})";
  std::string first = KernelConfig::defaults(*OpDesc::parse(row("", TrialState::Ok, 1).opJson),
                                             *findTarget("x86_64-avx512"))
                          ->text();
  Result<std::vector<Sweep>> sweeps =
      sweepsOf({row("block_n=128", TrialState::Ok, 5), row(first.c_str(), TrialState::Ok, 9),
                row(first.c_str(), TrialState::Ok, 6), row("block_n=96", TrialState::Failed, 0),
                other, row("block_n=64", TrialState::Running, 0),
                row("block_n=32", TrialState::Ok, 1, Source::Model)});
  ASSERT_TRUE(sweeps) << sweeps.error().message;
  ASSERT_EQ(sweeps->size(), 2u);
  const Sweep &sweep = (*sweeps)[0];
  EXPECT_EQ(sweep.opKind, "swiglu");
  EXPECT_EQ(sweep.family, "host");
  ASSERT_EQ(sweep.space.size(), 3u);
  EXPECT_EQ(sweep.space[0].text(), first);
  EXPECT_EQ(sweep.timesUs[0], 6);
  EXPECT_EQ(sweep.timesUs[*sweep.space.find("block_n=128")], 5);
  EXPECT_TRUE(std::isinf(sweep.timesUs[*sweep.space.find("block_n=96")]));
}

TEST(Sweeps, RowsThatMakeNoSenseAreErrors) {
  KernelRecord unknown = row("block_n=128", TrialState::Ok, 5);
  unknown.arch = "gfx000";
  EXPECT_FALSE(sweepsOf({unknown}));
  EXPECT_FALSE(sweepsOf({row("block_n", TrialState::Ok, 5)}));
  EXPECT_FALSE(sweepsOf({row("block_n=1", TrialState::Ok, 5), row("m=1", TrialState::Ok, 5)}));
}

} // namespace
