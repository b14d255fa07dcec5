//===- Plan.h - who has which tokens, rows and slots -===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/reference/Fill.h"

namespace zorse::reference {

/// A small generator that gives the same numbers everywhere (splitmix64).
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In [low, high].
  int64_t between(int64_t low, int64_t high) {
    return low + int64_t(next() % uint64_t(high - low + 1));
  }
  /// In [0, 1).
  double unit() { return double(next() >> 11) * 0x1p-53; }
  /// Mean 0, variance 1: the sum of four 16-bit uniform numbers, which ends at ±3.5.
  double normal() {
    uint64_t z = next();
    double sum =
        double(z & 0xffff) + double(z >> 16 & 0xffff) + double(z >> 32 & 0xffff) + double(z >> 48);
    return (sum / 65536 - 2 + 2.0 / 65536) * 1.7320508075688772;
  }
  std::vector<int64_t> permutation(int64_t n);

private:
  uint64_t state;
};

/// The index operands of one launch, consistent with one another.
struct Plan {
  std::vector<int64_t> slots;   ///< of each sequence, or of each token where there is no batch
  std::vector<int64_t> offsets; ///< first token of each sequence, then the end
  std::vector<int64_t> lengths; ///< context of each sequence
  std::vector<int64_t> contextOffsets; ///< running sum of lengths
  std::vector<int64_t> positions;      ///< of each token
  /// Of each slot, or of each page where the cache has pages: its leading rows that hold tokens.
  std::vector<int64_t> filledRows;
  /// Page of each run of page_size rows of each slot, [num_slots, ceildiv(max_len, page_size)].
  std::vector<int64_t> pages;
};

/// `sizes` must be complete.
Result<Plan> makePlan(const OpDesc &op, const Sizes &sizes, Random random, Lengths lengths);

} // namespace zorse::reference
