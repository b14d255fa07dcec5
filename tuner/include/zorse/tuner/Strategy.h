//===- Strategy.h - which configuration to try next -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A strategy is asked for configurations and told their times. It knows nothing of
// compilers, devices or databases, so the same object searches a GPU and a recorded
// sweep. Given the same space, seed, prior and answers it asks the same questions;
// that is what makes a stopped search go on as if it had not been stopped.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"
#include "zorse/tuner/Space.h"

#include <memory>
#include <vector>

namespace zorse {

class Strategy {
public:
  virtual ~Strategy() = default;
  /// The next configuration, as its index in the space; never the same twice; nullopt when there
  /// is none left, or none worth trying. May be called several times before the answers come.
  virtual std::optional<size_t> ask() = 0;
  /// The time of a configuration that was asked for, in microseconds; infinity if it failed.
  virtual void tell(size_t index, double us) = 0;
};

/// What is known before anything was measured: a predicted time for each configuration of the
/// space (infinity: will not work), or nothing at all.
using Prior = std::vector<double>;

/// Errors: Usage for an unknown name (lists the legal ones).
Result<std::unique_ptr<Strategy>> makeStrategy(std::string_view name, const Space &space,
                                               uint64_t seed, const Prior &prior = {});
/// "auto" first.
const std::vector<std::string> &strategyNames();
/// One sentence about each.
std::string_view describeStrategy(std::string_view name);

/// What a search of a recorded space came to.
struct Replay {
  std::vector<size_t> asked; ///< in order
  size_t best = 0;           ///< of those that worked
  double bestUs = 0;
};
/// Lets a strategy search a space whose times are all known (infinity where a configuration
/// failed), for at most `budget` questions, `batch` of them asked before the first is answered.
Result<Replay> replay(std::string_view strategy, const Space &space,
                      const std::vector<double> &timesUs, size_t budget, uint64_t seed,
                      size_t batch = 1, const Prior &prior = {});

} // namespace zorse
