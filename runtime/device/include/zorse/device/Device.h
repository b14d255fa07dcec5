//===- Device.h - buffers, modules, launches --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one small interface that host, emulator and hip stand behind. Calls on one
// stream run in order. A device outlives what it made.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"
#include "zorse/desc/OpDesc.h"
#include "zorse/desc/TargetDesc.h"

#include <memory>
#include <span>

namespace zorse {

/// Device memory. On the host `address()` can be read and written directly.
class Buffer {
public:
  virtual ~Buffer() = default;
  virtual uint64_t address() const = 0;
  virtual size_t size() const = 0; ///< bytes
};

/// A loaded code object.
class Module {
public:
  virtual ~Module() = default;
  virtual const CodeObject &object() const = 0;
};

struct HostDeviceOptions {
  int threads = 0;     ///< 0: one for each hardware thread
  bool pinned = false; ///< pin each worker to a core
};

class Device {
public:
  virtual ~Device() = default;
  virtual const TargetDesc &target() const = 0;
  /// For provenance: CPU or GPU model and driver.
  virtual std::string description() const = 0;

  /// 64-byte aligned, contents undefined.
  virtual Result<std::unique_ptr<Buffer>> allocate(size_t bytes) = 0;
  virtual Status upload(Buffer &to, size_t offset, std::span<const uint8_t> from) = 0;
  virtual Status download(const Buffer &from, size_t offset, std::span<uint8_t> to) = 0;

  /// Loads a code object for this target; a code object of another arch is an error that names
  /// both.
  virtual Result<std::unique_ptr<Module>> load(const CodeObject &object) = 0;

  /// Runs all kernels of the module in order and waits. `slots` is the argument row described in
  /// CodeObject.h; `sizes` are the values of the size slots by name, for the grids.
  virtual Status launch(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) = 0;
};

/// The embedded default: x86-64 code on a thread pool.
Result<std::unique_ptr<Device>> createHostDevice(const HostDeviceOptions &options = {});

} // namespace zorse
