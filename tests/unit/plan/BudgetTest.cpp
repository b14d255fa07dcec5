//===- BudgetTest.cpp - where a budget goes, with known gains -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Problems whose best time falls with the seconds spent along a known curve, and a clock
// that only they move. The best possible use of a budget is found by an oracle that
// knows the curves.
//
//===----------------------------------------------------------------------===//
#include "PlanCase.h"

#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>

namespace zorse {
namespace {

/// A quick search takes `quickSeconds` and cuts to `quickUs`; then the full space takes the time
/// down to `bestUs`, half of the rest in every `halfLife` seconds.
struct Curve {
  double defaultUs, quickUs, bestUs, quickSeconds, halfLife;

  double usAfter(double fullSeconds) const {
    return bestUs + (quickUs - bestUs) * std::exp2(-fullSeconds / halfLife);
  }
};

class World {
public:
  explicit World(uint64_t seed) {
    std::mt19937_64 random(seed);
    auto uniform = [&](double low, double high) {
      return std::uniform_real_distribution<double>(low, high)(random);
    };
    std::vector<PlannedUse> uses;
    // Kinds differ in how much tuning gives, problems of a kind less so; times spread widely.
    for (const std::string &kind : {"linear", "rmsnorm", "swiglu"}) {
      const double kindGain = uniform(1.05, 2.5);
      for (int i = 0; i < 8; ++i) {
        uses.push_back({0, sample(kind, i), 1 + static_cast<int64_t>(uniform(0, 20))});
        const double us = std::exp(uniform(0, 6));
        const double quick = us / (1 + (kindGain - 1) * uniform(0.5, 1));
        curves[uses.back().op.canonicalJson()] = {us, quick, quick * uniform(0.6, 1), uniform(2, 6),
                                                  uniform(5, 30)};
      }
    }
    // The prediction errs by up to a factor of two.
    auto made = makePlan({Scenario{}}, uses, *findTarget("x86_64-avx2"), [&](const Problem &p) {
      return curves.at(p.op.canonicalJson()).defaultUs * std::exp2(uniform(-1, 1));
    });
    EXPECT_TRUE(made) << made.error().message;
    plan = made.take();
  }

  const Curve &curve(size_t entry) const {
    return curves.at(plan.entries[entry].problem.op.canonicalJson());
  }
  double launches(size_t entry) const {
    return static_cast<double>(plan.entries[entry].launches[0]);
  }
  double timeOfDefaults() const {
    double sum = 0;
    for (size_t i = 0; i < plan.entries.size(); ++i)
      sum += launches(i) * curve(i).defaultUs;
    return sum;
  }

  /// A quick search that is cut off gives in proportion.
  PlanStepResult visit(const PlanStep &step) {
    State &state = states[step.entry];
    const Curve &c = curve(step.entry);
    if (step.space == SearchSpace::Quick) {
      double spent = step.seconds > 0 ? std::min(step.seconds, c.quickSeconds) : c.quickSeconds;
      clock += spent;
      state.us = c.defaultUs + (c.quickUs - c.defaultUs) * spent / c.quickSeconds;
    } else {
      double spent = step.seconds > 0 ? step.seconds : 10 * c.halfLife;
      clock += spent;
      state.full += spent;
      state.us = c.usAfter(state.full);
    }
    return {c.defaultUs, state.us, step.space == SearchSpace::Full && state.full > 10 * c.halfLife,
            false};
  }

  /// Time of a step after what was visited.
  double timeNow() const {
    double sum = 0;
    for (size_t i = 0; i < plan.entries.size(); ++i) {
      auto found = states.find(i);
      sum += launches(i) * (found == states.end() ? curve(i).defaultUs : found->second.us);
    }
    return sum;
  }

