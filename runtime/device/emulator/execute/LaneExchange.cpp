//===- LaneExchange.cpp - ds_permute, ds_bpermute, ds_swizzle -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "execute/Lanes.h"
#include "execute/LocalMemory.h"

#include <bit>

namespace zorse::emulator {

namespace {

/// Each lane names the lane that it reads; inactive ones give 0.
void pull(Wave &wave, const Instruction &ins) {
  const uint32_t *address = wave.vgpr[ins.address.index].lane;
  const uint32_t *data = wave.vgpr[ins.data.index].lane;
  uint64_t exec = wave.exec();
  LaneDwords source, result;
  for (int l = 0; l < waveSize; ++l)
    source.lane[l] = exec >> l & 1 ? data[l] : 0;
  for (int l = 0; l < waveSize; ++l)
    result.lane[l] = source.lane[(address[l] + uint32_t(ins.offset)) / 4 % waveSize];
  blendLanes(wave.vgpr[ins.dst.index].lane, result.lane, exec);
}

/// Each lane names the lane that it writes; of several the highest wins, and what nobody writes
/// becomes 0.
void push(Wave &wave, const Instruction &ins) {
  const uint32_t *address = wave.vgpr[ins.address.index].lane;
  const uint32_t *data = wave.vgpr[ins.data.index].lane;
  uint64_t exec = wave.exec();
  LaneDwords result = {};
  for (int l = 0; l < waveSize; ++l)
    if (exec >> l & 1)
      result.lane[(address[l] + uint32_t(ins.offset)) / 4 % waveSize] = data[l];
  blendLanes(wave.vgpr[ins.dst.index].lane, result.lane, exec);
}

/// The lane that lane `l` reads, by the pattern that the offset encodes. Patterns work within 32
/// lanes; bit 5 of the lane stays.
uint32_t swizzled(uint32_t pattern, uint32_t l) {
  uint32_t low = pattern & 0x1f, within = l & 0x1f, half = l & 0x20;
  if (pattern >= 0xe000) { // butterflies of an FFT
    uint32_t reversed = 0;
    for (uint32_t bit = 0; bit < 5; ++bit)
      reversed |= (within >> bit & 1) << (4 - bit);
    return (reversed >> std::popcount(low)) | (within & low) | half;
  }
  if (pattern >= 0xc000) { // rotate those bits of the lane that the mask leaves
    uint32_t by = pattern >> 5 & 0x1f;
    if (pattern >> 10 & 1)
      by = 0 - by;
    return (within & low) | ((within + by) & ~low & 0x1f) | half;
  }
  if (pattern & 0x8000) // any permutation of four neighbours
    return (l & ~3u) | (pattern >> (2 * (l & 3)) & 3);
  uint32_t orMask = pattern >> 5 & 0x1f, xorMask = pattern >> 10 & 0x1f;
  return (((within & low) | orMask) ^ xorMask) | half;
}

void swizzle(Wave &wave, const Instruction &ins) {
  const uint32_t *data = wave.vgpr[ins.address.index].lane;
  uint64_t exec = wave.exec();
  LaneDwords result;
  for (int l = 0; l < waveSize; ++l) {
    uint32_t from = swizzled(static_cast<uint32_t>(ins.offset) & 0xffff, uint32_t(l));
    result.lane[l] = exec >> from & 1 ? data[from] : 0;
  }
  blendLanes(wave.vgpr[ins.dst.index].lane, result.lane, exec);
}

constexpr HandlerEntry exchanges[] = {
    {"ds_permute_b32", push}, {"ds_bpermute_b32", pull}, {"ds_swizzle_b32", swizzle}};

} // namespace

Handler findLaneExchange(std::string_view mnemonic) { return findEntry(exchanges, mnemonic); }

} // namespace zorse::emulator
