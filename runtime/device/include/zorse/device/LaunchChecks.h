//===- LaunchChecks.h - what every device asks of a call --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared by the devices, so that a wrong call reads the same on all of them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/Device.h"

#include <array>

namespace zorse {

/// `bytes` at `offset` lie inside of the buffer; `what` is "upload" or "download".
Status checkCopy(std::string_view what, const Buffer &buffer, size_t offset, size_t bytes);

/// As many slots as the code has arguments.
Status checkSlots(const CodeObject &object, std::span<const uint64_t> slots);

/// The error for a `call`, such as "upload", that capture() rules out.
Error notInCapture(std::string_view call);

/// Workgroups of one kernel; a launch of none runs nothing.
using Grid = std::array<int64_t, 3>;

/// The workgroups of each kernel of a code object by the sizes of a launch. Remembers the sizes met
/// last. Not thread safe.
class Grids {
public:
  Grids();
  /// Valid until the next call, and while this object lives. Errors name the kernel.
  Result<std::span<const Grid>> of(const CodeObject &object, const Sizes &sizes);

private:
  struct Known {
    Sizes sizes;
    std::vector<Grid> grids;
  };
  std::vector<Known> known;
  size_t nextVictim = 0;
};

} // namespace zorse
