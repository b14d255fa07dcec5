//===- State.h - the objects of the fake HIP --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that a stream is given waits in its queue until someone synchronizes,
// so a caller that does not wait sees that nothing has happened yet. Handles are
// checked against the objects that live; a kernel that fails makes the GPU
// unusable, as hardware does.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "HipApi.h"

#include "zorse/emulator/Machine.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace zorse::fakehip {

struct Gpu {
  std::unique_ptr<emulator::Machine> machine;
  int lost = hip::Success; ///< why no call works any more
};

struct LoadedModule {
  int device = 0;
  std::unique_ptr<emulator::Image> image;
  bool unloaded = false;
};

struct Function {
  std::shared_ptr<LoadedModule> module;
  const emulator::KernelDescription *kernel = nullptr;
};

struct KernelNode {
  std::shared_ptr<Function> function;
  emulator::LaunchShape shape;
  std::vector<uint8_t> arguments;
};

struct CapturedGraph {
  std::vector<KernelNode> nodes;
};

struct Exec {
  std::vector<KernelNode> nodes;
  int inFlight = 0; ///< launches that wait in a queue
};

struct Event {
  int device = 0;
  bool timed = true, recorded = false, pending = false;
  std::chrono::steady_clock::time_point time;
  hip::StreamHandle stream = nullptr;
};

struct Stream {
  int device = 0;
  std::deque<std::function<int()>> queue;
  enum class Capture { None, Active, Invalidated } capture = Capture::None;
  std::thread::id capturingThread;
  int captureMode = 0;
  std::shared_ptr<CapturedGraph> captured;
};

/// Live objects of one kind by their handle.
template <typename Handle, typename T> class Table {
public:
  Handle add(std::shared_ptr<T> object) {
    const auto handle = reinterpret_cast<Handle>(object.get());
    live.emplace(handle, std::move(object));
    return handle;
  }
  std::shared_ptr<T> find(Handle handle) const {
    auto found = live.find(handle);
    return found == live.end() ? nullptr : found->second;
  }
  void remove(Handle handle) { live.erase(handle); }
  template <typename Predicate> void removeIf(Predicate predicate) {
    std::erase_if(live, [&](const auto &entry) { return predicate(*entry.second); });
  }
  size_t size() const { return live.size(); }
  auto begin() const { return live.begin(); }
  auto end() const { return live.end(); }

private:
  std::map<Handle, std::shared_ptr<T>> live;
};

struct State {
  State();

  std::recursive_mutex mutex;
  bool initialised = false;
  std::vector<Gpu> gpus;
  Table<hip::StreamHandle, Stream> streams;
  Table<hip::EventHandle, Event> events;
  Table<hip::ModuleHandle, LoadedModule> modules;
  Table<hip::FunctionHandle, Function> functions;
  Table<hip::GraphHandle, CapturedGraph> graphs;
  Table<hip::GraphExecHandle, Exec> execs;
  std::map<uint64_t, int> memory;                         ///< device allocations, their GPU
  std::map<uintptr_t, std::unique_ptr<uint8_t[]>> pinned; ///< host allocations
  std::map<uintptr_t, size_t> pinnedBytes;

  std::string log;
  std::ofstream logFile;
  struct Failure {
    std::string function;
    int left, code;
  };
  std::vector<Failure> failures;

  /// GPUs of these architectures; false for a name that the emulator does not run.
  bool setGpus(const std::string &archs);
  size_t liveObjects() const;
  /// The code with which this call shall fail, if any.
  int injected(const std::string &function);
  void note(const std::string &function, const std::string &arguments, int code);

  /// Runs what waits; the error of the first that fails stays with the GPU.
  int flush(Stream &stream);
  int flushDevice(int device);
  /// Runs one kernel now.
  int run(const KernelNode &node);
  /// Whether the calling thread captures, which then becomes invalid.
  bool breaksCapture();
  bool isPinned(const void *memory, size_t bytes) const;
};

State &state();
/// The GPU that the calling thread has chosen.
int &currentDevice();

} // namespace zorse::fakehip
