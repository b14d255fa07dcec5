//===- LaneTransfer.h - between registers and memory ------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/MemoryAccess.h"

#include <bit>

namespace zorse::emulator {

/// What a load or store moves. Low and High are the d16 forms: 16 bits in that half of a register.
/// With ECC on the register file a d16 load does not keep the other half; it becomes 0.
enum class Element : uint8_t {
  U8,
  S8,
  U16,
  S16,
  U8Low,
  S8Low,
  U16Low,
  U8High,
  S8High,
  U16High,
  Dword,
  Dword2,
  Dword3,
  Dword4
};

constexpr bool isByte(Element e) {
  return e == Element::U8 || e == Element::S8 || e == Element::U8Low || e == Element::S8Low ||
         e == Element::U8High || e == Element::S8High;
}
constexpr uint32_t dwordsOf(Element e) {
  return e == Element::Dword2 ? 2 : e == Element::Dword3 ? 3 : e == Element::Dword4 ? 4 : 1;
}
constexpr uint32_t bytesOf(Element e) {
  return isByte(e) ? 1 : e < Element::Dword ? 2 : 4 * dwordsOf(e);
}
constexpr AccessShape shapeOf(Element e, Direction direction) {
  return {bytesOf(e), bytesOf(e) < 4 ? bytesOf(e) : 4, direction};
}

/// The register value of a loaded byte or word.
template <Element E> uint32_t loadedDword(const uint8_t *from) {
  uint32_t value = from[0];
  if constexpr (!isByte(E))
    value |= uint32_t(from[1]) << 8;
  if constexpr (E == Element::S8)
    return static_cast<uint32_t>(static_cast<int8_t>(value));
  if constexpr (E == Element::S16)
    return static_cast<uint32_t>(static_cast<int16_t>(value));
  if constexpr (E == Element::S8Low || E == Element::S8High)
    value = static_cast<uint16_t>(static_cast<int8_t>(value));
  if constexpr (E == Element::U8High || E == Element::S8High || E == Element::U16High)
    value <<= 16;
  return value;
}

/// Calls `body(lane)` for each lane of a mask, lowest first.
template <typename Body> void forLanes(uint64_t mask, Body body) {
  if (mask == ~uint64_t(0)) {
    for (int l = 0; l < waveSize; ++l)
      body(l);
    return;
  }
  for (; mask; mask &= mask - 1)
    body(std::countr_zero(mask));
}

inline uint8_t *hostBytes(uint64_t address) { return reinterpret_cast<uint8_t *>(address); }

/// Fills registers to[0…] from memory, in the lanes of the mask.
template <Element E> void loadLanes(LaneDwords *to, const LaneAddresses &from) {
  if constexpr (E < Element::Dword) {
    forLanes(from.mask, [&](int l) { to->lane[l] = loadedDword<E>(hostBytes(from.lane[l])); });
  } else {
    constexpr uint32_t dwords = dwordsOf(E);
    if (from.contiguous) {
      const uint8_t *bytes = hostBytes(from.lane[0]);
      if constexpr (dwords == 1) {
        std::memcpy(to->lane, bytes, sizeof to->lane);
      } else {
        uint32_t block[waveSize * dwords];
        std::memcpy(block, bytes, sizeof block);
        for (int l = 0; l < waveSize; ++l)
          for (uint32_t d = 0; d < dwords; ++d)
            to[d].lane[l] = block[l * dwords + d];
      }
      return;
    }
    forLanes(from.mask, [&](int l) {
      uint32_t values[dwords];
      std::memcpy(values, hostBytes(from.lane[l]), sizeof values);
      for (uint32_t d = 0; d < dwords; ++d)
        to[d].lane[l] = values[d];
    });
  }
}

/// Stores registers from[0…] to memory; where lanes meet, the highest one wins.
template <Element E> void storeLanes(const LaneDwords *from, const LaneAddresses &to) {
  if constexpr (E < Element::Dword) {
    constexpr int shift = E == Element::U8High || E == Element::U16High ? 16 : 0;
    forLanes(to.mask, [&](int l) {
      uint32_t value = from->lane[l] >> shift;
      std::memcpy(hostBytes(to.lane[l]), &value, bytesOf(E));
    });
  } else {
    constexpr uint32_t dwords = dwordsOf(E);
    if (to.contiguous) {
      uint8_t *bytes = hostBytes(to.lane[0]);
      if constexpr (dwords == 1) {
        std::memcpy(bytes, from->lane, sizeof from->lane);
      } else {
        uint32_t block[waveSize * dwords];
        for (int l = 0; l < waveSize; ++l)
          for (uint32_t d = 0; d < dwords; ++d)
            block[l * dwords + d] = from[d].lane[l];
        std::memcpy(bytes, block, sizeof block);
      }
      return;
    }
    forLanes(to.mask, [&](int l) {
      uint32_t values[dwords];
      for (uint32_t d = 0; d < dwords; ++d)
        values[d] = from[d].lane[l];
      std::memcpy(hostBytes(to.lane[l]), values, sizeof values);
    });
  }
}

/// Lanes whose address is out of bounds, where that gives 0.
inline void zeroLanes(LaneDwords *to, uint32_t dwords, uint64_t mask) {
  if (mask == 0)
    return;
  for (uint32_t d = 0; d < dwords; ++d)
    for (int l = 0; l < waveSize; ++l)
      to[d].lane[l] = mask >> l & 1 ? 0 : to[d].lane[l];
}

} // namespace zorse::emulator
