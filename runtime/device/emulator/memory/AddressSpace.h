//===- AddressSpace.h - the memory that kernels see -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Addresses of the emulated device are addresses of this process, so that
// every access is looked up among the allocations before it is made.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace zorse::emulator {

/// One allocation, or the loaded image of a code object (read only).
struct Region {
  uint64_t begin = 0, end = 0;
  bool writable = true; ///< of the current launch
  uint32_t index = 0;   ///< in the snapshot
};

/// The allocations, sorted, as one launch sees them. Lookups need no lock.
class AddressSpace {
public:
  explicit AddressSpace(std::vector<Region> sorted) : regions(std::move(sorted)) {}
  /// The region that holds [address, address + bytes), or null. `hint` remembers the last hit.
  const Region *find(uint64_t address, uint64_t bytes, uint32_t &hint) const {
    if (hint < regions.size() && holds(regions[hint], address, bytes))
      return &regions[hint];
    return findSlowly(address, bytes, hint);
  }
  /// For messages: the region nearest to an address that none holds; null when there are none.
  const Region *nearest(uint64_t address) const;
  const std::vector<Region> &all() const { return regions; }

private:
  static bool holds(const Region &region, uint64_t address, uint64_t bytes) {
    return address >= region.begin && address < region.end && bytes <= region.end - address;
  }
  const Region *findSlowly(uint64_t address, uint64_t bytes, uint32_t &hint) const;
  std::vector<Region> regions;
};

/// Which lines of 64 bytes a launch has read and written, for the bytes of first touch.
/// Threads share it. Lines are numbered from the one that holds the region's begin, rounded down to
/// 128 bytes, so that lines 2n and 2n + 1 are the halves of one line of 128.
class TrafficMeter {
public:
  explicit TrafficMeter(const AddressSpace &space);
  void touch(const Region &region, uint64_t address, uint64_t bytes, bool isStore);
  /// The lines 64 * `word` + b for all bits b of `lines`.
  void touchWord(const Region &region, uint64_t word, uint64_t lines, bool isStore);
  static uint64_t lineOf(const Region &region, uint64_t address) {
    return (address >> 6) - (region.begin >> 7 << 1);
  }
  struct Totals {
    uint64_t load64 = 0, load128 = 0, store64 = 0, store128 = 0; ///< bytes
  };
  Totals totals() const;

private:
  struct Free {
    void operator()(uint64_t *pages) const { std::free(pages); }
  };
  /// Bits of all regions, first of reads, then of writes. The system hands zeroed pages over when
  /// they are first used: regions that a launch leaves alone cost nothing.
  std::unique_ptr<uint64_t[], Free> bits;
  std::vector<uint64_t> firstWord; ///< by region
  uint64_t numWords = 0;
  std::array<std::atomic<uint64_t>, 2> lines64 = {0, 0}, lines128 = {0, 0}; ///< read, written
};

} // namespace zorse::emulator
