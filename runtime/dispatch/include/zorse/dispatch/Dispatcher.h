//===- Dispatcher.h - look up, load, launch ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/Device.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace zorse {

class Database;

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

  /// A prepared op: its kernels for the tuning buckets met so far.
  class Kernel;
  /// Finds (or makes) the handle of an op. Cheap to call again with the same op.
  Result<Kernel *> prepare(const OpDesc &op);

  /// Launches and waits. `operands` are device addresses in the order of OpDesc::operands();
  /// `sizes` must give every size of the spec. Workspace comes from a pool of the dispatcher.
  Status launch(Kernel &kernel, std::span<const uint64_t> operands, const Sizes &sizes);

  /// Time spent in kernels so far by op kind, in seconds, and launches (source: measured).
  struct KindTime {
    double seconds = 0;
    int64_t launches = 0;
  };
  std::map<std::string, KindTime> times() const;
  /// Winners that were passed over, and why (their code is missing or damaged), as sentences for a
  /// tool to show.
  const std::vector<std::string> &notes() const;
  Device &device();

private:
  struct State;
  std::unique_ptr<State> state;
};

/// The sizes rounded up to the bucket that they are tuned at: each size to a power of two, `tokens`
/// up to 16 exactly as 1, 2, 4, 8, 16.
Sizes bucketOf(const OpSpec &spec, const Sizes &sizes);

} // namespace zorse
