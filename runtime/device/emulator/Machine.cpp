//===- Machine.cpp - memory, code objects, launches -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/emulator/Machine.h"

#include "HiddenArguments.h"
#include "Launch.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <thread>

namespace zorse::emulator {

namespace {

constexpr size_t allocationAlignment = 256;

struct AlignedDelete {
  void operator()(uint8_t *memory) const {
    ::operator delete[](memory, std::align_val_t(allocationAlignment));
  }
};

struct Allocation {
  std::unique_ptr<uint8_t[], AlignedDelete> memory;
  size_t bytes = 0;
};

class EmulatedMachine final : public Machine {
public:
  EmulatedMachine(const TargetDesc &target, const MachineOptions &options)
      : desc(target), settings(options) {
    if (settings.threads == 0)
      settings.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }

  const TargetDesc &target() const override { return desc; }
  const MachineOptions &options() const override { return settings; }

  Result<uint64_t> allocate(size_t bytes) override {
    size_t rounded = (std::max<size_t>(bytes, 1) + allocationAlignment - 1) / allocationAlignment *
                     allocationAlignment;
    uint8_t *memory = rounded < bytes
                          ? nullptr
                          : static_cast<uint8_t *>(::operator new[](
                                rounded, std::align_val_t(allocationAlignment), std::nothrow));
    if (!memory)
      return runtimeError(fmt::format("no memory for a buffer of {} bytes", bytes));
    if (settings.checks)
      std::memset(memory, 0xa5, rounded);
    std::lock_guard lock(mutex);
    auto address = reinterpret_cast<uint64_t>(memory);
    allocations[address] = {std::unique_ptr<uint8_t[], AlignedDelete>(memory), bytes};
    return address;
  }

  Status release(uint64_t address) override {
    std::lock_guard lock(mutex);
    if (allocations.erase(address) == 0)
      return usageError(fmt::format("{:#x} is not the start of an allocation", address));
    return Status::success();
  }

  size_t sizeAt(uint64_t address) const override {
    std::lock_guard lock(mutex);
    auto after = allocations.upper_bound(address);
    if (after == allocations.begin())
      return 0;
    const auto &[begin, allocation] = *std::prev(after);
    return address - begin < allocation.bytes ? allocation.bytes - (address - begin) : 0;
  }

  Result<std::unique_ptr<Image>> load(std::span<const uint8_t> elf) override {
    Result<std::unique_ptr<LoadedImage>> image = LoadedImage::load(desc, elf);
    if (!image)
      return image.takeError();
    return std::unique_ptr<Image>(image.take());
  }

  Result<Counts> launch(const Image &image, const std::string &kernel, const LaunchShape &shape,
                        std::span<const uint8_t> kernarg,
                        std::span<const uint64_t> readOnly) override;

private:
  std::vector<Region> regions(std::span<const uint64_t> readOnly) const;
  Result<Counts> runGroups(const LaunchState &state);

