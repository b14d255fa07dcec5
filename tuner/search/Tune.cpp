//===- Tune.cpp - finds the fastest correct configuration -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Tuner.h"

#include "search/Search.h"

#include "zorse/tuner/Predict.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse {

static Status checkOptions(const TuneOptions &options) {
  if (options.shards < 1 || options.shard < 0 || options.shard >= options.shards)
    return usageError(fmt::format("a shard is one of 0 to shards - 1, found {} of {}",
                                  options.shard, options.shards));
  if (options.budgetSeconds < 0 || options.maxTrials < 0)
    return usageError(fmt::format("a budget is 0 (none) or above, found {} s and {} trials",
                                  options.budgetSeconds, options.maxTrials));
  for (TrialState state : options.retry)
    if (state != TrialState::Failed && state != TrialState::TimedOut &&
        state != TrialState::Crashed && state != TrialState::Wrong)
      return usageError(
          fmt::format("what failed, timed_out, crashed or was wrong can be tried again, found {}",
                      name(state)));
  return Status();
}

/// The configurations that fall to a shard by their place. The defaults fall to all: they are what
/// each tells its gain against.
static Space shardOfSpace(const Space &whole, int64_t shard, int64_t shards) {
  std::vector<KernelConfig> configs;
  for (size_t i = 0; i < whole.size(); ++i)
    if (i == 0 || int64_t(i) % shards == shard)
      configs.push_back(whole[i]);
  Space own(std::move(configs));
  own.total = whole.total;
  own.legal = whole.legal;
  own.removals = whole.removals;
  for (size_t favourite : whole.favourites)
    if (std::optional<size_t> index = own.find(whole[favourite].text()))
      own.favourites.push_back(*index);
  return own;
}

Result<TuneOutcome> tune(const Problem &problem, Laboratory &laboratory, Database &database,
                         const TuneOptions &options) {
  if (Status status = checkOptions(options); !status)
    return status.takeError();
  Result<Space> space = options.configs ? Result<Space>(*options.configs)
                                        : Space::of(problem.op, problem.target, options.space);
  if (!space)
    return space.takeError();
  Space own =
      options.shards > 1 ? shardOfSpace(*space, options.shard, options.shards) : space.take();
  Prior prior = predictTimes(problem, own);
  return tuner::Search(problem, laboratory, database, options, std::move(own), std::move(prior))
      .run();
}

Result<std::vector<KernelRecord>> ranking(const OpDesc &op, const TargetDesc &target,
                                          Database &database, Source source) {
  RecordFilter filter;
  filter.opJson = op.canonicalJson();
  filter.arch = target.arch;
  filter.tuningPoint = op.tuningPointJson();
  Result<std::vector<KernelRecord>> rows = database.list(filter);
  if (!rows)
    return rows.takeError();
  std::vector<KernelRecord> ranked;
  for (KernelRecord &row : *rows)
    if (row.state == TrialState::Ok && row.measurement && row.measurement->source == source &&
        row.stale.empty())
      ranked.push_back(std::move(row));
  std::sort(ranked.begin(), ranked.end(), [](const KernelRecord &a, const KernelRecord &b) {
    return std::pair(a.measurement->medianUs, a.id) < std::pair(b.measurement->medianUs, b.id);
  });
  return ranked;
}

int64_t shardOf(const Problem &problem, int64_t shards) {
  std::string text =
      problem.op.canonicalJson() + '\n' + problem.op.tuningPointJson() + '\n' + problem.target.arch;
  // Eight digits are enough to spread, and leave the sign alone.
  return shards > 1 ? std::stoll(hashText(text).hex().substr(0, 8), nullptr, 16) % shards : 0;
}

} // namespace zorse
