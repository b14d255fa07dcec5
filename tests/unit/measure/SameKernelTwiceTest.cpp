//===- SameKernelTwiceTest.cpp - A/A: no place in the rounds is better -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The same kernel enters twice. On a machine with noise, spikes and drift each entry
// must win about half of the time, by nearly nothing. The same noise and the same
// number of samples, taken one entry after the other, show that this is not for free.
//
//===----------------------------------------------------------------------===//
#include "SimulatedDevice.h"

#include "measure/Meter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace zorse;
using namespace zorse::test;
using namespace zorse::tuner;

namespace {

struct Outcome {
  int firstWins = 0;
  double medianGain = 0;
};

constexpr int runs = 100;

/// `sampleBoth` leaves samples in both contenders. `slowdown` as in SimulatedDevice.
template <typename Body> Outcome enterTwice(uint64_t seed, double slowdown, Body sampleBoth) {
  Outcome outcome;
  std::vector<double> gains;
  OpDesc op = swigluOp();
  for (int run = 0; run < runs; ++run) {
    SimulatedDevice device(seed + uint64_t(run));
    device.jitter = 0.15; // of one launch; a sample is the mean of ten
    device.spikeShare = 0.02;
    device.slowdown = slowdown;
    Meter meter = must(Meter::create(device, op, {}, seed, 1 << 20));
    std::vector<Contender> contenders;
    for (int i = 0; i < 2; ++i)
      contenders.push_back(must(meter.prepare(must(device.load(timedObject(op, 100))))));
    sampleBoth(meter, contenders);
    double first = summarise(contenders[0].samples).median;
    double second = summarise(contenders[1].samples).median;
    outcome.firstWins += first < second;
    gains.push_back(std::abs(first / second - 1));
  }
  outcome.medianGain = summarise(gains).median;
  return outcome;
}

TEST(SameKernelTwice, InterleavedRoundsFavourNobody) {
  constexpr uint64_t seed = 2026;
  // 200 ms of rounds become 10 % slower, and 40 %. The second is more than the median of so few
  // samples takes without a wider spread; the split must hold even there.
  for (double slowdown : {0.5, 2.0}) {
    Outcome outcome =
        enterTwice(seed, slowdown, [](Meter &meter, std::vector<Contender> &contenders) {
          ASSERT_TRUE(meter.rounds(contenders, nullptr));
        });
    fmt::print("interleaved, slowing by {} a second: the first wins {} of {}, median gain {:.2f} % "
               "(source: simulated)\n",
               slowdown, outcome.firstWins, runs, 100 * outcome.medianGain);
    EXPECT_GE(outcome.firstWins, 40) << "seed " << seed;
    EXPECT_LE(outcome.firstWins, 60) << "seed " << seed;
    EXPECT_LT(outcome.medianGain, slowdown < 1 ? 0.01 : 0.02) << "seed " << seed;
  }
}

TEST(SameKernelTwice, OneAfterTheOtherFavoursTheFirst) {
  constexpr uint64_t seed = 2026;
  Outcome outcome = enterTwice(seed, 0.5, [](Meter &meter, std::vector<Contender> &contenders) {
    for (Contender &contender : contenders) {
      std::vector<double> all;
      for (int i = 0; i < 6; ++i) { // 30 samples each
        ASSERT_TRUE(meter.screen(contender, 0));
        all.insert(all.end(), contender.samples.begin(), contender.samples.end());
      }
      contender.samples = all;
    }
  });
  fmt::print("one after the other: the first wins {} of {}, median gain {:.2f} %\n",
             outcome.firstWins, runs, 100 * outcome.medianGain);
  EXPECT_GT(outcome.firstWins, 60) << "seed " << seed;
  EXPECT_GT(outcome.medianGain, 0.01) << "seed " << seed;
}

} // namespace
