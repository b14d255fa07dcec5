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
#include "zorse/dispatch/Dispatcher.h"

namespace zorse::tool {

/// Makes kernels with their default configuration for keys without a winner, and those of winners
/// whose code cannot be launched. What it compiles is remembered in the user's database, as
/// compiled but neither verified nor measured, so that it is never a winner and yet need not be
/// compiled again.
class KernelMaker {
public:
  KernelMaker(const TargetDesc &target, Database &database) : target(target), database(database) {}

  /// The kernels of one op at these sizes. The miss handler of a dispatcher.
  Result<CodeObject> make(const OpDesc &op, const Sizes &sizes);

  /// The code of a winner that may not or cannot be launched, built again. The rebuild handler of
  /// a dispatcher.
  Result<CodeObject> makeAgain(const OpDesc &op, const KernelRecord &record);

  /// Compiles what launches of `ops` at their tuning points will lack, winners included, on
  /// several threads, ahead of their use. Stops early when a signal asks for it.
  Status prepare(const std::vector<OpDesc> &ops, Dispatcher &dispatcher, int threads,
                 Progress &progress);

  /// A kernel that is wanted: the code of a winner, or else the defaults at the op's sizes.
  struct Wanted {
    OpDesc op; ///< at its tuning point
    std::optional<KernelRecord> winner;
  };
  /// The same for these kernels; make() and makeAgain() then find them.
  Status prepare(const std::vector<Wanted> &kernels, int threads, Progress &progress);

  int64_t compiled() const { return numCompiled; }   ///< this time, not tuned
  int64_t recalled() const { return numRecalled; }   ///< taken from the database, not tuned
  int64_t rebuilt() const { return numRebuilt; }     ///< winners whose code was built this time
  int64_t differing() const { return numDiffering; } ///< winners that are other code than measured
  /// Winners that came with code and yet were built ahead, and why, as sentences.
  const std::vector<std::string> &notes() const { return sentences; }
  double seconds() const { return spent; } ///< wall clock in here, all calls

private:
  struct Task;
  using Key = std::pair<Hash128, std::string>; ///< op, configuration

  Result<std::optional<Task>> taskFor(const OpDesc &op, Dispatcher &dispatcher);
  Result<bool> recall(const Task &task);
  Result<CodeObject> compileOne(const Task &task);
  Status remember(const std::vector<const Task *> &tasks, std::vector<CodeObject> objects);
  /// Compiles those that were neither made nor remembered.
  Status prepare(std::vector<Task> tasks, int threads, Progress &progress);
  Status compileAll(std::vector<Task> &tasks, int threads, Progress &progress);

  const TargetDesc &target;
  Database &database;
  std::map<Key, CodeObject> made;
  std::vector<std::string> sentences;
  int64_t numCompiled = 0, numRecalled = 0, numRebuilt = 0, numDiffering = 0;
  double spent = 0;
};

} // namespace zorse::tool
