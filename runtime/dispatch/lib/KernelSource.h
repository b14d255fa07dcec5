//===- KernelSource.h - which code runs an op at these sizes ----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/db/Database.h"
#include "zorse/dispatch/Dispatcher.h"

#include <set>

namespace zorse::dispatch {

/// A winner of the database with its sizes read.
struct Candidate {
  KernelRecord record;
  Sizes tunedAt;
};

/// Chooses code: the winner of the bucket, the nearest winner, the miss handler, or an error.
class KernelSource {
public:
  KernelSource(const TargetDesc &target, Database *database, Dispatcher::MissHandler onMiss)
      : target(target), database(database), onMiss(std::move(onMiss)) {}

  /// The winners of an op, read once when it is prepared.
  Result<std::vector<Candidate>> candidates(const OpDesc &op);

  /// The code for one bucket. `candidates` are those of the op.
  Result<CodeObject> find(const OpDesc &op, const std::vector<Candidate> &candidates,
                          const Sizes &bucket);

  const std::vector<std::string> &notes() const { return passedOver; }

private:
  Error noKernel(const OpDesc &op, const Sizes &bucket, const std::vector<std::string> &reasons);

  const TargetDesc &target;
  Database *database;
  Dispatcher::MissHandler onMiss;
  std::vector<std::string> passedOver;
  std::set<int64_t> notedTrials; ///< ids of records that passedOver speaks of
};

/// The op of the same kind and target that has a winner and whose fields are nearest, in words:
/// "the nearest is {…}, which differs in num_heads (32 there)"; empty if there is none.
Result<std::string> describeNearestOp(const OpDesc &op, const TargetDesc &target,
                                      Database &database);

} // namespace zorse::dispatch
