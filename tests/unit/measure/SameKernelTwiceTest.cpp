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
    double first = meter.measurement(contenders[0], "rounds").medianUs;
    double second = meter.measurement(contenders[1], "rounds").medianUs;
    outcome.firstWins += first < second;
    gains.push_back(std::abs(first / second - 1));
  }
  outcome.medianGain = summarise(gains).median;
  return outcome;
}

TEST(SameKernelTwice, InterleavedRoundsFavourNobody) {
  // Each second adds half, or twice, of the time that a launch took at first.
  for (double slowdown : {0.5, 2.0})
    for (uint64_t seed : {1000, 2000, 3000, 4000, 5000}) {
      Outcome outcome =
          enterTwice(seed, slowdown, [](Meter &meter, std::vector<Contender> &contenders) {
            ASSERT_TRUE(meter.rounds(contenders, nullptr));
          });
      fmt::print("interleaved, slowing by {} a second, seed {}: the first wins {} of {}, median "
                 "gain {:.2f} % (source: simulated)\n",
                 slowdown, seed, outcome.firstWins, runs, 100 * outcome.medianGain);
      EXPECT_GE(outcome.firstWins, 40) << "seed " << seed;
      EXPECT_LE(outcome.firstWins, 60) << "seed " << seed;
      EXPECT_LT(outcome.medianGain, 0.01) << "seed " << seed;
    }
}

TEST(SameKernelTwice, OneAfterTheOtherFavoursTheFirst) {
  // 30 samples of 1 ms each: the second entry runs 30 ms later than the first, so 2 a second make
  // it 6 % slower, or less by as much as the machine has slowed down already, a tenth at most. The
  // median of 30 samples of 10 launches, each with a deviation of 15 %, has one of 1.1 %, so the
  // difference of two has 1.6 %, and the first wins but once in thousands of runs. A gate at 90
  // wins and at half of the gain leaves room for the spikes.
  constexpr double slowdown = 2;
  for (uint64_t seed : {1000, 2000, 3000, 4000, 5000}) {
    Outcome outcome =
        enterTwice(seed, slowdown, [](Meter &meter, std::vector<Contender> &contenders) {
          for (Contender &contender : contenders) {
            std::vector<double> all;
            for (int i = 0; i < 6; ++i) {
              ASSERT_TRUE(meter.screen(contender, 0));
              all.insert(all.end(), contender.samples.begin(), contender.samples.end());
            }
            contender.samples = all;
            contender.time = summarise(all);
          }
        });
    fmt::print("one after the other, slowing by {} a second, seed {}: the first wins {} of {}, "
               "median gain {:.2f} % (source: simulated)\n",
               slowdown, seed, outcome.firstWins, runs, 100 * outcome.medianGain);
    EXPECT_GE(outcome.firstWins, 90) << "seed " << seed;
    EXPECT_GE(outcome.medianGain, 0.03) << "seed " << seed;
  }
}

} // namespace
