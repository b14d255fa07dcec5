//===- MemoryKernels.h - one wave against memory, for tests -----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Assemble.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdexcept>

namespace zorse::emulator::test {

constexpr uint32_t poison = 0x5a5a5a5a;

struct WaveRun {
  std::string arch = "gfx942";
  KernelOptions options;
  LaunchShape shape = {.grid = {64, 1, 1}, .block = {64, 1, 1}};
  MachineOptions machine = {.threads = 1};
  bool inputIsReadOnly = true;
};

struct WaveResult {
  std::vector<uint32_t> in, out; ///< afterwards
  Counts counts;
  std::string error; ///< empty when the kernel came to its end
  uint64_t inAddress = 0, outAddress = 0;
};

/// Runs each of `bodies` as a kernel on memory of its own. It finds the address of a copy of `in`
/// in s[8:9], that of `outDwords` poisoned dwords in s[10:11], its lane in v0 and 4 times that in
/// v1. s0 to s7 belong to the launch.
inline std::vector<WaveResult> runWaves(const std::vector<std::string> &bodies,
                                        const std::vector<uint32_t> &in, size_t outDwords,
                                        const WaveRun &run = {}) {
  int kernarg = run.options.privateSegmentBuffer ? 4 : 0;
  std::string text;
  for (size_t i = 0; i < bodies.size(); ++i)
    text += kernelText(fmt::format("k{}", i),
                       fmt::format("s_load_dwordx4 s[8:11], s[{}:{}], 0x0\n"
                                   "s_waitcnt lgkmcnt(0)\n"
                                   "v_lshlrev_b32 v1, 2, v0\n{}\n",
                                   kernarg, kernarg + 1, bodies[i]),
                       run.options);
  std::unique_ptr<Machine> machine = makeMachine(run.arch, run.machine);
  Result<std::unique_ptr<Image>> image = machine->load(assemble(run.arch, text));
  if (!image)
    throw std::runtime_error(image.error().message);
  std::vector<WaveResult> results(bodies.size());
  for (size_t i = 0; i < bodies.size(); ++i) {
    WaveResult &result = results[i];
    Buffer input(*machine, in), output(*machine, std::vector<uint32_t>(outDwords, poison));
    std::vector<uint64_t> readOnly;
    if (run.inputIsReadOnly)
      readOnly.push_back(input.address());
    Result<Counts> counts =
        machine->launch(**image, fmt::format("k{}", i), run.shape,
                        Kernarg().add(input.address()).add(output.address()), readOnly);
    if (counts)
      result.counts = counts.take();
    else
      result.error = counts.error().message;
    result.in = input.read<uint32_t>();
    result.out = output.read<uint32_t>();
    result.inAddress = input.address();
    result.outAddress = output.address();
  }
  return results;
}

inline WaveResult runWave(const std::string &body, const std::vector<uint32_t> &in,
                          size_t outDwords, const WaveRun &run = {}) {
  return runWaves({body}, in, outDwords, run).front();
}

/// Different dwords with every bit pattern among them; fixed.
inline std::vector<uint32_t> randomDwords(size_t count, uint64_t seed) {
  std::vector<uint32_t> values(count);
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (uint32_t &value : values) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    value = static_cast<uint32_t>(state >> 16);
  }
  return values;
}

/// The byte `at` of dwords in memory.
inline uint8_t byteAt(const std::vector<uint32_t> &dwords, size_t at) {
  return static_cast<uint8_t>(dwords[at / 4] >> (at % 4 * 8));
}
inline uint32_t dwordAt(const std::vector<uint32_t> &dwords, size_t at) {
  return byteAt(dwords, at) | byteAt(dwords, at + 1) << 8 | byteAt(dwords, at + 2) << 16 |
         uint32_t(byteAt(dwords, at + 3)) << 24;
}

} // namespace zorse::emulator::test
