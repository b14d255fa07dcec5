//===- LdsBanksTest.cpp - bank conflicts of LDS accesses ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "execute/LdsBanks.h"

#include <array>
#include <gtest/gtest.h>

using namespace zorse::emulator;

namespace {

constexpr uint64_t all = ~uint64_t(0);
using Offsets = std::array<uint32_t, 64>;

Offsets strided(uint32_t stride, uint32_t start = 0) {
  Offsets offsets;
  for (uint32_t l = 0; l < 64; ++l)
    offsets[l] = start + l * stride;
  return offsets;
}

/// What the header says, word for word: any lanes, any alignment.
uint64_t slowly(const Offsets &offsets, uint64_t mask, uint32_t bytes, bool isWrite) {
  auto groupOf = [&](uint32_t l) -> uint32_t {
    if (bytes <= 4)
      return l / 32;
    if (bytes <= 8)
      return l / 16;
    if (isWrite)
      return l / 8;
    constexpr uint32_t ofFour[8] = {0, 1, 2, 3, 1, 0, 3, 2}; // lanes 0-3, 4-7, … 28-31
    return l / 32 * 4 + ofFour[l % 32 / 4];
  };
  uint64_t cycles = 0;
  for (uint32_t group = 0; group < 8; ++group) {
    std::array<std::vector<uint32_t>, 32> dwords;
    size_t worst = 1;
    for (uint32_t l = 0; l < 64; ++l)
      if (mask >> l & 1 && groupOf(l) == group)
        for (uint32_t byte = offsets[l]; byte < offsets[l] + bytes; ++byte) {
          std::vector<uint32_t> &bank = dwords[byte / 4 % 32];
          if (std::find(bank.begin(), bank.end(), byte / 4) == bank.end())
            bank.push_back(byte / 4);
          worst = std::max(worst, bank.size());
        }
    cycles += worst - 1;
  }
  return cycles;
}

// Measured on an MI300X with its counter of bank conflicts, per instruction, by the SHARK project
// ("CDNA3 MI300X LDS Measurements"): the same strides, in bytes.
TEST(LdsBanks, StridesAsMeasured) {
  struct Case {
    uint32_t bytes, stride;
    uint64_t cycles;
  };
  for (Case c : {Case{4, 4, 0}, {4, 8, 2},     {4, 16, 6},   {4, 32, 14}, {4, 64, 30}, {4, 128, 62},
                 {4, 256, 62},  {4, 512, 62},  {8, 8, 0},    {8, 16, 4},  {8, 32, 12}, {8, 64, 28},
                 {8, 128, 60},  {8, 256, 60},  {8, 512, 60}, {16, 16, 0}, {16, 32, 8}, {16, 64, 24},
                 {16, 128, 56}, {16, 256, 56}, {16, 512, 56}}) {
    EXPECT_EQ(ldsConflictCycles(strided(c.stride).data(), all, c.bytes, false), c.cycles)
        << c.bytes << " bytes, stride " << c.stride;
  }
}

TEST(LdsBanks, BroadcastIsFree) {
  for (uint32_t bytes : {1, 2, 4, 8, 12, 16})
    for (bool isWrite : {false, true})
      EXPECT_EQ(ldsConflictCycles(strided(0, 48).data(), all, bytes, isWrite), 0u) << bytes;
  EXPECT_EQ(ldsConflictCycles(strided(1).data(), all, 1, false), 0u);
  EXPECT_EQ(ldsConflictCycles(strided(2).data(), all, 2, false), 0u);
}

TEST(LdsBanks, OddRowsOfPaddingAvoidConflicts) {
  EXPECT_EQ(ldsConflictCycles(strided(4 * 33).data(), all, 4, false), 0u);
  EXPECT_EQ(ldsConflictCycles(strided(4 * 32).data(), all, 4, false), 62u);
}

// Lanes 0-3 and 20-23 are one group of wide loads, but not of wide stores.
TEST(LdsBanks, WideLoadsPairDistantLanes) {
  Offsets offsets = strided(0);
  for (uint32_t l = 20; l < 24; ++l)
    offsets[l] = 128;
  uint64_t mask = 0x00f0000f;
  EXPECT_EQ(ldsConflictCycles(offsets.data(), mask, 16, false), 1u);
  EXPECT_EQ(ldsConflictCycles(offsets.data(), mask, 16, true), 0u);
  offsets = strided(0);
  for (uint32_t l = 4; l < 8; ++l)
    offsets[l] = 128;
  EXPECT_EQ(ldsConflictCycles(offsets.data(), 0xff, 16, false), 0u);
  EXPECT_EQ(ldsConflictCycles(offsets.data(), 0xff, 16, true), 1u);
}

TEST(LdsBanks, InactiveLanesDoNotConflict) {
  EXPECT_EQ(ldsConflictCycles(strided(128).data(), 0, 4, false), 0u);
  EXPECT_EQ(ldsConflictCycles(strided(128).data(), 0x100000001, 4, false), 0u); // a lane a group
  EXPECT_EQ(ldsConflictCycles(strided(128).data(), 0x100000003, 4, false), 1u);
}

TEST(LdsBanks, RandomPatternsAgreeWithTheDefinition) {
  const uint64_t seed = 20260711;
  uint64_t random = seed;
  auto next = [&] {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return random;
  };
  for (int trial = 0; trial < 4000; ++trial) {
    constexpr uint32_t widths[] = {1, 2, 4, 8, 12, 16};
    uint32_t bytes = widths[next() % 6];
    uint32_t align = trial % 3 == 0 ? 1 : trial % 3 == 1 ? 4 : bytes;
    uint32_t range = 64u << (next() % 8);
    Offsets offsets;
    for (uint32_t &offset : offsets)
      offset = static_cast<uint32_t>(next() % range) * align;
    uint64_t mask = trial % 2 ? all : next();
    bool isWrite = next() & 1;
    ASSERT_EQ(ldsConflictCycles(offsets.data(), mask, bytes, isWrite),
              slowly(offsets, mask, bytes, isWrite))
        << "seed " << seed << ", trial " << trial << ", " << bytes << " bytes";
  }
}

} // namespace
