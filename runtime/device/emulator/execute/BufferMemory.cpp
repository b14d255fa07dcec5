//===- BufferMemory.cpp - buffer_*: memory behind a descriptor ------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A descriptor of four dwords: base address [47:0], stride [61:48], swizzle
// enable [63], number of records [95:64], add-thread-id [119].
//
// Range. Without idxen, or with a stride of 0, records are bytes, and dword d of
// an access is out of range when voffset + inst_offset + 4 d + 4 exceeds them.
// Offsets count as unsigned and do not wrap; soffset is not part of the check.
// (The ISA documents subtract soffset from the number of records. LLVM's
// definition of buffer pointers, and other emulators, leave it out.) With idxen
// and a stride, records are elements, and an access is out of range when its
// index is not below them. Loads out of range give 0, stores are dropped,
// atomics are checked as a whole. What is in range must still be allocated.
//
// With add-thread-id the buffer is scratch: stack pointers (soffset) count bytes
// of all 64 lanes, the other offsets those of one lane.
//
//===----------------------------------------------------------------------===//

#include "execute/Atomics.h"
#include "execute/Handlers.h"
#include "execute/LaneTransfer.h"
#include "execute/MemoryAccess.h"

#include <algorithm>
#include <fmt/format.h>

namespace zorse::emulator {

namespace {

struct Descriptor {
  uint64_t base;
  uint32_t stride, numRecords;
  bool swizzle, addThreadId;
};

Descriptor descriptorOf(const Wave &wave, const Operand &operand) {
  const uint32_t *word = wave.sgpr + operand.index;
  return {word[0] | uint64_t(word[1] & 0xffff) << 32, word[1] >> 16 & 0x3fff, word[2],
          (word[1] >> 31) != 0, (word[3] >> 23 & 1) != 0};
}

/// Where the lanes of a buffer access reach.
struct BufferAccess {
  LaneAddresses at;         ///< lanes with everything in range
  LaneAddresses partial;    ///< lanes of which only the first dwords are
  uint32_t bytes[waveSize]; ///< in range, of the lanes of both, when there are partial ones
  uint64_t outside = 0;
};

const uint32_t *offsetsOf(const Wave &wave, const Instruction &ins) {
  return ins.offen ? wave.vgpr[ins.address.index + (ins.idxen ? 1 : 0)].lane : nullptr;
}

bool reachScratchBuffer(Wave &wave, const Instruction &ins, const AccessShape &shape,
                        LaneAddresses &at) {
  auto soffset = static_cast<uint32_t>(wave.scalar(ins.soffset));
  if (ins.idxen || soffset % waveSize) {
    wave.stop(ins.idxen
                  ? "scratch through a buffer descriptor with idxen is not supported"
                  : fmt::format("soffset {} of a scratch access is not a multiple of {} lanes: not "
                                "supported",
                                soffset, waveSize));
    return false;
  }
  LaneOffsets offsets;
  offsets.mask = wave.exec();
  const uint32_t *variable = offsetsOf(wave, ins);
  for (int l = 0; l < waveSize; ++l)
    offsets.lane[l] =
        (variable ? variable[l] : 0) + static_cast<uint32_t>(ins.offset) + soffset / waveSize;
  return reachScratch(wave, offsets, shape, at);
}

/// Leaves in access.at the lanes whose index is in range, at base + index * stride + offset.
bool addressElements(Wave &wave, const Instruction &ins, const Descriptor &descriptor,
                     const AccessShape &shape, uint64_t start, BufferAccess &access) {
  const uint32_t *index = wave.vgpr[ins.address.index].lane;
  const uint32_t *variable = offsetsOf(wave, ins);
  uint64_t inside = 0;
  for (int l = 0; l < waveSize; ++l) {
    uint64_t offset = uint64_t(variable ? variable[l] : 0) + uint32_t(ins.offset);
    if (!(wave.exec() >> l & 1) || index[l] >= descriptor.numRecords)
      continue;
    if (offset + shape.bytes > descriptor.stride) {
      wave.stop(fmt::format("lane {} reaches bytes [{}, {}) of a buffer element, whose stride is "
                            "{}: not supported",
                            l, offset, offset + shape.bytes, descriptor.stride));
      return false;
    }
    access.at.lane[l] = start + uint64_t(index[l]) * descriptor.stride + offset;
    inside |= uint64_t(1) << l;
  }
  access.at.mask = inside;
  access.outside = wave.exec() & ~inside;
  return true;
}

/// Leaves in access.at and .partial the lanes whose first dword is in range.
void addressBytes(const Wave &wave, const Instruction &ins, const Descriptor &descriptor,
                  const AccessShape &shape, uint64_t start, BufferAccess &access) {
  const uint32_t *variable = offsetsOf(wave, ins);
  auto constant = static_cast<uint32_t>(ins.offset);
  uint64_t most = 0;
  for (int l = 0; l < waveSize; ++l) {
    uint64_t offset = uint64_t(variable ? variable[l] : 0) + constant;
    access.at.lane[l] = start + offset;
    most = std::max(most, offset);
  }
  access.at.mask = wave.exec();
  if (most + shape.bytes <= descriptor.numRecords)
    return;
  uint64_t full = 0;
  for (uint64_t rest = wave.exec(); rest; rest &= rest - 1) {
    int l = std::countr_zero(rest);
    uint64_t offset = access.at.lane[l] - start;
    uint64_t room = offset < descriptor.numRecords ? descriptor.numRecords - offset : 0;
    access.bytes[l] = shape.bytes;
    if (room >= shape.bytes) {
      full |= uint64_t(1) << l;
    } else if (room >= 4 && shape.direction != Direction::Atomic) {
      access.bytes[l] = static_cast<uint32_t>(room & ~uint64_t(3));
      access.partial.lane[l] = access.at.lane[l];
      access.partial.mask |= uint64_t(1) << l;
    } else {
      access.outside |= uint64_t(1) << l;
    }
  }
  access.at.mask = full;
}

bool reachBuffer(Wave &wave, const Instruction &ins, const AccessShape &shape,
                 BufferAccess &access) {
  Descriptor descriptor = descriptorOf(wave, ins.base);
  if (descriptor.addThreadId)
    return reachScratchBuffer(wave, ins, shape, access.at);
  if (descriptor.swizzle) {
    wave.stop("a buffer descriptor with swizzled addressing that is not scratch is not supported");
    return false;
  }
  uint64_t start = descriptor.base + static_cast<uint32_t>(wave.scalar(ins.soffset));
  if (ins.idxen && descriptor.stride) {
    if (!addressElements(wave, ins, descriptor, shape, start, access))
      return false;
  } else {
    addressBytes(wave, ins, descriptor, shape, start, access);
  }
  if (access.partial.mask == 0)
    return reachGlobal(wave, access.at, shape);
  LaneAddresses both = access.at;
  both.mask |= access.partial.mask;
  access.at.contiguous = access.partial.contiguous = false;
  return reachGlobalRagged(wave, both, access.bytes, shape);
}

/// Calls body(dword, lanes) for the dwords in range of partial lanes.
template <typename Body> void forPartialDwords(BufferAccess &access, Body body) {
  LaneAddresses &at = access.partial;
  for (uint32_t d = 0; at.mask; ++d) {
    for (uint64_t rest = at.mask; rest; rest &= rest - 1) {
      int l = std::countr_zero(rest);
      if (access.bytes[l] <= 4 * d)
        at.mask &= ~(uint64_t(1) << l);
    }
    body(d, at);
    for (uint64_t &address : at.lane)
      address += 4;
  }
}

template <Element E> void moveIn(LaneDwords *to, BufferAccess &access) {
  zeroLanes(to, dwordsOf(E), access.outside | access.partial.mask);
  loadLanes<E>(to, access.at);
  if constexpr (dwordsOf(E) > 1)
    forPartialDwords(access, [&](uint32_t d, const LaneAddresses &at) {
      loadLanes<Element::Dword>(to + d, at);
    });
}

template <Element E> void load(Wave &wave, const Instruction &ins) {
  BufferAccess access;
  if (reachBuffer(wave, ins, shapeOf(E, Direction::Load), access))
    moveIn<E>(&wave.vgpr[ins.dst.index], access);
}

template <Element E> void store(Wave &wave, const Instruction &ins) {
  BufferAccess access;
  const LaneDwords *from = &wave.vgpr[ins.data.index];
  if (!reachBuffer(wave, ins, shapeOf(E, Direction::Store), access))
    return;
  storeLanes<E>(from, access.at);
  if constexpr (dwordsOf(E) > 1)
    forPartialDwords(access, [&](uint32_t d, const LaneAddresses &at) {
      storeLanes<Element::Dword>(from + d, at);
    });
}

/// Into LDS; a lane out of range stores the 0 that it loads.
template <Element E> void loadToLocal(Wave &wave, const Instruction &ins) {
  constexpr Element stored = E < Element::Dword ? Element::Dword : E;
  LaneOffsets offsets;
  offsets.mask = wave.exec();
  uint32_t start = (wave.sgpr[sreg::M0] & 0xffff) + static_cast<uint32_t>(ins.offset);
  for (int l = 0; l < waveSize; ++l)
    offsets.lane[l] = start + uint32_t(l) * bytesOf(stored);
  BufferAccess access;
  LaneAddresses to;
  if (!reachBuffer(wave, ins, shapeOf(E, Direction::Load), access) ||
      !reachLocal(wave, offsets, shapeOf(stored, Direction::Store), to))
    return;
  LaneDwords values[4];
  moveIn<E>(values, access);
  storeLanes<stored>(values, to);
}

template <typename T, AtomicChange<T> Change, bool TwoOperands = false>
void update(Wave &wave, const Instruction &ins) {
  constexpr uint32_t dwords = sizeof(T) / 4;
  BufferAccess access;
  if (!reachBuffer(wave, ins, atomicShape<T>(), access))
    return;
  LaneDwords *result = ins.dst ? &wave.vgpr[ins.dst.index] : nullptr;
  const LaneDwords *first = &wave.vgpr[ins.data.index];
  atomicLanes<T, Change>(result, first, TwoOperands ? first + dwords : nullptr, access.at);
  if (result)
    zeroLanes(result, dwords, access.outside);
}

/// Caches: memory here is always coherent.
void nothing(Wave &, const Instruction &) {}

constexpr HandlerEntry entries[] = {
    {"load_ubyte", load<Element::U8>},
    {"load_sbyte", load<Element::S8>},
    {"load_ushort", load<Element::U16>},
    {"load_sshort", load<Element::S16>},
    {"load_ubyte_d16", load<Element::U8Low>},
    {"load_ubyte_d16_hi", load<Element::U8High>},
    {"load_sbyte_d16", load<Element::S8Low>},
    {"load_sbyte_d16_hi", load<Element::S8High>},
    {"load_short_d16", load<Element::U16Low>},
    {"load_short_d16_hi", load<Element::U16High>},
    {"load_dword", load<Element::Dword>},
    {"load_dwordx2", load<Element::Dword2>},
    {"load_dwordx3", load<Element::Dword3>},
    {"load_dwordx4", load<Element::Dword4>},
    {"store_byte", store<Element::U8>},
    {"store_byte_d16_hi", store<Element::U8High>},
    {"store_short", store<Element::U16>},
    {"store_short_d16_hi", store<Element::U16High>},
    {"store_dword", store<Element::Dword>},
    {"store_dwordx2", store<Element::Dword2>},
    {"store_dwordx3", store<Element::Dword3>},
    {"store_dwordx4", store<Element::Dword4>},
    {"atomic_add_f32", update<uint32_t, atomic::addFloat<uint32_t>>},
    {"atomic_add_f64", update<uint64_t, atomic::addFloat<uint64_t>>},
    {"atomic_min_f64", update<uint64_t, atomic::minFloat<uint64_t>>},
    {"atomic_max_f64", update<uint64_t, atomic::maxFloat<uint64_t>>},
    {"atomic_pk_add_f16", update<uint32_t, atomic::addHalves>},
    {"atomic_pk_add_bf16", update<uint32_t, atomic::addBfloats>},
    {"wbl2", nothing},
    {"inv", nothing},
    {"invl2", nothing},
    {"wbinvl1", nothing},
    {"wbinvl1_vol", nothing},
};

template <typename T>
constexpr HandlerEntry integerAtomics[] = {
    {"atomic_swap", update<T, atomic::swap<T>>},
    {"atomic_cmpswap", update<T, atomic::compareSwap<T>, true>},
    {"atomic_add", update<T, atomic::add<T>>},
    {"atomic_sub", update<T, atomic::sub<T>>},
    {"atomic_smin", update<T, atomic::smin<T>>},
    {"atomic_umin", update<T, atomic::umin<T>>},
    {"atomic_smax", update<T, atomic::smax<T>>},
    {"atomic_umax", update<T, atomic::umax<T>>},
    {"atomic_and", update<T, atomic::bitAnd<T>>},
    {"atomic_or", update<T, atomic::bitOr<T>>},
    {"atomic_xor", update<T, atomic::bitXor<T>>},
    {"atomic_inc", update<T, atomic::inc<T>>},
    {"atomic_dec", update<T, atomic::dec<T>>},
};

constexpr HandlerEntry localLoads[] = {
    {"load_ubyte", loadToLocal<Element::U8>},    {"load_sbyte", loadToLocal<Element::S8>},
    {"load_ushort", loadToLocal<Element::U16>},  {"load_sshort", loadToLocal<Element::S16>},
    {"load_dword", loadToLocal<Element::Dword>}, {"load_dwordx4", loadToLocal<Element::Dword4>},
};

} // namespace

Handler findBufferMemory(const Instruction &instruction) {
  std::string_view name = instruction.mnemonic;
  constexpr std::string_view buffer = "buffer_", lds = "_lds", wide = "_x2";
  if (!name.starts_with(buffer))
    return nullptr;
  name.remove_prefix(buffer.size());
  if (name.ends_with(lds))
    name.remove_suffix(lds.size());
  if (instruction.lds)
    return findEntry(localLoads, name);
  if (Handler handler = findEntry(entries, name))
    return handler;
  if (name.ends_with(wide))
    return findEntry(integerAtomics<uint64_t>, name.substr(0, name.size() - wide.size()));
  return findEntry(integerAtomics<uint32_t>, name);
}

} // namespace zorse::emulator
