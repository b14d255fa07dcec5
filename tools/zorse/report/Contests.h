//===- Contests.h - trials that can be compared -----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times are compared only between trials of one op, target, tuning point,
// device and source. Such trials are a contest.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/db/Database.h"

#include <set>

namespace zorse::tool::report {

struct Contest {
  std::string label;      ///< short, no two alike
  std::string instrument; ///< arch, compute units, device and source
  std::string device;
  Source source = Source::Measured;
  std::vector<const KernelRecord *> timed;    ///< with a time, first one first
  std::vector<const KernelRecord *> attempts; ///< those and the ones that came to no time
  const KernelRecord *winner = nullptr;
  /// The time of the default configuration; null if it was not timed or there is none.
  const KernelRecord *fallback = nullptr;
  int64_t ties = 0; ///< configurations that the interval does not tell from the fastest
};

/// What tells which trial was first: the number in the database, or the date (to the second).
enum class Order { Id, Date };

/// In the order of kind, op, target, tuning point, device and source. `records` must outlive it.
std::vector<Contest> contestsOf(const std::vector<KernelRecord> &records,
                                const std::set<int64_t> &winners, Order order);

/// The fastest fit trial; null without any.
const KernelRecord *fastest(const Contest &contest);
/// Ran to its end, not shown to be wrong, not stale.
bool isFit(const KernelRecord &record);
bool isVerified(const KernelRecord &record);

/// Two knobs and how much of the spread of the times they explain together.
struct KnobPair {
  std::string first, second;
  double effect = 0; ///< adjusted R² of the means of log time, at most 1
};
/// Those with the largest effect, largest first; both knobs take at least two values.
std::vector<KnobPair> strongestPairs(const Contest &contest, size_t most);

/// "context=1024, tokens=8" for {"context":1024,"tokens":8}; the text itself if it is no object.
std::string sizesText(const std::string &json);

} // namespace zorse::tool::report
