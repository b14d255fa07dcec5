//===- TrafficMeter.cpp - lines of memory that a launch has touched -------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "memory/AddressSpace.h"

#include <bit>
#include <new>

namespace zorse::emulator {

/// Bit 2n where line 2n or 2n + 1 is set.
static uint64_t pairsOf(uint64_t lines) { return (lines | lines >> 1) & 0x5555555555555555u; }

TrafficMeter::TrafficMeter(const AddressSpace &space) {
  firstWord.reserve(space.all().size());
  for (const Region &region : space.all()) {
    firstWord.push_back(numWords);
    if (region.begin < region.end)
      numWords += lineOf(region, region.end - 1) / 64 + 1;
  }
  bits.reset(static_cast<uint64_t *>(std::calloc(2 * numWords + 1, sizeof(uint64_t))));
  if (!bits)
    throw std::bad_alloc();
}

void TrafficMeter::touchWord(const Region &region, uint64_t word, uint64_t lines, bool isStore) {
  uint64_t &entry = bits[(isStore ? numWords : 0) + firstWord[region.index] + word];
  if ((__atomic_load_n(&entry, __ATOMIC_RELAXED) & lines) == lines)
    return;
  uint64_t before = __atomic_fetch_or(&entry, lines, __ATOMIC_RELAXED);
  uint64_t after = before | lines;
  // Each line is new to exactly one thread, so sums do not depend on which.
  lines64[isStore].fetch_add(std::popcount(after) - std::popcount(before),
                             std::memory_order_relaxed);
  lines128[isStore].fetch_add(std::popcount(pairsOf(after)) - std::popcount(pairsOf(before)),
                              std::memory_order_relaxed);
}

void TrafficMeter::touch(const Region &region, uint64_t address, uint64_t bytes, bool isStore) {
  if (bytes == 0)
    return;
  uint64_t first = lineOf(region, address), last = lineOf(region, address + bytes - 1);
  for (uint64_t word = first / 64; word <= last / 64; ++word) {
    uint64_t lines = ~uint64_t(0);
    if (word == first / 64)
      lines &= ~uint64_t(0) << (first % 64);
    if (word == last / 64)
      lines &= ~uint64_t(0) >> (63 - last % 64);
    touchWord(region, word, lines, isStore);
  }
}

TrafficMeter::Totals TrafficMeter::totals() const {
  Totals totals;
  totals.load64 = 64 * lines64[0].load(std::memory_order_relaxed);
  totals.load128 = 128 * lines128[0].load(std::memory_order_relaxed);
  totals.store64 = 64 * lines64[1].load(std::memory_order_relaxed);
  totals.store128 = 128 * lines128[1].load(std::memory_order_relaxed);
  return totals;
}

} // namespace zorse::emulator
