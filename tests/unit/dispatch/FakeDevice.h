//===- FakeDevice.h - a device that only takes notes ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/SynchronousDevice.h"

#include <gtest/gtest.h>

namespace zorse::test {

/// Remembers what was loaded, allocated and launched; runs nothing.
class FakeDevice final : public SynchronousDevice {
public:
  struct Launch {
    std::string configText;
    std::vector<uint64_t> slots;
    Sizes sizes;
  };

  explicit FakeDevice(int computeUnits = 2);

  const TargetDesc &target() const override { return desc; }
  std::string description() const override { return "fake"; }
  Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override;
  Status upload(Buffer &, size_t, std::span<const uint8_t>) override { return Status(); }
  Status download(const Buffer &, size_t, std::span<uint8_t>) override { return Status(); }
  Result<std::unique_ptr<Module>> load(const CodeObject &object) override;

  std::vector<std::string> loads; ///< configurations
  std::vector<size_t> allocations;
  std::vector<Launch> launches;
  size_t liveBytes = 0, peakBytes = 0;
  uint64_t nextAddress = 0x1000;

private:
  Status run(Module &module, std::span<const uint64_t> slots, const Sizes &sizes) override;

  TargetDesc desc;
};

} // namespace zorse::test
