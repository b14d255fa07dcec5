//===- Machine.h - a GPU that executes AMD code objects ---------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulator below the device interface: memory, code objects, launches. It
// runs any code object of its targets, ours or foreign. Loads and stores outside
// of allocated memory, and instructions that it does not know, stop a launch
// with an error that names kernel, PC and disassembly; nothing is skipped.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/emulator/Counts.h"

#include "zorse/desc/Status.h"
#include "zorse/desc/TargetDesc.h"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zorse::emulator {

struct MachineOptions {
  int threads = 0;     ///< 0: one for each hardware thread
  bool checks = false; ///< the faults that hardware lets pass; several times slower
  /// Instructions of one wave, beyond which it counts as endless; 0: no limit.
  uint64_t maxInstructions = 0;
};

/// One hidden or visible argument as the metadata of a code object tells it.
struct ArgumentInfo {
  std::string name, kind; ///< .name (may be empty) and .value_kind
  uint32_t offset = 0, size = 0;
};

/// A kernel as its descriptor and, where there is one, the metadata tell it.
struct KernelDescription {
  std::string name;
  uint32_t kernargBytes = 0, staticLdsBytes = 0, scratchBytesPerLane = 0;
  uint32_t vgprs = 0, sgprs = 0; ///< allocated; vgprs are architected and accumulation together
  bool hasMetadata = false;
  std::vector<ArgumentInfo> arguments;               ///< empty without metadata
  std::array<uint32_t, 3> requiredBlock = {0, 0, 0}; ///< 0 where it says nothing
  uint32_t maxWorkgroupThreads = 1024;
};

/// A code object in the memory of the machine.
class Image {
public:
  virtual ~Image() = default;
  virtual const std::vector<KernelDescription> &kernels() const = 0;
};

struct LaunchShape {
  std::array<uint32_t, 3> grid = {1, 1, 1};   ///< work-items; may end in a partial workgroup
  std::array<uint32_t, 3> block = {64, 1, 1}; ///< work-items of a workgroup
  uint32_t dynamicLdsBytes = 0;
};

class Machine {
public:
  /// Errors (Device): a target whose code this machine does not execute.
  static Result<std::unique_ptr<Machine>> create(const TargetDesc &target,
                                                 const MachineOptions &options = {});
  virtual ~Machine() = default;
  virtual const TargetDesc &target() const = 0;
  virtual const MachineOptions &options() const = 0;

  /// Memory that kernels and the caller both see at the address returned; 256-byte aligned,
  /// contents undefined (0xa5 when checks are on). `bytes` may be 0.
  virtual Result<uint64_t> allocate(size_t bytes) = 0;
  /// Errors (Usage): not the start of an allocation.
  virtual Status release(uint64_t address) = 0;
  /// The bytes from `address` to the end of its allocation; 0 outside of any.
  virtual size_t sizeAt(uint64_t address) const = 0;

  /// Errors: Usage for a damaged or foreign file; Device for another arch, naming both.
  virtual Result<std::unique_ptr<Image>> load(std::span<const uint8_t> elf) = 0;

  /// Runs one kernel to its end. `kernarg` are the explicit arguments as the code object lays them
  /// out; the hidden ones that follow are written here. `readOnly` names allocations (by any
  /// address inside) that the kernel must not write.
  /// Errors: Usage for a shape that does not fit; Runtime for a fault of the kernel.
  virtual Result<Counts> launch(const Image &image, const std::string &kernel,
                                const LaunchShape &shape, std::span<const uint8_t> kernarg,
                                std::span<const uint64_t> readOnly = {}) = 0;
};

} // namespace zorse::emulator
