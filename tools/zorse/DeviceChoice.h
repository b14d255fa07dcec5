//===- DeviceChoice.h - where a verb runs its kernels -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include "zorse/device/Device.h"

namespace zorse {
class EmulatorDevice;
}

namespace zorse::tool {

/// The options --device, --arch, --threads, --pin and --checks of a verb.
struct DeviceChoice {
  std::string name = "host", arch;
  int threads = 0;
  bool pinned = false, checks = false;
};

void addDeviceOptions(CLI::App &verb, DeviceChoice &choice);

struct OpenedDevice {
  std::unique_ptr<Device> device;
  EmulatorDevice *emulator = nullptr; ///< the same device, when it is one
};

/// Errors: Usage for options that do not go together; Device for one that is not here.
Result<OpenedDevice> openDevice(const Tool &tool, const DeviceChoice &choice);

/// What an emulator has counted since the last clear, by kernel and together; `tokens` divides.
/// Null for other devices. Source: simulated.
Json countsJson(const OpenedDevice &device, int64_t tokens);
/// The same for people, several lines; empty for other devices.
std::string describeCounts(const OpenedDevice &device, const std::string &phase, int64_t tokens);
void clearCounts(const OpenedDevice &device);

} // namespace zorse::tool
