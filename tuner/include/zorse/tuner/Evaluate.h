//===- Evaluate.h - how well the model ranks what was measured -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recorded measurements are put in the order of the model's predictions. What counts is
// the loss of one who measures only the first k of that order, beside the loss of one who
// measures k at random and of one who takes the default configuration.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/tuner/Laboratory.h"

#include <array>
#include <optional>

namespace zorse {

/// Measured configurations of one op at one tuning point on one device.
struct RecordedProblem {
  Problem problem;
  std::string device; ///< as in Measurement::device
  std::vector<KernelConfig> configs;
  std::vector<double> measuredUs;
};

/// The problems of which `records` hold at least `fewest` measured, verified configurations that
/// are not stale; the fastest of several rows of one configuration counts. Rows that today's specs
/// do not allow are left out and counted in `*unreadable`.
std::vector<RecordedProblem> recordedProblems(const std::vector<KernelRecord> &records,
                                              size_t fewest, int64_t *unreadable = nullptr);

/// How many are measured of the order.
inline constexpr std::array<size_t, 3> rankingDepths = {1, 4, 8};
/// Loss at each depth: best time among the first k over the best of all, minus 1.
using Regrets = std::array<double, rankingDepths.size()>;

struct RankingQuality {
  size_t configs = 0;
  double covered = 0; ///< share of the configurations with a finite prediction
  Regrets regret{};
  Regrets randomRegret{};              ///< expected of a random order
  std::optional<double> defaultRegret; ///< if the default configuration was measured
  double spearman = 0;                 ///< correlation of the ranks, -1 to 1; ties have mean ranks
  double scale = 0;                    ///< median of predicted over measured time
  double spread = 0;                   ///< half of the predictions lie within this factor of it
};

/// Judges predictions (microseconds, infinity for those without one) of measured times. Equal
/// predictions stay in the order given. Both vectors have the same length, at least 1.
RankingQuality judgeRanking(const std::vector<double> &predictedUs,
                            const std::vector<double> &measuredUs,
                            std::optional<size_t> defaultIndex);

} // namespace zorse
