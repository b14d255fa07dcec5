//===- AddressSpace.cpp - the memory that kernels see ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "memory/AddressSpace.h"

#include <algorithm>

namespace zorse::emulator {

const Region *AddressSpace::findSlowly(uint64_t address, uint64_t bytes, uint32_t &hint) const {
  auto after =
      std::upper_bound(regions.begin(), regions.end(), address,
                       [](uint64_t wanted, const Region &region) { return wanted < region.begin; });
  // Empty allocations may begin where another one does: they hold nothing.
  while (after != regions.begin()) {
    const Region &region = *--after;
    if (holds(region, address, bytes)) {
      hint = static_cast<uint32_t>(after - regions.begin());
      return &region;
    }
    if (region.begin < region.end)
      break;
  }
  return nullptr;
}

const Region *AddressSpace::nearest(uint64_t address) const {
  const Region *best = nullptr;
  uint64_t bestDistance = 0;
  for (const Region &region : regions) {
    uint64_t distance = address < region.begin  ? region.begin - address
                        : address >= region.end ? address - region.end
                                                : 0;
    if (!best || distance < bestDistance) {
      best = &region;
      bestDistance = distance;
    }
  }
  return best;
}

} // namespace zorse::emulator
