//===- EmulatorDevice.h - AMD code behind the device interface --*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/emulator/Machine.h"

#include "zorse/device/SynchronousDevice.h"

namespace zorse {

/// A device that executes AMD code objects instruction by instruction and counts. With
/// checks on, kernels must also leave alone what their op only reads. Launches wait.
class EmulatorDevice : public SynchronousDevice {
public:
  /// Counts of all launches since the start or the last clear, by kernel symbol.
  virtual const std::map<std::string, emulator::Counts> &counts() const = 0;
  virtual void clearCounts() = 0;
};

/// Errors: Usage for a bad option; Device for a target that is not AMD or not executed here,
/// naming those that are.
Result<std::unique_ptr<EmulatorDevice>>
createEmulatorDevice(const TargetDesc &target, const emulator::MachineOptions &options = {});

} // namespace zorse
