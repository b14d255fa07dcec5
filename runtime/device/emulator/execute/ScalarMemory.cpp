//===- ScalarMemory.cpp - SMEM --------------------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/Handlers.h"
#include "execute/Wave.h"
#include "memory/AddressSpace.h"

#include <cinttypes>
#include <cstdio>

namespace zorse::emulator {
namespace {

constexpr uint64_t lowAddressMask = (uint64_t(1) << 48) - 1;
constexpr uint64_t dwordMask = ~uint64_t(3);

uint64_t offsetOf(const Wave &wave, const Instruction &in) {
  uint64_t offset = static_cast<uint64_t>(static_cast<int64_t>(in.offset));
  if (in.soffset)
    offset += static_cast<uint32_t>(wave.scalar(in.soffset));
  return offset;
}

/// Copies `dwords` dwords of memory into `to`; stops the wave outside of memory.
bool fetch(Wave &wave, uint64_t address, uint32_t dwords, uint32_t *to) {
  uint32_t hint = 0;
  if (wave.memory->find(address, 4 * uint64_t(dwords), hint)) {
    std::memcpy(to, reinterpret_cast<const void *>(address), 4 * size_t(dwords));
    return true;
  }
  char text[192];
  int length = std::snprintf(text, sizeof text,
                             "a scalar load of %" PRIu32 " bytes at 0x%" PRIx64
                             " outside of allocated memory",
                             4 * dwords, address);
  std::string reason(text, static_cast<size_t>(length));
  if (const Region *near = wave.memory->nearest(address)) {
    length = std::snprintf(text, sizeof text,
                           "; the nearest allocation is [0x%" PRIx64 ", 0x%" PRIx64 ")",
                           near->begin, near->end);
    reason.append(text, static_cast<size_t>(length));
  }
  wave.stop(std::move(reason));
  return false;
}

bool fits(Wave &wave, const Instruction &in, uint32_t dwords) {
  if (in.dst.isSgpr() && in.dst.index + dwords <= sreg::Count)
    return true;
  wave.stop("the destination of a scalar load reaches beyond the scalar registers");
  return false;
}

template <uint32_t Dwords> void load(Wave &wave, const Instruction &in) {
  if (!fits(wave, in, Dwords))
    return;
  uint64_t address = (wave.pair(in.base.index) + offsetOf(wave, in)) & dwordMask;
  uint32_t loaded[Dwords];
  if (!fetch(wave, address, Dwords, loaded))
    return;
  std::memcpy(wave.sgpr + in.dst.index, loaded, sizeof loaded);
  wave.counts->scalarBytes += sizeof loaded;
}

/// Dwords beyond num_records read 0. Descriptor: base [47:0], stride [61:48], num_records in the
/// third dword, in units of the stride unless that is 0.
template <uint32_t Dwords> void loadBuffer(Wave &wave, const Instruction &in) {
  if (!fits(wave, in, Dwords))
    return;
  uint64_t words01 = wave.pair(in.base.index);
  uint64_t base = words01 & lowAddressMask & dwordMask, stride = words01 >> 48 & 0x3fff;
  uint64_t size = wave.sgpr[in.base.index + 2] * (stride ? stride : 1);
  uint64_t offset = offsetOf(wave, in) & dwordMask;
  uint32_t loaded[Dwords] = {};
  uint64_t inside = offset < size ? (size - offset) / 4 : 0;
  uint32_t dwords = inside < Dwords ? static_cast<uint32_t>(inside) : Dwords;
  if (dwords && !fetch(wave, base + offset, dwords, loaded))
    return;
  std::memcpy(wave.sgpr + in.dst.index, loaded, sizeof loaded);
  wave.counts->scalarBytes += 4 * uint64_t(dwords);
}

// Time is that of the wave alone, as if each of its instructions took four cycles: the same on
// every host and with any number of threads.
void readTime(Wave &wave, const Instruction &in) {
  if (fits(wave, in, 2))
    wave.setPair(in.dst.index, 4 * wave.executed);
}

void nothing(Wave &, const Instruction &) {}

constexpr HandlerEntry entries[] = {
    {"s_atc_probe", nothing},
    {"s_atc_probe_buffer", nothing},
    {"s_buffer_load_dword", loadBuffer<1>},
    {"s_buffer_load_dwordx16", loadBuffer<16>},
    {"s_buffer_load_dwordx2", loadBuffer<2>},
    {"s_buffer_load_dwordx4", loadBuffer<4>},
    {"s_buffer_load_dwordx8", loadBuffer<8>},
    {"s_dcache_inv", nothing},
    {"s_dcache_inv_vol", nothing},
    {"s_dcache_wb", nothing},
    {"s_dcache_wb_vol", nothing},
    {"s_load_dword", load<1>},
    {"s_load_dwordx16", load<16>},
    {"s_load_dwordx2", load<2>},
    {"s_load_dwordx4", load<4>},
    {"s_load_dwordx8", load<8>},
    {"s_memrealtime", readTime},
    {"s_memtime", readTime},
};

} // namespace

Handler findScalarMemory(const Instruction &instruction) {
  for (const HandlerEntry &entry : entries)
    if (entry.mnemonic == instruction.mnemonic)
      return entry.handler;
  return nullptr;
}

} // namespace zorse::emulator
