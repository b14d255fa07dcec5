//===- Side.h - one way of running a case -----------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Our kernels and each formulation of a peer are sides. All sides of a case are
// alive together and are measured in turn, round after round, so that a slow
// spell of the machine meets every one of them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Suite.h"

#include <memory>

namespace zorse::bench {

class Side {
public:
  virtual ~Side() = default;
  virtual std::string name() const = 0;
  /// Launches for about `targetUs` microseconds and returns the mean time of one launch.
  virtual Result<double> round(double targetUs) = 0;
};

/// How every side is run.
struct Setup {
  int threads = 1;
  /// Launches go round over copies of the operands that are so large together that they come from
  /// memory; 0 keeps one copy (hot).
  int64_t rotateBytes = 0;
};

/// Median of the rounds and the order statistics that hold it with 95 % confidence.
struct Summary {
  double medianUs = 0, lowUs = 0, highUs = 0;
  int rounds = 0;
};
Summary summarise(std::vector<double> times);

/// Measures the sides in interleaved rounds after one round of warming up.
Result<std::vector<Summary>> measure(const std::vector<std::unique_ptr<Side>> &sides, int rounds,
                                     double targetUs);

} // namespace zorse::bench
