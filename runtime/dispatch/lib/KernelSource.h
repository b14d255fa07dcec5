//===- KernelSource.h - which code runs an op at these sizes ----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/db/Database.h"
#include "zorse/dispatch/Dispatcher.h"

#include <map>
#include <set>

namespace zorse::dispatch {

/// A winner of the database with its sizes read.
struct Candidate {
  KernelRecord record;
  Sizes tunedAt;
};

/// Chooses code: the winner of the bucket, the nearest winner, the miss handler, or an error. A
/// winner whose code cannot be launched is built again, so that what was tuned is what runs.
class KernelSource {
public:
  KernelSource(const Device &device, Database *database, Dispatcher::MissHandler onMiss)
      : target(device.target()), deviceName(device.description()), database(database),
        onMiss(std::move(onMiss)) {}
  void onRebuild(Dispatcher::RebuildHandler handler) { rebuild = std::move(handler); }

  /// The winners of an op, read once when it is prepared.
  Result<std::vector<Candidate>> candidates(const OpDesc &op);

  /// What find() would try, up to the first winner whose code can be launched.
  std::vector<Dispatcher::Winner>
  winners(const OpDesc &op, const std::vector<Candidate> &candidates, const Sizes &bucket);

  /// The code for one bucket. `candidates` are those of the op.
  Result<CodeObject> find(const OpDesc &op, const std::vector<Candidate> &candidates,
                          const Sizes &bucket);

  const std::vector<std::string> &notes() const { return sentences; }

private:
  /// Why the code of a winner cannot be launched.
  struct Obstacle {
    std::string text;
    bool cameWithoutCode = false; ///< from another layer, which is nothing to tell
  };
  Obstacle whyUnusable(const KernelRecord &record, const Error *failure);
  Result<CodeObject> buildAgain(const OpDesc &op, const Candidate &candidate,
                                const Obstacle &obstacle);
  void note(const KernelRecord &record, std::string text);
  Error noKernel(const OpDesc &op, const Sizes &bucket, const std::vector<std::string> &reasons);

  using RecordKey = std::pair<std::string, int64_t>; ///< layer, id

  const TargetDesc &target;
  std::string deviceName;
  Database *database;
  Dispatcher::MissHandler onMiss;
  Dispatcher::RebuildHandler rebuild;
  std::map<RecordKey, Result<CodeObject>> rebuilt;
  std::vector<std::string> sentences;
  std::set<RecordKey> noted; ///< records that the sentences speak of
};

/// The op of the same kind and target that has a winner and whose fields are nearest, in words:
/// "the nearest is {…}, which differs in num_heads (32 there)"; empty if there is none.
Result<std::string> describeNearestOp(const OpDesc &op, const TargetDesc &target,
                                      Database &database);

} // namespace zorse::dispatch
