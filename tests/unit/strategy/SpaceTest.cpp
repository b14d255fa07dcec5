//===- SpaceTest.cpp - which configurations a search may try --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Space.h"
#include "zorse/tuner/Prune.h"
#include "zorse/tuner/QuickList.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

using namespace zorse;

namespace {

const char *const linear =
    R"({"op":"linear","in_features":3072,"out_features":3072,"tuning":{"tokens":1}})";
const char *const archs[] = {"x86_64-avx512", "gfx942"};

OpDesc op(std::string_view json) { return *OpDesc::parse(json); }
TargetDesc target(std::string_view arch) { return *findTarget(arch); }

std::set<std::string> texts(const Space &space) {
  std::set<std::string> all;
  for (size_t i = 0; i < space.size(); ++i)
    all.insert(space[i].text());
  return all;
}

TEST(Space, EachSpaceLiesInTheNext) {
  for (const OpSpec &spec : allOpSpecs())
    for (const char *arch : archs) {
      OpDesc desc = op(spec.exampleJson);
      std::set<std::string> inner;
      for (SearchSpace which : {SearchSpace::Quick, SearchSpace::Full, SearchSpace::Exhaustive}) {
        Result<Space> space = Space::of(desc, target(arch), which);
        ASSERT_TRUE(space) << space.error().message;
        EXPECT_EQ((*space)[0], *KernelConfig::defaults(desc, target(arch)));
        std::set<std::string> all = texts(*space);
        EXPECT_EQ(all.size(), space->size()) << spec.kind;
        EXPECT_TRUE(std::includes(all.begin(), all.end(), inner.begin(), inner.end()))
            << spec.kind << " " << arch << " " << name(which);
        for (size_t i = 0; i < space->size(); ++i)
          EXPECT_TRUE((*space)[i].check(desc, target(arch)));
        inner = std::move(all);
      }
    }
}

TEST(Space, ExhaustiveIsEveryLegalConfiguration) {
  for (const char *arch : archs) {
    Result<Space> space = Space::of(op(linear), target(arch), SearchSpace::Exhaustive);
    ASSERT_TRUE(space);
    EXPECT_EQ(space->size(), enumerateConfigs(op(linear), target(arch)).size());
    EXPECT_EQ(static_cast<int64_t>(space->size()), space->legal);
    EXPECT_GT(space->total, space->legal);
  }
}

TEST(Space, FullIsWhatPruningLeavesAndSaysWhatItRemoved) {
  for (const char *arch : archs) {
    Result<Space> space = Space::of(op(linear), target(arch), SearchSpace::Full);
    ASSERT_TRUE(space);
    for (size_t i = 1; i < space->size(); ++i)
      EXPECT_FALSE(tuner::pruned(op(linear), target(arch), (*space)[i]));
    SpaceReport report = describeSpace(op(linear), target(arch));
    ASSERT_GE(space->removals.size(), report.removed.size());
    const std::vector<ConstraintSpec> &constraints = op(linear).spec().configConstraints;
    for (size_t i = 0; i < report.removed.size(); ++i) {
      EXPECT_EQ(space->removals[i].label, report.removed[i].first);
      EXPECT_EQ(space->removals[i].count, report.removed[i].second);
      EXPECT_EQ(space->removals[i].reason, constraints[i].message);
    }
    int64_t pruned = 0;
    for (size_t i = report.removed.size(); i < space->removals.size(); ++i) {
      EXPECT_FALSE(space->removals[i].reason.empty());
      pruned += space->removals[i].count;
    }
    EXPECT_EQ(static_cast<int64_t>(space->size()) + pruned, space->legal);
  }
}

TEST(Space, QuickWithoutAListIsTheDefaultAndItsNeighbours) {
  ASSERT_TRUE(shippedQuickList("linear", "amdgpu").empty());
  Result<Space> quick = Space::of(op(linear), target("gfx942"), SearchSpace::Quick);
  Result<Space> full = Space::of(op(linear), target("gfx942"), SearchSpace::Full);
  ASSERT_TRUE(quick && full);
  EXPECT_LE(quick->size(), 24u);
  EXPECT_GT(quick->size(), 5u);
  std::vector<size_t> around = full->neighbours(0);
  for (size_t i = 1; i < quick->size(); ++i)
    EXPECT_EQ((*quick)[i], (*full)[around[i - 1]]);
}

TEST(Space, QuickWithAListIsTheDefaultAndTheList) {
  const std::vector<std::string> &list = shippedQuickList("linear", "host");
  ASSERT_FALSE(list.empty());
  Result<Space> quick = Space::of(op(linear), target("x86_64-avx512"), SearchSpace::Quick);
  ASSERT_TRUE(quick);
  EXPECT_LE(quick->size(), list.size() + 1);
  EXPECT_GT(quick->size(), 1u);
  EXPECT_EQ(quick->favourites.size(), quick->size() - 1);
  for (size_t i = 1; i < quick->size(); ++i)
    EXPECT_EQ(quick->favourites[i - 1], i);
  Result<Space> full = Space::of(op(linear), target("x86_64-avx512"), SearchSpace::Full);
  ASSERT_TRUE(full);
  ASSERT_EQ(full->favourites.size(), quick->favourites.size());
  for (size_t i = 0; i < full->favourites.size(); ++i)
    EXPECT_EQ((*full)[full->favourites[i]], (*quick)[i + 1]);
}

TEST(Space, FindsByTextAndByPlaces) {
  Result<Space> space = Space::of(op(linear), target("gfx942"), SearchSpace::Exhaustive);
  ASSERT_TRUE(space);
  EXPECT_GT(space->size(), 500u);
  for (size_t i = 0; i < space->size(); ++i) {
    EXPECT_EQ(space->find((*space)[i].text()), i);
    std::vector<int> places;
    for (size_t k = 0; k < space->knobs().size(); ++k) {
      places.push_back(space->place(i, k));
      const Space::Knob &knob = space->knobs()[k];
      EXPECT_EQ(knob.values[static_cast<size_t>(places[k])], (*space)[i].get(knob.name));
    }
    EXPECT_EQ(space->at(places), i);
  }
  EXPECT_EQ(space->find("block_m=7"), std::nullopt);
}

TEST(Space, NeighboursDifferInOneKnobAndTheNearestComeFirst) {
  Result<Space> made = Space::of(op(linear), target("x86_64-avx512"), SearchSpace::Exhaustive);
  ASSERT_TRUE(made);
  const Space &space = *made;
  for (size_t i = 0; i < space.size(); i += 37) {
    std::set<size_t> expected;
    auto steps = [&](size_t other) {
      std::pair<int, int> result(0, 0); // knobs that differ, places between
      for (size_t k = 0; k < space.knobs().size(); ++k) {
        result.first += space.place(i, k) != space.place(other, k);
        result.second += std::abs(space.place(i, k) - space.place(other, k));
      }
      return result;
    };
    for (size_t other = 0; other < space.size(); ++other)
      if (steps(other).first == 1)
        expected.insert(other);
    std::vector<size_t> around = space.neighbours(i);
    EXPECT_EQ(std::set<size_t>(around.begin(), around.end()), expected);
    EXPECT_EQ(around.size(), expected.size());
    EXPECT_TRUE(std::is_sorted(around.begin(), around.end(), [&](size_t a, size_t b) {
      return steps(a).second < steps(b).second;
    }));
  }
}

TEST(Space, AnEmptyOneIsAnError) {
  Result<Space> space = Space::of(op(R"({"op":"mla_decode","num_heads":16,"kv_lora_rank":64,)"
                                     R"("qk_rope_head_dim":512,"qk_nope_head_dim":64,)"
                                     R"("dtype":"f32"})"),
                                  target("gfx942"), SearchSpace::Full);
  ASSERT_FALSE(space);
  EXPECT_EQ(space.error().code, ErrorCode::Usage);
}

} // namespace