  TargetDesc desc;
  MachineOptions settings;
  mutable std::mutex mutex;
  std::map<uint64_t, Allocation> allocations;
};

Status checkShape(const TargetDesc &target, const LoadedKernel &kernel, const LaunchShape &shape) {
  uint64_t threads = 1;
  for (int d = 0; d < 3; ++d) {
    if (shape.block[d] == 0 || shape.block[d] > 1024)
      return usageError(fmt::format("a workgroup has {} x {} x {} work-items; each dimension is in "
                                    "[1, 1024]",
                                    shape.block[0], shape.block[1], shape.block[2]));
    threads *= shape.block[d];
    uint32_t required = kernel.description.requiredBlock[d];
    if (required != 0 && required != shape.block[d])
      return usageError(fmt::format("kernel '{}' was compiled for workgroups of {} x {} x {}, "
                                    "found {} x {} x {}",
                                    kernel.description.name, kernel.description.requiredBlock[0],
                                    kernel.description.requiredBlock[1],
                                    kernel.description.requiredBlock[2], shape.block[0],
                                    shape.block[1], shape.block[2]));
  }
  uint64_t most = std::min<uint64_t>(static_cast<uint64_t>(target.maxWorkgroupThreads),
                                     kernel.description.maxWorkgroupThreads);
  if (threads > most)
    return usageError(fmt::format("a workgroup of kernel '{}' has {} work-items; legal are 1 to {}",
                                  kernel.description.name, threads, most));
  uint64_t lds = uint64_t(kernel.descriptor.ldsBytes) + shape.dynamicLdsBytes;
  if (lds > static_cast<uint64_t>(target.ldsBytes))
    return usageError(fmt::format("kernel '{}' needs {} bytes of LDS ({} of its own, {} of the "
                                  "launch); {} has {}",
                                  kernel.description.name, lds, kernel.descriptor.ldsBytes,
                                  shape.dynamicLdsBytes, target.arch, target.ldsBytes));
  return Status::success();
}

std::vector<Region> EmulatedMachine::regions(std::span<const uint64_t> readOnly) const {
  std::vector<Region> list;
  for (const auto &[address, allocation] : allocations) {
    bool writable = true;
    for (uint64_t inside : readOnly)
      writable = writable && !(inside >= address && inside < address + allocation.bytes);
    list.push_back({address, address + allocation.bytes, writable, 0});
  }
  return list;
}

Result<Counts> EmulatedMachine::launch(const Image &image, const std::string &name,
                                       const LaunchShape &shape, std::span<const uint8_t> kernarg,
                                       std::span<const uint64_t> readOnly) {
  const auto &loaded = static_cast<const LoadedImage &>(image);
  const LoadedKernel *kernel = loaded.find(name);
  if (!kernel) {
    std::string names;
    for (const KernelDescription &known : loaded.kernels())
      names += (names.empty() ? "" : ", ") + known.name;
    return usageError(fmt::format("the code object has no kernel '{}'; it has: {}", name, names));
  }
  if (Status status = checkShape(desc, *kernel, shape); !status)
    return status.takeError();
  std::vector<uint8_t> arguments = completeArguments(*kernel, shape, kernarg);
  std::vector<uint8_t> packet = dispatchPacket(*kernel, shape);

  std::vector<Region> list;
  {
    std::lock_guard lock(mutex);
    list = regions(readOnly);
  }
  auto add = [&](std::span<const uint8_t> memory) {
    auto address = reinterpret_cast<uint64_t>(memory.data());
    list.push_back({address, address + memory.size(), false, 0});
    return address;
  };
  add(loaded.memory());
  uint64_t kernargAddress = add(arguments), packetAddress = add(packet);
  std::sort(list.begin(), list.end(),
            [](const Region &a, const Region &b) { return a.begin < b.begin; });
  for (size_t i = 0; i < list.size(); ++i)
    list[i].index = static_cast<uint32_t>(i);
  AddressSpace space(std::move(list));
  TrafficMeter traffic(space);
  LaunchState state{.target = desc,
                    .options = settings,
                    .image = loaded,
                    .kernel = *kernel,
                    .shape = shape,
                    .ldsBytes = kernel->descriptor.ldsBytes + shape.dynamicLdsBytes,
                    .kernargAddress = kernargAddress,
                    .packetAddress = packetAddress,
                    .kernarg = arguments,
                    .memory = space,
                    .traffic = traffic};
  for (int d = 0; d < 3; ++d)
    state.groups[d] = (shape.grid[d] + shape.block[d] - 1) / shape.block[d];
  return runGroups(state);
}

Result<Counts> EmulatedMachine::runGroups(const LaunchState &state) {
  uint64_t numGroups = state.numGroups();
  auto numThreads = static_cast<size_t>(
      std::clamp<uint64_t>(numGroups, 1, static_cast<uint64_t>(settings.threads)));
  std::vector<std::unique_ptr<GroupRunner>> runners;
  for (size_t t = 0; t < numThreads; ++t)
    runners.push_back(std::make_unique<GroupRunner>(state));

  // Groups are handed out in order, so that of several faults the first one by group is told,
  // whatever the threads do.
  std::atomic<uint64_t> next = 0, firstFault = numGroups;
  std::mutex reporting;
  std::string fault;
  auto work = [&](GroupRunner &runner) {
    for (uint64_t group; (group = next++) < firstFault;) {
      if (runner.run(group))
        continue;
      std::lock_guard lock(reporting);
      if (group < firstFault) {
        firstFault = group;
        fault = runner.fault();
      }
      return;
    }
  };
  std::vector<std::thread> threads;
  for (size_t t = 1; t < numThreads; ++t)
    threads.emplace_back([&, t] { work(*runners[t]); });
  work(*runners[0]);
  for (std::thread &thread : threads)
    thread.join();
  if (firstFault < numGroups)
    return runtimeError(fault);

  std::vector<const ThreadCounts *> tallies;
  uint64_t numWaves = 0;
  for (const std::unique_ptr<GroupRunner> &runner : runners) {
    tallies.push_back(&runner->counts());
    numWaves += runner->wavesRun();
  }
  return reportOf(state, tallies, numWaves);
}

} // namespace

Result<std::unique_ptr<Machine>> Machine::create(const TargetDesc &target,
                                                 const MachineOptions &options) {
  if (target.isHost() || target.elfMachine == 0) {
    std::string names;
    for (const TargetDesc &known : allTargets())
      if (known.elfMachine != 0)
        names += (names.empty() ? "" : ", ") + known.arch;
    return Error{ErrorCode::Device,
                 fmt::format("the emulator does not execute code for {}; it does for {}",
                             target.arch, names)};
  }
  if (options.threads < 0 || options.threads > 1024)
    return usageError(fmt::format(
        "threads is {}, legal are 0 (one for each hardware thread) to 1024", options.threads));
  return std::unique_ptr<Machine>(new EmulatedMachine(target, options));
}

} // namespace zorse::emulator
