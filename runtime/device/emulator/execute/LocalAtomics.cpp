//===- LocalAtomics.cpp - ds_*: atomics on LDS ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "execute/Atomics.h"
#include "execute/LocalMemory.h"

#include <string>

namespace zorse::emulator {

namespace {

template <typename T, AtomicChange<T> Change>
void updateAt(Wave &wave, const LaneOffsets &offsets, LaneDwords *result, const LaneDwords *first,
              const LaneDwords *second) {
  LaneAddresses at;
  if (!reachLocal(wave, offsets, atomicShape<T>(), at))
    return;
  // A workgroup runs on one host thread.
  atomicLanes<T, Change, /*Shared=*/false>(result, first, second, at);
  if (result)
    zeroLanes(result, sizeof(T) / 4, offsets.mask & ~at.mask);
}

template <typename T, AtomicChange<T> Change> void update(Wave &wave, const Instruction &ins) {
  LaneOffsets offsets;
  localOffsets(wave, ins, static_cast<uint32_t>(ins.offset), offsets);
  updateAt<T, Change>(wave, offsets, ins.dst ? &wave.vgpr[ins.dst.index] : nullptr,
                      &wave.vgpr[ins.data.index],
                      ins.data2 ? &wave.vgpr[ins.data2.index] : nullptr);
}

void addFloat(Wave &wave, const Instruction &ins) {
  wave.mode.flush32 ? update<uint32_t, atomic::addFloatFlushing>(wave, ins)
                    : update<uint32_t, atomic::addFloat<uint32_t>>(wave, ins);
}

/// Two exchanges; the result may overlap what goes in.
template <typename T, bool Strided> void exchangeTwo(Wave &wave, const Instruction &ins) {
  constexpr uint32_t dwords = sizeof(T) / 4, step = sizeof(T) * (Strided ? 64 : 1);
  LaneOffsets first, second;
  localOffsets(wave, ins, static_cast<uint32_t>(ins.offset) * step, first);
  localOffsets(wave, ins, static_cast<uint32_t>(ins.offset1) * step, second);
  LaneDwords secondData[dwords];
  std::memcpy(secondData, &wave.vgpr[ins.data2.index], sizeof secondData);
  LaneDwords *result = &wave.vgpr[ins.dst.index];
  updateAt<T, atomic::swap<T>>(wave, first, result, &wave.vgpr[ins.data.index], nullptr);
  if (wave.state != Wave::State::Faulted)
    updateAt<T, atomic::swap<T>>(wave, second, result + dwords, secondData, nullptr);
}

using U32 = uint32_t;
using U64 = uint64_t;

/// By name without "ds_", and with "_rtn" left out.
constexpr HandlerEntry updates[] = {
    {"add_u32", update<U32, atomic::add<U32>>},
    {"add_u64", update<U64, atomic::add<U64>>},
    {"sub_u32", update<U32, atomic::sub<U32>>},
    {"sub_u64", update<U64, atomic::sub<U64>>},
    {"rsub_u32", update<U32, atomic::reverseSub<U32>>},
    {"rsub_u64", update<U64, atomic::reverseSub<U64>>},
    {"inc_u32", update<U32, atomic::inc<U32>>},
    {"inc_u64", update<U64, atomic::inc<U64>>},
    {"dec_u32", update<U32, atomic::dec<U32>>},
    {"dec_u64", update<U64, atomic::dec<U64>>},
    {"min_i32", update<U32, atomic::smin<U32>>},
    {"min_i64", update<U64, atomic::smin<U64>>},
    {"max_i32", update<U32, atomic::smax<U32>>},
    {"max_i64", update<U64, atomic::smax<U64>>},
    {"min_u32", update<U32, atomic::umin<U32>>},
    {"min_u64", update<U64, atomic::umin<U64>>},
    {"max_u32", update<U32, atomic::umax<U32>>},
    {"max_u64", update<U64, atomic::umax<U64>>},
    {"and_b32", update<U32, atomic::bitAnd<U32>>},
    {"and_b64", update<U64, atomic::bitAnd<U64>>},
    {"or_b32", update<U32, atomic::bitOr<U32>>},
    {"or_b64", update<U64, atomic::bitOr<U64>>},
    {"xor_b32", update<U32, atomic::bitXor<U32>>},
    {"xor_b64", update<U64, atomic::bitXor<U64>>},
    {"mskor_b32", update<U32, atomic::maskOr<U32>>},
    {"mskor_b64", update<U64, atomic::maskOr<U64>>},
    {"cmpst_b32", update<U32, atomic::compareStore<U32>>},
    {"cmpst_b64", update<U64, atomic::compareStore<U64>>},
    {"cmpst_f32", update<U32, atomic::compareStoreFloat<U32>>},
    {"cmpst_f64", update<U64, atomic::compareStoreFloat<U64>>},
    {"wrxchg_b32", update<U32, atomic::swap<U32>>},
    {"wrxchg_b64", update<U64, atomic::swap<U64>>},
    {"wrap_b32", update<U32, atomic::wrap<U32>>},
    {"wrxchg2_b32", exchangeTwo<U32, false>},
    {"wrxchg2_b64", exchangeTwo<U64, false>},
    {"wrxchg2st64_b32", exchangeTwo<U32, true>},
    {"wrxchg2st64_b64", exchangeTwo<U64, true>},
    {"add_f32", addFloat},
    {"add_f64", update<U64, atomic::addFloat<U64>>},
    {"min_f32", update<U32, atomic::minFloat<U32>>},
    {"min_f64", update<U64, atomic::minFloat<U64>>},
    {"max_f32", update<U32, atomic::maxFloat<U32>>},
    {"max_f64", update<U64, atomic::maxFloat<U64>>},
    {"pk_add_f16", update<U32, atomic::addHalves>},
    {"pk_add_bf16", update<U32, atomic::addBfloats>},
};

} // namespace

Handler findLocalAtomic(std::string_view mnemonic) {
  std::string name(mnemonic.substr(std::string_view("ds_").size()));
  constexpr std::string_view returning = "_rtn";
  if (size_t at = name.find(returning); at != std::string::npos)
    name.erase(at, returning.size());
  return findEntry(updates, name);
}

} // namespace zorse::emulator
