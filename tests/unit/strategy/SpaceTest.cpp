//===- SpaceTest.cpp - which configurations a search tries -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "SwigluKernels.h"

#include "zorse/tuner/Tuner.h"

#include <gtest/gtest.h>
#include <set>

using namespace zorse;
using namespace zorse::test;

namespace {

OpDesc linearOp() {
  return must(OpDesc::parse(R"({"op":"linear","in_features":3072,"out_features":3072,
                                "tuning":{"tokens":1}})"));
}

TEST(Space, QuickIsSmallLegalDistinctAndBeginsWithTheDefaults) {
  for (const char *arch : {"x86_64-avx512", "gfx942"}) {
    TargetDesc target = must(findTarget(arch));
    std::vector<KernelConfig> configs = selectConfigs(linearOp(), target, SearchSpace::Quick);
    EXPECT_EQ(configs.size(), 40u);
    EXPECT_EQ(configs[0], must(KernelConfig::defaults(linearOp(), target)));
    std::set<std::string> texts;
    for (const KernelConfig &config : configs) {
      EXPECT_TRUE(config.check(linearOp(), target)) << config.text();
      texts.insert(config.text());
    }
    EXPECT_EQ(texts.size(), configs.size());
  }
}

TEST(Space, NeighboursOfTheDefaultsComeBeforeTheSample) {
  TargetDesc target = must(findTarget("x86_64-avx512"));
  std::vector<KernelConfig> configs = selectConfigs(linearOp(), target, SearchSpace::Quick);
  bool sampled = false;
  int neighbours = 0;
  for (size_t i = 1; i < configs.size(); ++i) {
    int differing = 0;
    for (const auto &[knob, value] : configs[i].values())
      differing += value != configs[0].get(knob);
    sampled |= differing > 1;
    EXPECT_EQ(differing == 1, !sampled) << i;
    neighbours += differing == 1;
  }
  EXPECT_TRUE(sampled);
  EXPECT_GT(neighbours, 5);
}

TEST(Space, SameSeedSameSample) {
  TargetDesc target = must(findTarget("x86_64-avx512"));
  auto texts = [&](uint64_t seed) {
    std::vector<std::string> all;
    for (const KernelConfig &config : selectConfigs(linearOp(), target, SearchSpace::Quick, seed))
      all.push_back(config.text());
    return all;
  };
  EXPECT_EQ(texts(1), texts(1));
  EXPECT_NE(texts(1), texts(2));
}

TEST(Space, FullIsEverythingOnce) {
  TargetDesc target = must(findTarget("x86_64-avx512"));
  EXPECT_EQ(selectConfigs(linearOp(), target, SearchSpace::Full).size(),
            enumerateConfigs(linearOp(), target).size());
}

} // namespace
