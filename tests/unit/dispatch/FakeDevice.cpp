//===- FakeDevice.cpp - a device that only takes notes --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "FakeDevice.h"

#include <algorithm>

namespace zorse::test {

namespace {

class FakeBuffer final : public Buffer {
public:
  FakeBuffer(FakeDevice &device, size_t bytes, uint64_t address)
      : device(device), bytes(bytes), where(address) {
    device.liveBytes += bytes;
    device.peakBytes = std::max(device.peakBytes, device.liveBytes);
  }
  ~FakeBuffer() override { device.liveBytes -= bytes; }
  uint64_t address() const override { return where; }
  size_t size() const override { return bytes; }

private:
  FakeDevice &device;
  size_t bytes;
  uint64_t where;
};

class FakeModule final : public Module {
public:
  explicit FakeModule(const CodeObject &object) : code(object) {}
  const CodeObject &object() const override { return code; }

private:
  CodeObject code;
};

} // namespace

FakeDevice::FakeDevice(int computeUnits) {
  desc.arch = "fake";
  desc.computeUnits = computeUnits;
}

Result<std::unique_ptr<Buffer>> FakeDevice::allocate(size_t bytes) {
  if (Status status = mayNot("allocate"); !status)
    return status.takeError();
  allocations.push_back(bytes);
  nextAddress += 0x1000;
  return std::unique_ptr<Buffer>(std::make_unique<FakeBuffer>(*this, bytes, nextAddress));
}

Result<std::unique_ptr<Module>> FakeDevice::load(const CodeObject &object) {
  if (Status status = mayNot("load"); !status)
    return status.takeError();
  loads.push_back(object.configText);
  return std::unique_ptr<Module>(std::make_unique<FakeModule>(object));
}

Status FakeDevice::run(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) {
  launches.push_back({module.object().configText, {slots.begin(), slots.end()}, sizes});
  return Status();
}

} // namespace zorse::test
