//===- EmulatorDevice.cpp - AMD code behind the device interface ----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/emulator/EmulatorDevice.h"

#include "zorse/device/ElfChecks.h"
#include "zorse/device/LaunchChecks.h"

#include <algorithm>
#include <fmt/format.h>
#include <mutex>

namespace zorse {

using emulator::Machine;

namespace {

class EmulatedBuffer final : public Buffer {
public:
  EmulatedBuffer(Machine &machine, uint64_t begin, size_t bytes)
      : machine(machine), begin(begin), bytes(bytes) {}
  ~EmulatedBuffer() override { (void)machine.release(begin); }
  uint64_t address() const override { return begin; }
  size_t size() const override { return bytes; }

private:
  Machine &machine;
  uint64_t begin;
  size_t bytes;
};

class EmulatedModule final : public Module {
public:
  EmulatedModule(const CodeObject &object, std::unique_ptr<emulator::Image> image)
      : code(object), image(std::move(image)) {
    Result<OpDesc> op = OpDesc::parse(code.opJson);
    if (op)
      for (const OperandSpec *operand : op->operands())
        isRead.push_back(operand->role == OperandSpec::Role::In);
  }

  const CodeObject &object() const override { return code; }

  /// Allocations that the op only reads: those of its inputs that no result shares.
  std::vector<uint64_t> readOnly(const Machine &machine, std::span<const uint64_t> slots) const {
    std::vector<uint64_t> inputs;
    for (size_t i = 0; i < isRead.size() && i < slots.size(); ++i)
      if (isRead[i] && !sharesWithResult(machine, slots, slots[i]))
        inputs.push_back(slots[i]);
    return inputs;
  }

  CodeObject code;
  std::unique_ptr<emulator::Image> image;
  Grids grids;

private:
  bool sharesWithResult(const Machine &machine, std::span<const uint64_t> slots,
                        uint64_t address) const {
    uint64_t end = address + machine.sizeAt(address);
    for (size_t i = 0; i < code.arguments.size() && i < slots.size(); ++i) {
      bool isBuffer = code.arguments[i].kind != KernelArgument::Kind::Size;
      if (!isBuffer || (i < isRead.size() && isRead[i]))
        continue;
      if (slots[i] + machine.sizeAt(slots[i]) == end) // allocations end once
        return true;
    }
    return false;
  }

  std::vector<bool> isRead; ///< of each operand; empty for code without an op
};

class MachineDevice final : public EmulatorDevice {
public:
  explicit MachineDevice(std::unique_ptr<Machine> machine) : machine(std::move(machine)) {}

  const TargetDesc &target() const override { return machine->target(); }
  std::string description() const override {
    int threads = machine->options().threads;
    return fmt::format("{} emulated on {}, using {}{}", target().arch, hostDeviceName(), threads,
                       machine->options().checks ? ", with checks" : "");
  }
  bool timesAreReal() const override { return false; }

  Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override {
    if (Status status = mayNot("allocate"); !status)
      return status.takeError();
    Result<uint64_t> address = machine->allocate(bytes);
    if (!address)
      return address.takeError();
    return std::unique_ptr<Buffer>(new EmulatedBuffer(*machine, *address, bytes));
  }

  Result<std::unique_ptr<Module>> load(const CodeObject &object) override {
    if (Status status = mayNot("load"); !status)
      return status.takeError();
    if (object.arch != target().arch)
      return Error{ErrorCode::Device,
                   fmt::format("a code object for {} cannot run on this device, an emulated {}; "
                               "compile it for {}",
                               object.arch.empty() ? "no target" : object.arch, target().arch,
                               target().arch)};
    Result<std::unique_ptr<emulator::Image>> image = machine->load(object.bytes);
    if (!image)
      return image.takeError();
    for (const KernelInfo &kernel : object.kernels) {
      const auto &known = (*image)->kernels();
      if (std::none_of(known.begin(), known.end(),
                       [&](const auto &k) { return k.name == kernel.symbol; }))
        return damagedCode(fmt::format("it has no symbol '{}'", kernel.symbol));
    }
    if (object.kernels.empty())
      return damagedCode("it names no kernel");
    return std::unique_ptr<Module>(new EmulatedModule(object, image.take()));
  }

  const std::map<std::string, emulator::Counts> &counts() const override { return byKernel; }
  void clearCounts() override { byKernel.clear(); }

private:
  Status run(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) override {
    auto &loaded = static_cast<EmulatedModule &>(module);
    if (Status status = checkSlots(loaded.code, slots); !status)
      return status;
    std::lock_guard lock(launching);
    Result<std::span<const Grid>> grids = loaded.grids.of(loaded.code, sizes);
    if (!grids)
      return grids.takeError();
    std::vector<uint64_t> readOnly;
    if (machine->options().checks)
      readOnly = loaded.readOnly(*machine, slots);
    std::span kernarg(reinterpret_cast<const uint8_t *>(slots.data()), slots.size_bytes());
    for (size_t k = 0; k < loaded.code.kernels.size(); ++k) {
      const KernelInfo &kernel = loaded.code.kernels[k];
      const Grid &groups = (*grids)[k];
      if (groups[0] == 0 || groups[1] == 0 || groups[2] == 0)
        continue;
      emulator::LaunchShape shape;
      for (size_t d = 0; d < 3; ++d) {
        int64_t items = groups[d] * kernel.block[d];
        if (items > UINT32_MAX)
          return usageError(fmt::format("a launch of '{}' has {} workgroups of {} work-items in "
                                        "dimension {}; work-items are at most {}",
                                        kernel.symbol, groups[d], kernel.block[d], d, UINT32_MAX));
        shape.grid[d] = static_cast<uint32_t>(items);
        shape.block[d] = static_cast<uint32_t>(kernel.block[d]);
      }
      Result<emulator::Counts> counts =
          machine->launch(*loaded.image, kernel.symbol, shape, kernarg, readOnly);
      if (!counts)
        return counts.takeError();
      byKernel[kernel.symbol] += *counts;
    }
    return Status::success();
  }

  std::unique_ptr<Machine> machine;
  std::map<std::string, emulator::Counts> byKernel;
  std::mutex launching;
};

} // namespace

Result<std::unique_ptr<EmulatorDevice>>
createEmulatorDevice(const TargetDesc &target, const emulator::MachineOptions &options) {
  Result<std::unique_ptr<Machine>> machine = Machine::create(target, options);
  if (!machine)
    return machine.takeError();
  return std::unique_ptr<EmulatorDevice>(new MachineDevice(machine.take()));
}

} // namespace zorse
