//===- Device.h - buffers, modules, launches --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one small interface that host, emulator and hip stand behind. A device has one
// stream: uploads, launches and events take place in the order of the calls, each
// after the one before it has finished. A call may return earlier than that; only
// synchronize(), download() and seconds() wait. A device outlives what it made.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"
#include "zorse/desc/OpDesc.h"
#include "zorse/desc/TargetDesc.h"

#include <functional>
#include <memory>
#include <span>

namespace zorse {

/// Device memory. On the host `address()` can be read and written directly. May be dropped while
/// kernels still use it: the device waits for them.
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

/// A moment in the stream, on the device's own clock.
class Event {
public:
  virtual ~Event() = default;
};

/// Launches that were recorded once and can be repeated as one. Refers to the modules and buffers
/// that they use, which must outlive it.
class Graph {
public:
  virtual ~Graph() = default;
  virtual size_t kernels() const = 0; ///< that one replay runs
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
  /// Whether times on its clock are those of its target. An emulator's are not.
  virtual bool timesAreReal() const { return true; }

  /// 64-byte aligned, contents undefined.
  virtual Result<std::unique_ptr<Buffer>> allocate(size_t bytes) = 0;
  virtual Status upload(Buffer &to, size_t offset, std::span<const uint8_t> from) = 0;
  virtual Status download(const Buffer &from, size_t offset, std::span<uint8_t> to) = 0;

  /// Loads a code object for this target; a code object of another arch is an error that names
  /// both.
  virtual Result<std::unique_ptr<Module>> load(const CodeObject &object) = 0;

  /// Runs all kernels of the module in order. `slots` is the argument row described in
  /// CodeObject.h; `sizes` are the values of the size slots by name, for the grids. Both are
  /// copied. Where launches are asynchronous() a fault of a kernel shows in a later call, in
  /// synchronize() at the latest.
  virtual Status launch(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) = 0;

  /// Whether launch() may return before its kernels have finished. Then it pays to record what is
  /// launched again and again, and a time on the caller's clock says nothing without synchronize().
  virtual bool asynchronous() const = 0;
  /// Waits for everything so far and reports what went wrong in it.
  virtual Status synchronize() = 0;

  /// Marks this moment of the stream.
  virtual Result<std::unique_ptr<Event>> record() = 0;
  /// From one event to a later one; waits for both.
  virtual Result<double> seconds(const Event &from, const Event &to) = 0;

  /// Calls `body` and records the launches that it makes instead of running them. Anything but a
  /// launch in there is a Usage error, so code must be loaded and buffers allocated before. An
  /// error of the body is passed on, and nothing is kept. Only the calling thread may use the
  /// device meanwhile.
  virtual Result<std::unique_ptr<Graph>> capture(const std::function<Status()> &body) = 0;
  /// Runs the recorded launches with the slots and sizes that they were recorded with.
  virtual Status replay(Graph &graph) = 0;
};

/// The embedded default: x86-64 code on a thread pool.
Result<std::unique_ptr<Device>> createHostDevice(const HostDeviceOptions &options = {});

} // namespace zorse
