//===- Atomics.h - read, change and write in one step -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What each atomic makes of the word in memory and its one or two operands.
// Sums in memory keep subnormals whatever MODE says (of one older target the
// documents contradict each other); those in LDS follow MODE. Minima and maxima
// prefer a number to a NaN.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Half.h"
#include "execute/LaneTransfer.h"

#include <bit>
#include <cmath>
#include <type_traits>

namespace zorse::emulator {

namespace atomic {

template <typename T> T swap(T, T data, T) { return data; }
template <typename T> T add(T memory, T data, T) { return memory + data; }
template <typename T> T sub(T memory, T data, T) { return memory - data; }
template <typename T> T reverseSub(T memory, T data, T) { return data - memory; }
template <typename T> T umin(T memory, T data, T) { return data < memory ? data : memory; }
template <typename T> T umax(T memory, T data, T) { return data > memory ? data : memory; }
template <typename T> T smin(T memory, T data, T) {
  using S = std::make_signed_t<T>;
  return S(data) < S(memory) ? data : memory;
}
template <typename T> T smax(T memory, T data, T) {
  using S = std::make_signed_t<T>;
  return S(data) > S(memory) ? data : memory;
}
template <typename T> T bitAnd(T memory, T data, T) { return memory & data; }
template <typename T> T bitOr(T memory, T data, T) { return memory | data; }
template <typename T> T bitXor(T memory, T data, T) { return memory ^ data; }
/// Counts up to `data` and then starts at 0 again.
template <typename T> T inc(T memory, T data, T) { return memory >= data ? 0 : memory + 1; }
/// Counts down to 0 and then starts at `data` again.
template <typename T> T dec(T memory, T data, T) {
  return memory == 0 || memory > data ? data : memory - 1;
}
/// Global memory: the new value, then what to compare with. LDS has them the other way round.
template <typename T> T compareSwap(T memory, T data, T compare) {
  return memory == compare ? data : memory;
}
template <typename T> T compareStore(T memory, T compare, T data) {
  return memory == compare ? data : memory;
}
template <typename T> T maskOr(T memory, T mask, T data) { return (memory & ~mask) | data; }
template <typename T> T wrap(T memory, T limit, T data) {
  return memory >= limit ? memory - limit : memory + data;
}

template <typename T> using FloatOf = std::conditional_t<sizeof(T) == 4, float, double>;
template <typename T> T addFloat(T memory, T data, T) {
  using F = FloatOf<T>;
  return std::bit_cast<T>(std::bit_cast<F>(memory) + std::bit_cast<F>(data));
}
inline uint32_t addFloatFlushing(uint32_t memory, uint32_t data, uint32_t) {
  return std::bit_cast<uint32_t>(flushFloat(flushFloat(std::bit_cast<float>(memory)) +
                                            flushFloat(std::bit_cast<float>(data))));
}
template <typename T> T minFloat(T memory, T data, T) {
  using F = FloatOf<T>;
  F m = std::bit_cast<F>(memory), d = std::bit_cast<F>(data);
  if (std::isnan(d) || (m == d && std::signbit(m)))
    return memory;
  return std::isnan(m) || d <= m ? data : memory;
}
template <typename T> T maxFloat(T memory, T data, T) {
  using F = FloatOf<T>;
  F m = std::bit_cast<F>(memory), d = std::bit_cast<F>(data);
  if (std::isnan(d) || (m == d && !std::signbit(m)))
    return memory;
  return std::isnan(m) || d >= m ? data : memory;
}
template <typename T> T compareStoreFloat(T memory, T compare, T data) {
  using F = FloatOf<T>;
  return std::bit_cast<F>(memory) == std::bit_cast<F>(compare) ? data : memory;
}
// The sum of two halves in a float, rounded once more, is the sum rounded once: a float has more
// than twice the digits.
inline uint32_t addHalves(uint32_t memory, uint32_t data, uint32_t) {
  return floatToHalf(halfToFloat(memory) + halfToFloat(data)) |
         floatToHalf(halfToFloat(memory >> 16) + halfToFloat(data >> 16)) << 16;
}
inline uint32_t floatToBfloat(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value))
    return bits >> 16 | 0x40;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
inline uint32_t addBfloats(uint32_t memory, uint32_t data, uint32_t) {
  return floatToBfloat(bfloatToFloat(memory & 0xffff) + bfloatToFloat(data & 0xffff)) |
         floatToBfloat(bfloatToFloat(memory >> 16) + bfloatToFloat(data >> 16)) << 16;
}

} // namespace atomic

template <typename T> using AtomicChange = T (*)(T memory, T first, T second);

template <typename T> T valueOf(const LaneDwords *registers, int lane) {
  T value = registers[0].lane[lane];
  if constexpr (sizeof(T) == 8)
    value |= T(registers[1].lane[lane]) << 32;
  return value;
}

/// Lane after lane; `result` (the value before) and `second` may be null. With `Shared`, other host
/// threads may work on the same memory.
template <typename T, AtomicChange<T> Change, bool Shared = true>
void atomicLanes(LaneDwords *result, const LaneDwords *first, const LaneDwords *second,
                 const LaneAddresses &at) {
  forLanes(at.mask, [&](int l) {
    T a = valueOf<T>(first, l), b = second ? valueOf<T>(second, l) : 0;
    T *memory = reinterpret_cast<T *>(at.lane[l]);
    T before = __atomic_load_n(memory, __ATOMIC_RELAXED);
    if constexpr (!Shared)
      *memory = Change(before, a, b);
    while (Shared &&
           !__atomic_compare_exchange_n(memory, &before, Change(before, a, b), /*weak=*/true,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      continue;
    if (!result)
      return;
    result[0].lane[l] = static_cast<uint32_t>(before);
    if constexpr (sizeof(T) == 8)
      result[1].lane[l] = static_cast<uint32_t>(before >> 32);
  });
}

/// The shape of an atomic on a T; a pair of 16-bit floats needs the alignment of a dword too.
template <typename T> constexpr AccessShape atomicShape() {
  return {sizeof(T), sizeof(T), Direction::Atomic};
}

} // namespace zorse::emulator
