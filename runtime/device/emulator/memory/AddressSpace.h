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

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
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
/// Threads share it.
class TrafficMeter {
public:
  explicit TrafficMeter(const AddressSpace &space);
  void touch(const Region &region, uint64_t address, uint64_t bytes, bool isStore);
  struct Totals {
    uint64_t load64 = 0, load128 = 0, store64 = 0, store128 = 0; ///< bytes
  };
  Totals totals() const;

private:
  struct Lines {
    uint64_t firstLine = 0;
    std::vector<std::atomic<uint64_t>> read, written; ///< a bit a line
  };
  std::vector<Lines> ofRegion;
};

} // namespace zorse::emulator
