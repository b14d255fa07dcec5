//===- LdsBanks.cpp - bank conflicts of LDS accesses ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "execute/LdsBanks.h"

#include "execute/Wave.h"

#include <algorithm>
#include <bit>

namespace zorse::emulator {

namespace {

constexpr uint32_t numBanks = 32, lanesOfChunk = 4;
constexpr int numChunks = waveSize / lanesOfChunk;

/// The lanes of a group, as a mask, for one access width.
struct Groups {
  uint64_t lanes[8];
  int count;
};

constexpr Groups inOrder(int lanesOfGroup) {
  Groups groups = {{}, waveSize / lanesOfGroup};
  for (int g = 0; g < groups.count; ++g)
    groups.lanes[g] = ((uint64_t(1) << lanesOfGroup) - 1) << (g * lanesOfGroup);
  return groups;
}
constexpr Groups wideLoads() {
  constexpr uint64_t half[4] = {0x00f0000f, 0x000f00f0, 0xf0000f00, 0x0f00f000};
  Groups groups = {{}, 8};
  for (int g = 0; g < 8; ++g)
    groups.lanes[g] = half[g % 4] << (g / 4 * 32);
  return groups;
}
constexpr Groups ofDwords = inOrder(32), ofPairs = inOrder(16), ofWideStores = inOrder(8),
                 ofWideLoads = wideLoads();

const Groups &groupsOf(uint32_t bytes, bool isWrite) {
  return bytes <= 4 ? ofDwords : bytes <= 8 ? ofPairs : isWrite ? ofWideStores : ofWideLoads;
}

/// The most distinct units in one bank, over units that each fill a bank.
class BankLoad {
public:
  void add(uint32_t unit, uint32_t bank) {
    uint8_t &count = counts[bank];
    for (uint8_t i = 0; i < count; ++i)
      if (units[bank][i] == unit)
        return;
    units[bank][count++] = unit;
    most = std::max<uint32_t>(most, count);
  }
  uint32_t worst() const { return most; }

private:
  uint32_t most = 0;
  uint8_t counts[numBanks] = {};
  uint32_t units[numBanks][waveSize]; ///< written before it is read
};

/// Any alignment: dword by dword.
uint64_t countDwords(const uint32_t *offsets, uint64_t mask, uint32_t bytes, const Groups &groups) {
  uint64_t cycles = 0;
  for (int g = 0; g < groups.count; ++g) {
    BankLoad banks;
    for (uint64_t lanes = groups.lanes[g] & mask; lanes; lanes &= lanes - 1) {
      uint32_t offset = offsets[std::countr_zero(lanes)];
      for (uint32_t dword = offset / 4; dword <= (offset + bytes - 1) / 4; ++dword)
        banks.add(dword, dword % numBanks);
    }
    cycles += banks.worst() > 1 ? banks.worst() - 1 : 0;
  }
  return cycles;
}

} // namespace

uint64_t ldsConflictCycles(const uint32_t *offsets, uint64_t mask, uint32_t bytes, bool isWrite) {
  const Groups &groups = groupsOf(bytes, isWrite);
  // Aligned accesses of 4, 8 or 16 bytes fill 1, 2 or 4 neighbouring banks exactly, so that these
  // can be treated as one: a lane is one unit, and a group without conflict or sharing sets as
  // many different bank bits as it has lanes.
  if (mask == 0)
    return 0;
  uint32_t misaligned = 0, different = 0, first = offsets[std::countr_zero(mask)];
  for (int l = 0; l < waveSize; ++l) {
    misaligned |= mask >> l & 1 ? offsets[l] : 0;
    different |= mask >> l & 1 ? offsets[l] ^ first : 0;
  }
  if (different == 0)
    return 0;
  if (bytes < 4 ? bytes == 2 && (misaligned & 1)
                : !std::has_single_bit(bytes) || (misaligned & (bytes - 1)))
    return countDwords(offsets, mask, bytes, groups);

  uint32_t shift = bytes <= 4 ? 2 : bytes == 8 ? 3 : 4;
  uint32_t units = numBanks >> (shift - 2);
  uint32_t bankBit[waveSize], chunks[numChunks] = {};
  for (int l = 0; l < waveSize; ++l)
    bankBit[l] = mask >> l & 1 ? 1u << (offsets[l] >> shift & (units - 1)) : 0;
  for (int c = 0; c < numChunks; ++c)
    chunks[c] = bankBit[4 * c] | bankBit[4 * c + 1] | bankBit[4 * c + 2] | bankBit[4 * c + 3];

  uint64_t cycles = 0;
  for (int g = 0; g < groups.count; ++g) {
    uint64_t lanes = groups.lanes[g] & mask;
    uint32_t banksSet = 0;
    for (uint64_t rest = groups.lanes[g]; rest;) {
      int chunk = std::countr_zero(rest) / 4;
      banksSet |= chunks[chunk];
      rest &= ~(uint64_t(0xf) << (4 * chunk));
    }
    if (std::popcount(banksSet) == std::popcount(lanes))
      continue;
    BankLoad banks;
    for (; lanes; lanes &= lanes - 1) {
      uint32_t unit = offsets[std::countr_zero(lanes)] >> shift;
      banks.add(unit, unit & (units - 1));
    }
    cycles += banks.worst() > 1 ? banks.worst() - 1 : 0;
  }
  return cycles;
}

} // namespace zorse::emulator
