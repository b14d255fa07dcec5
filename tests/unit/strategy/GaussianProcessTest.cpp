//===- GaussianProcessTest.cpp - what a few times say about all others ----===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "strategy/GaussianProcess.h"

#include <fmt/format.h>

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace zorse;
using namespace zorse::tuner;

namespace {

Space line(int count, int width = 1) {
  std::vector<KernelConfig> configs;
  for (int i = 0; i < count; ++i)
    for (int j = 0; j < width; ++j)
      configs.push_back(*KernelConfig::read(fmt::format("a={},b={}", i, j)));
  return Space(std::move(configs));
}

TEST(GaussianProcess, IsCertainWhereItLookedAndDoubtsElsewhere) {
  Space space = line(20);
  GaussianProcess process(space);
  process.add(3, 1.0);
  process.add(15, 3.0);
  std::vector<double> mean, deviation;
  process.predict(mean, deviation);
  EXPECT_NEAR(mean[3], 1.0, 0.05);
  EXPECT_NEAR(mean[15], 3.0, 0.05);
  EXPECT_GT(mean[10], mean[5]);
  EXPECT_LT(deviation[3], deviation[4]);
  EXPECT_LT(deviation[4], deviation[9]);
}

TEST(GaussianProcess, AnswersInsteadOfExpectations) {
  Space space = line(20);
  GaussianProcess late(space), early(space);
  late.add(3, 1.0);
  late.add(9, 1.0);
  late.setValue(1, 4.0);
  early.add(3, 1.0);
  early.add(9, 4.0);
  std::vector<double> a, b, deviation;
  late.predict(a, deviation);
  early.predict(b, deviation);
  EXPECT_EQ(a, b);
}

TEST(GaussianProcess, FittingLearnsWhichKnobMatters) {
  Space space = line(12, 12);
  GaussianProcess process(space);
  std::mt19937_64 random(1);
  auto truth = [&](size_t i) { return 0.3 * std::abs(space.place(i, 0) - 7); };
  for (int n = 0; n < 30; ++n) {
    size_t i = random() % space.size();
    process.add(i, truth(i));
  }
  auto error = [&] {
    std::vector<double> mean, deviation;
    process.predict(mean, deviation);
    double sum = 0;
    for (size_t i = 0; i < space.size(); ++i)
      sum += std::abs(mean[i] - truth(i));
    return sum / static_cast<double>(space.size());
  };
  double before = error();
  process.fit();
  EXPECT_LT(error(), 0.5 * before);
  EXPECT_LT(error(), 0.1);
}

TEST(GaussianProcess, EqualValuesAndOneObservationAreFine) {
  Space space = line(5);
  GaussianProcess process(space);
  std::vector<double> mean, deviation;
  process.predict(mean, deviation);
  for (size_t i = 0; i < space.size(); ++i) {
    EXPECT_TRUE(std::isfinite(mean[i]));
    process.add(i, 2.0);
    process.fit();
    process.predict(mean, deviation);
    for (size_t j = 0; j < space.size(); ++j) {
      EXPECT_NEAR(mean[j], 2.0, 1e-9);
      EXPECT_GE(deviation[j], 0);
    }
  }
}

} // namespace
