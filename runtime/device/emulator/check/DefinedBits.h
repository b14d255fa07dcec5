//===- DefinedBits.h - bits of a result that are known ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace zorse::emulator {

/// Bits of a & b that are defined, given which bits of a and b are: a defined 0 settles a bit.
constexpr uint64_t definedAnd(uint64_t a, uint64_t knownA, uint64_t b, uint64_t knownB) {
  return (knownA & knownB) | (knownA & ~a) | (knownB & ~b);
}
constexpr uint64_t definedOr(uint64_t a, uint64_t knownA, uint64_t b, uint64_t knownB) {
  return (knownA & knownB) | (knownA & a) | (knownB & b);
}

/// Zeros come in from below.
constexpr uint64_t shiftedLeft(uint64_t known, int amount) {
  return amount ? known << amount | ~(~uint64_t(0) << amount) : known;
}
/// Zeros, or copies of the highest bit of `width`, come in from above.
constexpr uint64_t shiftedRight(uint64_t known, int amount, int width, bool isArithmetic) {
  uint64_t filled = known | (width < 64 ? ~uint64_t(0) << width : 0);
  bool knowsFill = !isArithmetic || (known >> (width - 1) & 1);
  if (amount == 0)
    return filled;
  uint64_t shifted = filled >> amount | ~(~uint64_t(0) >> amount);
  uint64_t incoming = ((~uint64_t(0) >> (64 - amount)) << (width - amount));
  return knowsFill ? shifted | incoming : shifted & ~incoming;
}

} // namespace zorse::emulator
