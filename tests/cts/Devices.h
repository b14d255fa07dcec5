//===- Devices.h - which devices the suite runs on -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/Device.h"

#include <array>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace zorse::cts {

struct DeviceUnderTest {
  std::string name;
  std::function<Result<std::unique_ptr<Device>>()> create;
  std::string kernels; ///< file with the suite's kernels for this device
  std::array<int64_t, 3> block = {1, 1, 1};
  /// Tests that this device cannot pass, each with the reason.
  std::vector<std::pair<std::string, std::string>> skips = {};
};

/// How googletest shows one.
inline void PrintTo(const DeviceUnderTest &under, std::ostream *to) { *to << under.name; }

/// Each test program lists its own.
const std::vector<DeviceUnderTest> &devices();

/// All bytes of a file that the build made for the suite.
std::vector<uint8_t> readObject(const std::string &file);

/// A code object of the suite's kernels: their symbols with one grid each, and its arguments.
CodeObject
makeObject(const Device &device, const DeviceUnderTest &under,
           const std::vector<std::pair<std::string, std::array<std::string, 3>>> &kernels,
           const std::vector<std::string> &operands, const std::vector<std::string> &workspaces,
           const std::vector<std::string> &sizes);

} // namespace zorse::cts
