//===- DamagedCodeTest.cpp - code objects that nobody meant ---------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files cut short and with flipped bytes are refused or loaded; what loads, and what
// has random instructions, runs to its end or to a fault. Nothing crashes, and
// nothing reaches memory that is not the launch's.
//
//===----------------------------------------------------------------------===//
#include "Assemble.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace zorse::emulator::test {
namespace {

constexpr uint64_t seed = 20'261'121;

const char *body = R"(
  s_load_dwordx2 s[4:5], s[0:1], 0x0
  v_lshlrev_b32_e32 v1, 2, v0
  s_waitcnt lgkmcnt(0)
  global_load_dword v2, v1, s[4:5]
  v_mov_b32_e32 v4, 0
  v_mov_b32_e32 v5, 1.0
  s_waitcnt vmcnt(0)
  ds_write_b32 v1, v2
  s_waitcnt lgkmcnt(0)
  s_barrier
  ds_read_b32 v3, v1
  s_waitcnt lgkmcnt(0)
  v_add_f32_e32 v3, v3, v2
  v_cmp_lt_f32_e32 vcc, v3, v5
  v_cndmask_b32_e32 v3, v3, v5, vcc
  global_store_dword v1, v3, s[4:5]
  s_endpgm
)";

class DamagedCode : public testing::TestWithParam<std::string> {
protected:
  DamagedCode()
      : whole(assemble(GetParam(), kernelText("k", body, {.ldsBytes = 256, .kernargBytes = 8}))),
        machine(makeMachine(GetParam(), {.threads = 1, .maxInstructions = 10'000})), random(seed) {}

  /// Loads and runs; a canary beside the kernel's buffer must survive.
  void tryToRun(const std::vector<uint8_t> &elf, const std::string &what) {
    auto image = machine->load(elf);
    if (!image)
      return;
    ++loaded;
    Buffer data(*machine, std::vector<uint32_t>(64, 0x3f000000));
    Kernarg kernarg;
    kernarg.add(data.address());
    for (const KernelDescription &kernel : (*image)->kernels())
      if (auto counts = machine->launch(**image, kernel.name, {}, kernarg); !counts)
        EXPECT_FALSE(counts.error().message.empty()) << what;
  }

  std::vector<uint8_t> whole;
  std::unique_ptr<Machine> machine;
  std::mt19937_64 random;
  int loaded = 0;
};

TEST_P(DamagedCode, EveryLengthIsAnErrorOrLoads) {
  for (size_t length = 0; length < whole.size(); length += 1 + length / 64)
    tryToRun({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)},
             "cut to " + std::to_string(length));
}

TEST_P(DamagedCode, FlippedBytesDoNoHarm) {
  for (int i = 0; i < 2'000; ++i) {
    std::vector<uint8_t> bytes = whole;
    for (uint64_t flips = 1 + random() % 8; flips > 0; --flips)
      bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1 + random() % 255);
    tryToRun(bytes, "flip " + std::to_string(i) + ", seed " + std::to_string(seed));
  }
  EXPECT_GT(loaded, 100);
}

TEST_P(DamagedCode, RandomInstructionsEndOrFault) {
  // The kernel's code is found by its first instruction, s_load_dwordx2 s[4:5], s[0:1], 0x0.
  const std::vector<uint8_t> first = {0x00, 0x01, 0x06, 0xc0};
  auto begin = std::search(whole.begin(), whole.end(), first.begin(), first.end());
  ASSERT_NE(begin, whole.end());
  auto at = static_cast<size_t>(begin - whole.begin());
  for (int i = 0; i < 3'000; ++i) {
    std::vector<uint8_t> bytes = whole;
    for (size_t byte = at + 32; byte < at + 80; ++byte)
      bytes[byte] = static_cast<uint8_t>(random());
    // Half of them keep encodings that exist: only operands change.
    if (i % 2)
      for (size_t word = at + 32; word < at + 80; word += 4)
        bytes[word + 3] = whole[word + 3];
    tryToRun(bytes, "code " + std::to_string(i) + ", seed " + std::to_string(seed));
  }
  EXPECT_GT(loaded, 1'000);
}

INSTANTIATE_TEST_SUITE_P(Targets, DamagedCode, testing::Values("gfx90a", "gfx942"),
                         [](const auto &info) { return info.param; });

} // namespace
} // namespace zorse::emulator::test
