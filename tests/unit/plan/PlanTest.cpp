//===- PlanTest.cpp - what a model launches, and what weighs most ---------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "PlanCase.h"

#include <gtest/gtest.h>

namespace zorse {
namespace {

const Scenario decode{Scenario::Kind::Decode, 8, 1024};
const Scenario prefill{Scenario::Kind::Prefill, 1, 512};

double tenUs(const Problem &) { return 10; }

TEST(Plan, JoinsUsesAndOrdersByShare) {
  OpDesc light = sample("rmsnorm", 0), heavy = sample("linear", 0);
  auto plan = makePlan(
      {decode, prefill}, {{0, light, 2}, {0, heavy, 3}, {0, heavy, 4}, {1, light, 5}}, detectHost(),
      [&](const Problem &problem) { return problem.op.kind() == "linear" ? 20.0 : 10.0; });
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->entries.size(), 2U);
  // Decode: 2 * 10 + 7 * 20 = 160, prefill: 5 * 10; both count alike.
  const PlanEntry &first = plan->entries[0], &second = plan->entries[1];
  EXPECT_EQ(first.problem.op.kind(), "rmsnorm");
  EXPECT_DOUBLE_EQ(first.share, 0.5 * 20 / 160 + 0.5);
  EXPECT_EQ(first.launches, (std::vector<int64_t>{2, 5}));
  EXPECT_DOUBLE_EQ(second.share, 0.5 * 140 / 160);
  EXPECT_EQ(second.launches, (std::vector<int64_t>{7, 0}));
}

TEST(Plan, BucketsOfOneOpAreSeparate) {
  auto plan = makePlan({decode}, {{0, sample("linear", 0, 8), 1}, {0, sample("linear", 0, 16), 1}},
                       detectHost(), tenUs);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->entries.size(), 2U);
}

TEST(Plan, ScenariosHaveNamesAndTokens) {
  EXPECT_EQ(decode.text(), "decode b8 c1024");
  EXPECT_EQ(prefill.text(), "prefill 512");
  EXPECT_EQ(decode.tokens(), 8);
  EXPECT_EQ(prefill.tokens(), 512);
}

TEST(Plan, NonsenseIsNamed) {
  EXPECT_EQ(makePlan({}, {{0, sample("linear", 0), 1}}, detectHost(), tenUs).error().message,
            "a plan needs at least one scenario and one launch in it");
  EXPECT_EQ(makePlan({decode}, {{1, sample("linear", 0), 1}}, detectHost(), tenUs).error().message,
            "a launch of a plan belongs to one of 1 scenarios and happens at least once, found "
            "scenario 1, 1 times");
  auto none = makePlan({decode}, {{0, sample("linear", 0), 1}}, detectHost(),
                       [](const Problem &) { return 0.0; });
  EXPECT_EQ(none.error().message,
            "the predicted time of linear at {\"tokens\":1} must be above 0, found 0");
}

} // namespace
} // namespace zorse