  /// Savings of an oracle: the curves in small steps, steepest first. A quick search counts as a
  /// straight line, so this is at least what can really be had.
  double bestSavings(double seconds) const {
    struct Piece {
      double rate, seconds;
    };
    std::vector<Piece> pieces;
    for (size_t i = 0; i < plan.entries.size(); ++i) {
      const Curve &c = curve(i);
      double rate = launches(i) * (c.defaultUs - c.quickUs) / c.quickSeconds;
      pieces.push_back({rate, c.quickSeconds});
      const double width = 0.5;
      for (double t = 0; t < 10 * c.halfLife; t += width)
        pieces.push_back({launches(i) * (c.usAfter(t) - c.usAfter(t + width)) / width, width});
    }
    std::sort(pieces.begin(), pieces.end(),
              [](const Piece &a, const Piece &b) { return a.rate > b.rate; });
    double saved = 0;
    for (const Piece &piece : pieces) {
      const double spent = std::min(seconds, piece.seconds);
      saved += piece.rate * spent;
      seconds -= spent;
    }
    return saved;
  }

  struct State {
    double us = 0, full = 0;
  };
  Plan plan;
  std::map<std::string, Curve> curves;
  std::map<size_t, State> states;
  double clock = 0;
};

double plannedSavings(World world, double seconds) {
  BudgetOptions options;
  options.seconds = seconds;
  options.now = [&] { return world.clock; };
  auto report = planTuning(world.plan, options, [&](const PlanStep &step) {
    return Result<PlanStepResult>(world.visit(step));
  });
  EXPECT_TRUE(report);
  EXPECT_LE(world.clock, seconds * 1.0001 + 1);
  return world.timeOfDefaults() - world.timeNow();
}

/// Every problem gets the same time: quick, then full.
double equalSavings(World world, double seconds) {
  const double each = seconds / static_cast<double>(world.plan.entries.size());
  for (size_t i = 0; i < world.plan.entries.size(); ++i) {
    const double before = world.clock;
    world.visit({i, SearchSpace::Quick, each});
    if (double left = each - (world.clock - before); left > 1e-9)
      world.visit({i, SearchSpace::Full, left});
  }
  return world.timeOfDefaults() - world.timeNow();
}

TEST(Budget, PaysBetterThanEqualSharesAndNearlyAsTheBest) {
  fmt::print("{:>8} {:>18} {:>18}   share of the best possible saving, 20 worlds\n", "budget",
             "plan median (min)", "equal median");
  for (auto [seconds, wanted] :
       {std::pair(15.0, 0.75), std::pair(30.0, 0.85), std::pair(60.0, 0.93), std::pair(120.0, 0.95),
        std::pair(300.0, 0.97), std::pair(600.0, 0.97)}) {
    std::vector<double> planned, equal;
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      World world(seed);
      const double best = world.bestSavings(seconds);
      planned.push_back(plannedSavings(world, seconds) / best);
      equal.push_back(equalSavings(world, seconds) / best);
      EXPECT_LE(planned.back(), 1.0001) << "seed " << seed;
      EXPECT_GE(planned.back(), equal.back() * 0.98) << "seed " << seed << " at " << seconds;
    }
    std::sort(planned.begin(), planned.end());
    std::sort(equal.begin(), equal.end());
    fmt::print("{:>6} s {:>9.3f} ({:.3f}) {:>16.3f}\n", seconds, planned[10], planned[0],
               equal[10]);
    EXPECT_GE(planned[10], wanted) << seconds;
    EXPECT_GT(planned[10], equal[10]) << seconds;
  }
}

TEST(Budget, TheSameTimesGiveTheSameSteps) {
  auto steps = [] {
    World world(3);
    BudgetOptions options;
    options.seconds = 100;
    options.now = [&] { return world.clock; };
    std::vector<std::string> seen;
    EXPECT_TRUE(planTuning(world.plan, options, [&](const PlanStep &step) {
      seen.push_back(
          fmt::format("{} {} {:.6f}", step.entry, static_cast<int>(step.space), step.seconds));
      return Result<PlanStepResult>(world.visit(step));
    }));
    return seen;
  };
  EXPECT_EQ(steps(), steps());
  EXPECT_GT(steps().size(), 5U);
}

TEST(Budget, BeginsQuicklyWithTheHeaviest) {
  World world(4);
  std::vector<PlanStep> steps;
  BudgetOptions options;
  options.seconds = 100;
  options.now = [&] { return world.clock; };
  ASSERT_TRUE(planTuning(world.plan, options, [&](const PlanStep &step) {
    steps.push_back(step);
    return Result<PlanStepResult>(world.visit(step));
  }));
  EXPECT_EQ(steps[0].entry, 0U);
  std::set<size_t> quick;
  for (const PlanStep &step : steps)
    if (step.space == SearchSpace::Quick)
      EXPECT_TRUE(quick.insert(step.entry).second) << "quick twice";
    else
      EXPECT_TRUE(quick.contains(step.entry)) << "full before quick";
}

TEST(Budget, WithoutALimitEverythingIsFinished) {
  World world(5);
  BudgetOptions options;
  options.now = [&] { return world.clock; };
  auto report = planTuning(world.plan, options, [&](const PlanStep &step) {
    return Result<PlanStepResult>(world.visit(step));
  });
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->complete);
  for (const auto &entry : report->entries)
    EXPECT_TRUE(entry.quickDone && entry.fullDone);
  EXPECT_NEAR(world.timeOfDefaults() - world.timeNow(), world.bestSavings(1e9),
              1e-2 * world.timeOfDefaults());
  EXPECT_GT(report->gain(world.plan), 1);
}

