//===- HostModule.h - a loaded host code object -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "SharedObject.h"

#include "zorse/device/LaunchChecks.h"

#include <atomic>

namespace zorse::host {

using KernelFunction = void (*)(const uint64_t *slots, int64_t x, int64_t y, int64_t z);

class HostModule final : public Module {
public:
  static Result<std::unique_ptr<HostModule>> load(const CodeObject &object);

  const CodeObject &object() const override { return code; }

  struct Kernel {
    KernelFunction function = nullptr;
    /// Time of one workgroup as last seen, in nanoseconds; 0 before the first launch. Decides
    /// whether a launch is worth sharing out, so it may be stale but not torn.
    std::atomic<float> groupNanos = 0;
  };
  std::vector<Kernel> &kernels() { return functions; }

  /// The workgroups of each kernel at these sizes.
  Result<std::span<const Grid>> grids(const Sizes &sizes) { return byLaunch.of(code, sizes); }

private:
  HostModule(const CodeObject &object, SharedObject library, size_t kernels)
      : code(object), library(std::move(library)), functions(kernels) {}

  CodeObject code;
  SharedObject library;
  std::vector<Kernel> functions;
  Grids byLaunch;
};

} // namespace zorse::host
