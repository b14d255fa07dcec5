//===- SynchronousDevice.cpp - launches that wait -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/device/SynchronousDevice.h"

#include "zorse/device/LaunchChecks.h"

#include <chrono>
#include <cstring>

namespace zorse {

namespace {

using Clock = std::chrono::steady_clock;

struct Moment final : Event {
  Clock::time_point time = Clock::now();
};

struct RecordedLaunch {
  Module *module;
  std::vector<uint64_t> slots;
  Sizes sizes;
};

} // namespace

struct SynchronousDevice::Recording final : Graph {
  size_t kernels() const override { return kernelCount; }
  std::vector<RecordedLaunch> launches;
  size_t kernelCount = 0;
};

Status SynchronousDevice::upload(Buffer &to, size_t offset, std::span<const uint8_t> from) {
  for (Status status : {mayNot("upload"), checkCopy("upload", to, offset, from.size())})
    if (!status)
      return status;
  if (!from.empty())
    std::memcpy(reinterpret_cast<uint8_t *>(to.address()) + offset, from.data(), from.size());
  return Status::success();
}

Status SynchronousDevice::download(const Buffer &from, size_t offset, std::span<uint8_t> to) {
  for (Status status : {mayNot("download"), checkCopy("download", from, offset, to.size())})
    if (!status)
      return status;
  if (!to.empty())
    std::memcpy(to.data(), reinterpret_cast<const uint8_t *>(from.address()) + offset, to.size());
  return Status::success();
}

Status SynchronousDevice::launch(Module &module, std::span<const uint64_t> slots,
                                 const Sizes &sizes) {
  Recording *into = recording.load(std::memory_order_acquire);
  if (!into)
    return run(module, slots, sizes);
  // What a device with real graphs would refuse here must not wait for the replay.
  if (Status status = checkSlots(module.object(), slots); !status)
    return status;
  Grids known;
  Result<std::span<const Grid>> grids = known.of(module.object(), sizes);
  if (!grids)
    return grids.takeError();
  into->launches.push_back({&module, {slots.begin(), slots.end()}, sizes});
  for (const Grid &grid : *grids)
    into->kernelCount += grid[0] * grid[1] * grid[2] > 0;
  return Status::success();
}

Status SynchronousDevice::mayNot(const char *call) const {
  if (recording.load(std::memory_order_acquire))
    return notInCapture(call);
  return Status::success();
}

Status SynchronousDevice::synchronize() { return mayNot("synchronize"); }

Result<std::unique_ptr<Event>> SynchronousDevice::record() {
  if (Status status = mayNot("record"); !status)
    return status.takeError();
  return std::unique_ptr<Event>(std::make_unique<Moment>());
}

Result<double> SynchronousDevice::seconds(const Event &from, const Event &to) {
  if (Status status = mayNot("seconds"); !status)
    return status.takeError();
  return std::chrono::duration<double>(static_cast<const Moment &>(to).time -
                                       static_cast<const Moment &>(from).time)
      .count();
}

Result<std::unique_ptr<Graph>> SynchronousDevice::capture(const std::function<Status()> &body) {
  auto graph = std::make_unique<Recording>();
  Recording *none = nullptr;
  if (!recording.compare_exchange_strong(none, graph.get()))
    return mayNot("capture").takeError();
  Status status = body();
  recording.store(nullptr, std::memory_order_release);
  if (!status)
    return status.takeError();
  return std::unique_ptr<Graph>(std::move(graph));
}

Status SynchronousDevice::replay(Graph &graph) {
  if (Status status = mayNot("replay"); !status)
    return status;
  for (const RecordedLaunch &each : static_cast<Recording &>(graph).launches)
    if (Status status = run(*each.module, each.slots, each.sizes); !status)
      return status;
  return Status::success();
}

} // namespace zorse