TEST(Budget, QuickOnlyNeverDeepens) {
  World world(6);
  BudgetOptions options;
  options.deepens = false;
  options.now = [&] { return world.clock; };
  auto report = planTuning(world.plan, options, [&](const PlanStep &step) {
    EXPECT_EQ(step.space, SearchSpace::Quick);
    return Result<PlanStepResult>(world.visit(step));
  });
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->complete);
}

TEST(Budget, StopsWhenAskedAndPassesErrorsOn) {
  World world(7);
  int calls = 0;
  auto stopped = planTuning(world.plan, {}, [&](const PlanStep &) {
    return Result<PlanStepResult>(PlanStepResult{10, 5, false, ++calls == 3});
  });
  ASSERT_TRUE(stopped);
  EXPECT_TRUE(stopped->interrupted);
  EXPECT_FALSE(stopped->complete);
  EXPECT_EQ(calls, 3);
  auto failed = planTuning(world.plan, {}, [](const PlanStep &) {
    return Result<PlanStepResult>(runtimeError("the device went away"));
  });
  EXPECT_EQ(failed.error().message, "the device went away");
}

/// Problems where nothing works must not be visited for ever.
TEST(Budget, EndsWhereNothingWorks) {
  World world(8);
  int64_t calls = 0;
  BudgetOptions options;
  options.now = [] { return 0.0; };
  auto report = planTuning(world.plan, options, [&](const PlanStep &) {
    ++calls;
    return Result<PlanStepResult>(PlanStepResult{});
  });
  ASSERT_TRUE(report);
  EXPECT_EQ(calls, 2 * static_cast<int64_t>(world.plan.entries.size()));
}

/// What the database knows of a kind decides who comes first.
TEST(Budget, KnownGainsCount) {
  auto plan = makePlan({Scenario{}}, {{0, sample("linear", 0), 1}, {0, sample("rmsnorm", 0), 1}},
                       *findTarget("x86_64-avx2"), [](const Problem &) { return 10.0; });
  ASSERT_TRUE(plan);
  for (const std::string &kind : {"linear", "rmsnorm"}) {
    BudgetOptions options;
    options.deepens = false;
    options.gains[kind] = {3, 3, 3};
    std::vector<std::string> order;
    ASSERT_TRUE(planTuning(*plan, options, [&](const PlanStep &step) {
      order.push_back(plan->entries[step.entry].problem.op.kind());
      return Result<PlanStepResult>(PlanStepResult{10, 9, true, false});
    }));
    EXPECT_EQ(order[0], kind);
  }
}

} // namespace
} // namespace zorse
