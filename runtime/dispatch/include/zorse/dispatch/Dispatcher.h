//===- Dispatcher.h - look up, load, launch ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/db/Database.h"
#include "zorse/device/Device.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zorse {

/// Runs ops by name of operand. For every op and bucket of sizes it takes the winner of the
/// database, loads its code once and keeps it. A library never compiles: a miss is an error that
/// names the op, the target and the nearest key; a tool may install a fallback that compiles.
/// Not thread safe.
class Dispatcher {
public:
  /// Makes the code object for an op at these sizes (a bucket), for a key that the database lacks.
  /// Called once for each op and bucket.
  using MissHandler = std::function<Result<CodeObject>(const OpDesc &op, const Sizes &sizes)>;

  Dispatcher(Device &device, Database *database, MissHandler onMiss = {});
  ~Dispatcher();

  /// Compiles the configuration of a winner again, whose code may not or cannot be launched: it is
  /// absent, damaged, or made by somebody whose key is not trusted. `op` stands at the tuning point
  /// of the record. Called at most once for each record.
  using RebuildHandler = std::function<Result<CodeObject>(const OpDesc &op, const KernelRecord &)>;
  /// Without one such a winner is passed over.
  void onRebuild(RebuildHandler handler);

  /// A prepared op: its kernels for the tuning buckets met so far.
  class Kernel;
  /// Finds (or makes) the handle of an op. Cheap to call again with the same op.
  Result<Kernel *> prepare(const OpDesc &op);

  /// A winner that a launch would try.
  struct Winner {
    OpDesc op; ///< at the sizes that it was tuned for
    KernelRecord record;
    std::string obstacle;         ///< why its code cannot be launched; empty if it can
    bool cameWithoutCode = false; ///< from another layer, which is nothing to tell
  };
  /// The winners that a launch of the op at these sizes would try, in this order, up to the first
  /// whose code can be launched: so that a tool can build ahead those before it. Empty where the
  /// miss handler would be asked.
  Result<std::vector<Winner>> winners(const OpDesc &op, const Sizes &sizes);

  /// Launches. `operands` are device addresses in the order of OpDesc::operands(); `sizes` must
  /// give every size of the spec. Workspace comes from a pool of the dispatcher. May return before
  /// the kernels have finished, as Device::launch() may.
  Status launch(Kernel &kernel, std::span<const uint64_t> operands, const Sizes &sizes);

  /// Launches that were recorded once, with the workspaces that they use.
  class Recording;
  /// Records the launches of this dispatcher that `body` makes instead of running them. Their code
  /// must be loaded and their workspaces made, so make the same launches once before.
  Result<std::unique_ptr<Recording>> record(const std::function<Status()> &body);
  /// Runs them again, with the operands and sizes that they were recorded with.
  Status replay(Recording &recording);

  /// Time spent in kernels so far by op kind, in seconds, and launches (source: measured). Replayed
  /// launches count, but have no time of their own; neither have others on a device whose launches
  /// are asynchronous, unless timeLaunches() says so.
  struct KindTime {
    double seconds = 0;
    int64_t launches = 0;
  };
  std::map<std::string, KindTime> times() const;
  /// Whether to wait for every launch on an asynchronous device, for its time by the device's
  /// clock.
  void timeLaunches(bool wanted);
  bool timesLaunches() const;
  /// Winners whose code was built again, or that were passed over, and why (it is missing, damaged
  /// or not trusted), as sentences for a tool to show.
  const std::vector<std::string> &notes() const;
  Device &device();

private:
  struct State;
  std::unique_ptr<State> state;
};

class Dispatcher::Recording {
public:
  size_t kernels() const { return graph->kernels(); } ///< that a replay runs

private:
  friend class Dispatcher;
  friend struct Dispatcher::State;
  std::vector<std::pair<KindTime *, int64_t>> launches; ///< of a replay, by kind
  std::vector<std::shared_ptr<Buffer>> workspaces;      ///< kept where the graph knows them
  std::unique_ptr<Graph> graph;
};

/// The sizes rounded up to the bucket that they are tuned at: each size to a power of two, `tokens`
/// up to 16 exactly as 1, 2, 4, 8, 16.
Sizes bucketOf(const OpSpec &spec, const Sizes &sizes);

/// How far apart two sets of sizes are, in doublings: what "nearest" means in the choice of a
/// winner. Infinity for sets of different names.
double tuningDistance(const Sizes &a, const Sizes &b);

/// The sizes of a record's tuning point, or nullopt if the text is not an object of integers.
std::optional<Sizes> parseTuningPoint(const std::string &json);

} // namespace zorse
