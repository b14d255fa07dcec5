//===- GlobalMemory.cpp - global_*, flat_* and scratch_* ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "execute/Atomics.h"
#include "execute/Handlers.h"
#include "execute/LaneTransfer.h"
#include "execute/MemoryAccess.h"

#include <string_view>

namespace zorse::emulator {

namespace {

enum class Space : uint8_t { Global, Flat, Scratch };

void globalAddresses(const Wave &wave, const Instruction &ins, LaneAddresses &at) {
  at.mask = wave.exec();
  const uint32_t *low = wave.vgpr[ins.address.index].lane;
  auto offset = static_cast<uint64_t>(int64_t(ins.offset));
  if (ins.base) {
    offset += wave.scalar(ins.base);
    for (int l = 0; l < waveSize; ++l)
      at.lane[l] = offset + low[l];
    return;
  }
  const uint32_t *high = wave.vgpr[ins.address.index + 1].lane;
  for (int l = 0; l < waveSize; ++l)
    at.lane[l] = (low[l] | uint64_t(high[l]) << 32) + offset;
}

void scratchOffsets(const Wave &wave, const Instruction &ins, LaneOffsets &offsets) {
  offsets.mask = wave.exec();
  auto offset = static_cast<uint32_t>(ins.offset);
  if (ins.base)
    offset += static_cast<uint32_t>(wave.scalar(ins.base));
  for (int l = 0; l < waveSize; ++l)
    offsets.lane[l] = offset + (ins.address ? wave.vgpr[ins.address.index].lane[l] : 0);
}

/// The lanes whose flat address lies in an aperture, and their offsets in it.
uint64_t apertureLanes(const LaneAddresses &at, uint64_t aperture, LaneOffsets &offsets) {
  offsets.mask = 0;
  for (int l = 0; l < waveSize; ++l) {
    offsets.lane[l] = static_cast<uint32_t>(at.lane[l]);
    offsets.mask |= uint64_t(at.lane[l] >> 32 == aperture >> 32) << l;
  }
  offsets.mask &= at.mask;
  return offsets.mask;
}

/// Looks the lanes of one instruction up and hands them to `transfer`, once for each kind of memory
/// among them; `drop` gets the lanes that reach nothing.
template <Space S, typename Transfer, typename Drop>
void access(Wave &wave, const Instruction &ins, const AccessShape &shape, Transfer transfer,
            Drop drop) {
  LaneAddresses at;
  if constexpr (S == Space::Scratch) {
    LaneOffsets offsets;
    scratchOffsets(wave, ins, offsets);
    if (reachScratch(wave, offsets, shape, at))
      transfer(at);
    return;
  }
  globalAddresses(wave, ins, at);
  uint64_t apertures = 0;
  if constexpr (S == Space::Flat)
    for (int l = 0; l < waveSize; ++l)
      apertures |= at.mask >> l & 1 ? at.lane[l] >> 48 : 0;
  if (apertures == 0) {
    if (reachGlobal(wave, at, shape))
      transfer(at);
    return;
  }
  LaneOffsets local, scratch;
  LaneAddresses localAt, scratchAt;
  at.mask &=
      ~(apertureLanes(at, sharedAperture, local) | apertureLanes(at, privateAperture, scratch));
  if (!reachGlobal(wave, at, shape) || !reachLocal(wave, local, shape, localAt) ||
      !reachScratch(wave, scratch, shape, scratchAt))
    return;
  transfer(at);
  transfer(localAt);
  transfer(scratchAt);
  drop(local.mask & ~localAt.mask);
}

template <Space S, Element E> void load(Wave &wave, const Instruction &ins) {
  LaneDwords *to = &wave.vgpr[ins.dst.index];
  access<S>(
      wave, ins, shapeOf(E, Direction::Load),
      [=](const LaneAddresses &at) { loadLanes<E>(to, at); },
      [=](uint64_t lanes) { zeroLanes(to, dwordsOf(E), lanes); });
}

template <Space S, Element E> void store(Wave &wave, const Instruction &ins) {
  const LaneDwords *from = &wave.vgpr[ins.data.index];
  access<S>(
      wave, ins, shapeOf(E, Direction::Store),
      [=](const LaneAddresses &at) { storeLanes<E>(from, at); }, [](uint64_t) {});
}

template <Space S, typename T, AtomicChange<T> Change, bool TwoOperands = false>
void update(Wave &wave, const Instruction &ins) {
  constexpr uint32_t dwords = sizeof(T) / 4;
  LaneDwords *result = ins.dst ? &wave.vgpr[ins.dst.index] : nullptr;
  const LaneDwords *first = &wave.vgpr[ins.data.index];
  const LaneDwords *second = TwoOperands ? first + dwords : nullptr;
  access<S>(
      wave, ins, atomicShape<T>(),
      [=](const LaneAddresses &at) { atomicLanes<T, Change>(result, first, second, at); },
      [=](uint64_t lanes) {
        if (result)
          zeroLanes(result, dwords, lanes);
      });
}

/// From global memory into LDS: each lane fills whole dwords, at M0, the offset and its own place.
template <Element E> void loadToLocal(Wave &wave, const Instruction &ins) {
  constexpr Element stored = E < Element::Dword ? Element::Dword : E;
  LaneAddresses from, to;
  globalAddresses(wave, ins, from);
  LaneOffsets offsets;
  offsets.mask = from.mask;
  uint32_t start = (wave.sgpr[sreg::M0] & 0xffff) + static_cast<uint32_t>(ins.offset);
  for (int l = 0; l < waveSize; ++l)
    offsets.lane[l] = start + uint32_t(l) * bytesOf(stored);
  if (!reachGlobal(wave, from, shapeOf(E, Direction::Load)) ||
      !reachLocal(wave, offsets, shapeOf(stored, Direction::Store), to))
    return;
  LaneDwords values[4];
  loadLanes<E>(values, from);
  storeLanes<stored>(values, to);
}

template <Space S>
constexpr HandlerEntry transfers[] = {
    {"load_ubyte", load<S, Element::U8>},
    {"load_sbyte", load<S, Element::S8>},
    {"load_ushort", load<S, Element::U16>},
    {"load_sshort", load<S, Element::S16>},
    {"load_ubyte_d16", load<S, Element::U8Low>},
    {"load_ubyte_d16_hi", load<S, Element::U8High>},
    {"load_sbyte_d16", load<S, Element::S8Low>},
    {"load_sbyte_d16_hi", load<S, Element::S8High>},
    {"load_short_d16", load<S, Element::U16Low>},
    {"load_short_d16_hi", load<S, Element::U16High>},
    {"load_dword", load<S, Element::Dword>},
    {"load_dwordx2", load<S, Element::Dword2>},
    {"load_dwordx3", load<S, Element::Dword3>},
    {"load_dwordx4", load<S, Element::Dword4>},
    {"store_byte", store<S, Element::U8>},
    {"store_byte_d16_hi", store<S, Element::U8High>},
    {"store_short", store<S, Element::U16>},
    {"store_short_d16_hi", store<S, Element::U16High>},
    {"store_dword", store<S, Element::Dword>},
    {"store_dwordx2", store<S, Element::Dword2>},
    {"store_dwordx3", store<S, Element::Dword3>},
    {"store_dwordx4", store<S, Element::Dword4>},
};

template <Space S, typename T>
constexpr HandlerEntry integerAtomics[] = {
    {"atomic_swap", update<S, T, atomic::swap<T>>},
    {"atomic_cmpswap", update<S, T, atomic::compareSwap<T>, true>},
    {"atomic_add", update<S, T, atomic::add<T>>},
    {"atomic_sub", update<S, T, atomic::sub<T>>},
    {"atomic_smin", update<S, T, atomic::smin<T>>},
    {"atomic_umin", update<S, T, atomic::umin<T>>},
    {"atomic_smax", update<S, T, atomic::smax<T>>},
    {"atomic_umax", update<S, T, atomic::umax<T>>},
    {"atomic_and", update<S, T, atomic::bitAnd<T>>},
    {"atomic_or", update<S, T, atomic::bitOr<T>>},
    {"atomic_xor", update<S, T, atomic::bitXor<T>>},
    {"atomic_inc", update<S, T, atomic::inc<T>>},
    {"atomic_dec", update<S, T, atomic::dec<T>>},
};

template <Space S>
constexpr HandlerEntry floatAtomics[] = {
    {"atomic_add_f32", update<S, uint32_t, atomic::addFloat<uint32_t>>},
    {"atomic_add_f64", update<S, uint64_t, atomic::addFloat<uint64_t>>},
    {"atomic_min_f64", update<S, uint64_t, atomic::minFloat<uint64_t>>},
    {"atomic_max_f64", update<S, uint64_t, atomic::maxFloat<uint64_t>>},
    {"atomic_pk_add_f16", update<S, uint32_t, atomic::addHalves>},
    {"atomic_pk_add_bf16", update<S, uint32_t, atomic::addBfloats>},
};

constexpr HandlerEntry localLoads[] = {
    {"load_lds_ubyte", loadToLocal<Element::U8>},
    {"load_lds_sbyte", loadToLocal<Element::S8>},
    {"load_lds_ushort", loadToLocal<Element::U16>},
    {"load_lds_sshort", loadToLocal<Element::S16>},
    {"load_lds_dword", loadToLocal<Element::Dword>},
    {"load_lds_dwordx4", loadToLocal<Element::Dword4>},
};

template <Space S> Handler findIn(std::string_view name) {
  if (Handler handler = findEntry(transfers<S>, name))
    return handler;
  if constexpr (S != Space::Scratch) { // scratch has no atomics
    if (Handler handler = findEntry(floatAtomics<S>, name))
      return handler;
    if (name.ends_with("_x2"))
      return findEntry(integerAtomics<S, uint64_t>, name.substr(0, name.size() - 3));
    return findEntry(integerAtomics<S, uint32_t>, name);
  }
  return nullptr;
}

} // namespace

Handler findGlobalMemory(const Instruction &instruction) {
  std::string_view name = instruction.mnemonic;
  constexpr std::string_view global = "global_", flat = "flat_", scratch = "scratch_";
  if (name.starts_with(global)) {
    name.remove_prefix(global.size());
    Handler handler = findIn<Space::Global>(name);
    return handler ? handler : findEntry(localLoads, name);
  }
  if (name.starts_with(flat))
    return findIn<Space::Flat>(name.substr(flat.size()));
  if (name.starts_with(scratch))
    return findIn<Space::Scratch>(name.substr(scratch.size()));
  return nullptr;
}

} // namespace zorse::emulator
