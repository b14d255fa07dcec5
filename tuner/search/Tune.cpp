//===- Tune.cpp - finds the fastest correct configuration -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/tuner/Tuner.h"

#include "search/Search.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse {

Result<TuneOutcome> tune(const OpDesc &op, const TargetDesc &target, Device *device,
                         Database &database, const TuneOptions &options) {
  if (!device && target.isHost())
    return usageError(
        fmt::format("tuning for {} measures and needs a device, none was given", target.arch));
  if (device && (device->target().isHost() != target.isHost() ||
                 (!target.isHost() && device->target().arch != target.arch)))
    return usageError(fmt::format("tuning for {} needs a device that runs it, this one runs {}",
                                  target.arch, device->target().arch));
  return tuner::Search(op, target, device, database, options).run();
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
    if (row.state == TrialState::Ok && row.measurement && row.measurement->source == source)
      ranked.push_back(std::move(row));
  std::sort(ranked.begin(), ranked.end(), [](const KernelRecord &a, const KernelRecord &b) {
    return std::pair(a.measurement->medianUs, a.id) < std::pair(b.measurement->medianUs, b.id);
  });
  return ranked;
}

} // namespace zorse
