//===- HostDevice.cpp - x86-64 code on a thread pool -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "HostModule.h"
#include "ThreadPool.h"

#include "zorse/device/LaunchChecks.h"
#include "zorse/device/SynchronousDevice.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <mutex>
#include <sys/mman.h>
#include <thread>

namespace zorse {
using namespace host;

namespace {

constexpr size_t hugePage = size_t(2) << 20;

class HostBuffer final : public Buffer {
public:
  HostBuffer(void *memory, size_t bytes) : memory(memory), bytes(bytes) {}
  ~HostBuffer() override { std::free(memory); }
  uint64_t address() const override { return reinterpret_cast<uint64_t>(memory); }
  size_t size() const override { return bytes; }

private:
  void *memory;
  size_t bytes;
};

/// One launch of one kernel, as the pool sees it.
struct GridRun {
  KernelFunction function;
  const uint64_t *slots;
  Grid grid;
  std::thread::id caller;
  double firstNanos = 0; ///< of one workgroup; written by the caller's thread alone

  void runGroup(int64_t i) const {
    function(slots, i % grid[0], i / grid[0] % grid[1], i / (grid[0] * grid[1]));
  }
  static void runGroups(void *context, int64_t first, int64_t last) {
    GridRun &run = *static_cast<GridRun *>(context);
    if (std::this_thread::get_id() == run.caller && run.firstNanos == 0) {
      auto start = std::chrono::steady_clock::now();
      run.runGroup(first++);
      std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
      run.firstNanos = std::max(1.0, elapsed.count());
    }
    for (int64_t i = first; i < last; ++i)
      run.runGroup(i);
  }
};

class HostDevice final : public SynchronousDevice {
public:
  explicit HostDevice(const TargetDesc &row, const HostDeviceOptions &options)
      : pool(options.threads > 0 ? options.threads : std::max(1, row.computeUnits), options.pinned),
        desc(row) {
    desc.computeUnits = pool.threads();
  }

  const TargetDesc &target() const override { return desc; }
  std::string description() const override {
    return fmt::format("{}, using {}", hostDeviceName(), pool.threads());
  }

  Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override {
    if (Status status = mayNot("allocate"); !status)
      return status.takeError();
    // Whole huge pages where they pay: weights and caches are read from end to end.
    bool large = bytes >= 2 * hugePage;
    size_t alignment = large ? hugePage : 64;
    size_t rounded = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    void *memory = rounded < bytes ? nullptr : std::aligned_alloc(alignment, rounded);
    if (!memory)
      return runtimeError(fmt::format("no memory for a buffer of {} bytes", bytes));
    if (large)
      madvise(memory, rounded, MADV_HUGEPAGE);
    return std::unique_ptr<Buffer>(new HostBuffer(memory, bytes));
  }

  Result<std::unique_ptr<Module>> load(const CodeObject &object) override {
    for (Status status : {mayNot("load"), checkArch(object.arch)})
      if (!status)
        return status.takeError();
    Result<std::unique_ptr<HostModule>> module = HostModule::load(object);
    if (!module)
      return module.takeError();
    return std::unique_ptr<Module>(module.take());
  }

private:
  Status run(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) override {
    auto &loaded = static_cast<HostModule &>(module);
    if (Status status = checkSlots(loaded.object(), slots); !status)
      return status;
    std::lock_guard lock(launching);
    Result<std::span<const Grid>> grids = loaded.grids(sizes);
    if (!grids)
      return grids.takeError();
    for (size_t k = 0; k < loaded.kernels().size(); ++k)
      runKernel(loaded.kernels()[k], slots.data(), (*grids)[k]);
    return Status::success();
  }

  Status checkArch(const std::string &arch) {
    auto rows = allTargets();
    auto row = std::find_if(rows.begin(), rows.end(),
                            [&](const TargetDesc &target) { return target.arch == arch; });
    if (row == rows.end() || !row->isHost())
      return Error{ErrorCode::Device,
                   fmt::format("a code object for {} cannot run on the host ({}); compile it for "
                               "the target \"host\"",
                               arch.empty() ? "no target" : arch, desc.arch)};
    if (row->vectorBits > desc.vectorBits || (row->hasBf16Convert && !desc.hasBf16Convert) ||
        (row->hasBf16Dot && !desc.hasBf16Dot))
      return Error{ErrorCode::Device,
                   fmt::format("a code object for {} needs instructions that this CPU lacks, its "
                               "level is {}; compile it for the target \"host\"",
                               arch, desc.arch)};
    return Status::success();
  }

  /// Shares the workgroups out, or runs them here where waking a worker would cost more.
  void runKernel(HostModule::Kernel &kernel, const uint64_t *slots, const Grid &grid) {
    constexpr float shareAboveNanos = 4000;
    int64_t count = grid[0] * grid[1] * grid[2];
    if (count == 0)
      return;
    GridRun run{kernel.function, slots, grid, std::this_thread::get_id()};
    float before = kernel.groupNanos.load(std::memory_order_relaxed);
    if (before > 0 && before * float(count) < shareAboveNanos)
      GridRun::runGroups(&run, 0, count);
    else
      pool.run(count, std::max<int64_t>(1, count / (8 * pool.threads())), GridRun::runGroups, &run);
    if (run.firstNanos == 0) // the workers were faster than the caller
      return;
    // One slow run, such as the first, must not hide what the others show.
    float now = float(run.firstNanos);
    kernel.groupNanos.store(before > 0 ? std::min(now, 0.75f * before + 0.25f * now) : now,
                            std::memory_order_relaxed);
  }

  ThreadPool pool;
  TargetDesc desc;
  std::mutex launching;
};

} // namespace

Result<std::unique_ptr<Device>> createHostDevice(const HostDeviceOptions &options) {
  if (options.threads < 0 || options.threads > 1024)
    return usageError(fmt::format(
        "threads is {}, legal are 0 (one for each hardware thread) to 1024", options.threads));
  Result<TargetDesc> row = findTarget("host");
  if (!row)
    return row.takeError();
  return std::unique_ptr<Device>(new HostDevice(*row, options));
}

} // namespace zorse
