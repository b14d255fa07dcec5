//===- Assemble.h - kernels from assembly text, for tests -------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A test writes the few instructions that it is about; this file adds the
// descriptor, runs llvm-mc and ld.lld, and launches the kernel.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/emulator/Machine.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace zorse::emulator::test {

/// An argument that the metadata names: `.value_kind` and size ("global_buffer", 8).
struct MetadataArgument {
  std::string kind;
  uint32_t offset = 0, size = 0;
};

/// What the kernel descriptor says. SGPRs at the start, in this order: the private segment buffer
/// (s[0:3], only when `privateSegmentBuffer`), the kernarg pointer (the next two), then workgroup
/// id x, y and z as far as `workgroupIdDims` goes. v0 packs x, y (bits 10…) and z (bits 20…).
struct KernelOptions {
  int vgprs = 64; ///< v0…; accumulation registers come on top when accumOffset is given
  int sgprs = 64;
  int ldsBytes = 0, kernargBytes = 64, scratchBytesPerLane = 0;
  int accumOffset = 0;               ///< 0: vgprs rounded up to 4, no accumulation registers
  int workitemIdDims = 1;            ///< 1, 2 or 3
  int workgroupIdDims = 1;           ///< 1, 2 or 3
  bool privateSegmentBuffer = false; ///< gfx90a reaches scratch through it
  std::string directives;            ///< more .amdhsa_ lines
  bool metadata = false;             ///< writes a metadata note with `arguments`
  std::vector<MetadataArgument> arguments;
};

/// The assembly of one kernel: `body` (which ends the wave itself, or s_endpgm is added when it
/// does not) with its symbol and descriptor. Texts of several kernels can be joined when none has
/// metadata.
std::string kernelText(const std::string &name, const std::string &body,
                       const KernelOptions &options = {});

/// A linked code object. Throws std::runtime_error with the tool's message.
std::vector<uint8_t> assemble(const std::string &arch, const std::string &text);

/// A machine for a target by name. Throws.
std::unique_ptr<Machine> makeMachine(const std::string &arch, const MachineOptions &options = {});

/// Loads and launches.
Result<Counts> runKernel(Machine &machine, std::span<const uint8_t> elf, const std::string &name,
                         const LaunchShape &shape, std::span<const uint8_t> kernarg,
                         std::span<const uint64_t> readOnly = {});

/// Kernel arguments one after another, each at its natural alignment.
class Kernarg {
public:
  template <typename T> Kernarg &add(T value) {
    bytes.resize((bytes.size() + sizeof value - 1) / sizeof value * sizeof value + sizeof value);
    std::memcpy(bytes.data() + bytes.size() - sizeof value, &value, sizeof value);
    return *this;
  }
  operator std::span<const uint8_t>() const { return bytes; }

private:
  std::vector<uint8_t> bytes;
};

/// An allocation that frees itself; `values` are copied in.
class Buffer {
public:
  Buffer(Machine &machine, size_t bytes);
  template <typename T>
  Buffer(Machine &machine, const std::vector<T> &values)
      : Buffer(machine, values.size() * sizeof(T)) {
    std::memcpy(data(), values.data(), values.size() * sizeof(T));
  }
  ~Buffer();
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;

  uint64_t address() const { return start; }
  /// The machine's memory is this process's memory.
  void *data() const { return reinterpret_cast<void *>(start); }
  template <typename T> std::vector<T> read() const {
    std::vector<T> values(bytes / sizeof(T));
    std::memcpy(values.data(), data(), values.size() * sizeof(T));
    return values;
  }

private:
  Machine &machine;
  uint64_t start = 0;
  size_t bytes = 0;
};

} // namespace zorse::emulator::test
