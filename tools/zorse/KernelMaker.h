//===- KernelMaker.h - compiles what the database lacks ---------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Progress.h"

#include "zorse/db/Database.h"
#include "zorse/desc/CodeObject.h"
#include "zorse/desc/KernelConfig.h"

namespace zorse::tool {

/// Makes kernels with their default configuration for keys without a winner. What it compiles is
/// remembered in the database, as compiled but neither verified nor measured, so that it is never
/// a winner and yet need not be compiled again.
class KernelMaker {
public:
  KernelMaker(const TargetDesc &target, Database &database) : target(target), database(database) {}

  /// The kernels of one op at these sizes. The miss handler of a dispatcher.
  Result<CodeObject> make(const OpDesc &op, const Sizes &sizes);

  /// The code of a winner that may not or cannot be launched, built again and stored in the user's
  /// database. The rebuild handler of a dispatcher.
  Result<CodeObject> makeAgain(const OpDesc &op, const KernelRecord &record);

  /// Compiles what `ops` lack at their tuning points on several threads, ahead of their use. Stops
  /// early when a signal asks for it.
  Status prepare(const std::vector<OpDesc> &ops, int threads, Progress &progress);

  int64_t compiled() const { return numCompiled; } ///< this time
  int64_t rebuilt() const { return numRebuilt; }   ///< winners whose code was built again
  int64_t recalled() const { return numRecalled; } ///< taken from the database, not tuned
  double seconds() const { return spent; }         ///< wall clock in here, all calls

private:
  struct Task;
  using Key = std::pair<Hash128, std::string>; ///< op, configuration

  Result<bool> hasWinner(const OpDesc &op);
  Result<bool> recall(const Task &task);
  Status remember(const std::vector<const Task *> &tasks, std::vector<CodeObject> objects);
  Status compileAll(std::vector<Task> &tasks, int threads, Progress &progress);

  const TargetDesc &target;
  Database &database;
  std::map<Key, CodeObject> made;
  std::map<Hash128, bool> winnerKnown;
  int64_t numCompiled = 0, numRecalled = 0, numRebuilt = 0;
  double spent = 0;
};

} // namespace zorse::tool
