//===- LocalMemory.cpp - ds_*: loads and stores of LDS --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "execute/LocalMemory.h"

#include "execute/LaneTransfer.h"

namespace zorse::emulator {

void localOffsets(const Wave &wave, const Instruction &ins, uint32_t offset, LaneOffsets &to) {
  to.mask = wave.exec();
  const uint32_t *address = wave.vgpr[ins.address.index].lane;
  for (int l = 0; l < waveSize; ++l)
    to.lane[l] = address[l] + offset;
}

namespace {

/// Bytes that one step of an encoded offset stands for, in two-address instructions.
template <Element E, bool Strided> constexpr uint32_t step = bytesOf(E) * (Strided ? 64 : 1);

template <Element E> void load(Wave &wave, const LaneOffsets &offsets, LaneDwords *to) {
  LaneAddresses at;
  if (!reachLocal(wave, offsets, shapeOf(E, Direction::Load), at))
    return;
  zeroLanes(to, dwordsOf(E), offsets.mask & ~at.mask);
  loadLanes<E>(to, at);
}

template <Element E> void store(Wave &wave, const LaneOffsets &offsets, const LaneDwords *from) {
  LaneAddresses at;
  if (reachLocal(wave, offsets, shapeOf(E, Direction::Store), at))
    storeLanes<E>(from, at);
}

template <Element E> void read(Wave &wave, const Instruction &ins) {
  LaneOffsets offsets;
  localOffsets(wave, ins, static_cast<uint32_t>(ins.offset), offsets);
  load<E>(wave, offsets, &wave.vgpr[ins.dst.index]);
}

template <Element E> void write(Wave &wave, const Instruction &ins) {
  LaneOffsets offsets;
  localOffsets(wave, ins, static_cast<uint32_t>(ins.offset), offsets);
  store<E>(wave, offsets, &wave.vgpr[ins.data.index]);
}

template <Element E, bool Strided> void readTwo(Wave &wave, const Instruction &ins) {
  LaneOffsets first, second; // before the result overwrites the address
  localOffsets(wave, ins, static_cast<uint32_t>(ins.offset) * step<E, Strided>, first);
  localOffsets(wave, ins, static_cast<uint32_t>(ins.offset1) * step<E, Strided>, second);
  LaneDwords *to = &wave.vgpr[ins.dst.index];
  load<E>(wave, first, to);
  if (wave.state != Wave::State::Faulted)
    load<E>(wave, second, to + dwordsOf(E));
}

template <Element E, bool Strided> void writeTwo(Wave &wave, const Instruction &ins) {
  LaneOffsets first, second;
  localOffsets(wave, ins, static_cast<uint32_t>(ins.offset) * step<E, Strided>, first);
  localOffsets(wave, ins, static_cast<uint32_t>(ins.offset1) * step<E, Strided>, second);
  store<E>(wave, first, &wave.vgpr[ins.data.index]);
  if (wave.state != Wave::State::Faulted)
    store<E>(wave, second, &wave.vgpr[ins.data2.index]);
}

/// Without an address: M0, the offset, and a dword for each lane.
void laneOffsets(const Wave &wave, const Instruction &ins, LaneOffsets &to) {
  to.mask = wave.exec();
  uint32_t start = (wave.sgpr[sreg::M0] & 0xffff) + static_cast<uint32_t>(ins.offset);
  for (int l = 0; l < waveSize; ++l)
    to.lane[l] = start + 4 * uint32_t(l);
}
void readByLane(Wave &wave, const Instruction &ins) {
  LaneOffsets offsets;
  laneOffsets(wave, ins, offsets);
  load<Element::Dword>(wave, offsets, &wave.vgpr[ins.dst.index]);
}
void writeByLane(Wave &wave, const Instruction &ins) {
  LaneOffsets offsets;
  laneOffsets(wave, ins, offsets);
  const Operand &data = ins.data ? ins.data : ins.address;
  store<Element::Dword>(wave, offsets, &wave.vgpr[data.index]);
}

void nothing(Wave &, const Instruction &) {}

void globalDataShare(Wave &wave, const Instruction &) {
  wave.stop("the global data share (gds) is not supported");
}

constexpr HandlerEntry transfers[] = {
    {"ds_read_u8", read<Element::U8>},
    {"ds_read_i8", read<Element::S8>},
    {"ds_read_u16", read<Element::U16>},
    {"ds_read_i16", read<Element::S16>},
    {"ds_read_u8_d16", read<Element::U8Low>},
    {"ds_read_u8_d16_hi", read<Element::U8High>},
    {"ds_read_i8_d16", read<Element::S8Low>},
    {"ds_read_i8_d16_hi", read<Element::S8High>},
    {"ds_read_u16_d16", read<Element::U16Low>},
    {"ds_read_u16_d16_hi", read<Element::U16High>},
    {"ds_read_b32", read<Element::Dword>},
    {"ds_read_b64", read<Element::Dword2>},
    {"ds_read_b96", read<Element::Dword3>},
    {"ds_read_b128", read<Element::Dword4>},
    {"ds_read2_b32", readTwo<Element::Dword, false>},
    {"ds_read2_b64", readTwo<Element::Dword2, false>},
    {"ds_read2st64_b32", readTwo<Element::Dword, true>},
    {"ds_read2st64_b64", readTwo<Element::Dword2, true>},
    {"ds_read_addtid_b32", readByLane},
    {"ds_write_b8", write<Element::U8>},
    {"ds_write_b8_d16_hi", write<Element::U8High>},
    {"ds_write_b16", write<Element::U16>},
    {"ds_write_b16_d16_hi", write<Element::U16High>},
    {"ds_write_b32", write<Element::Dword>},
    {"ds_write_b64", write<Element::Dword2>},
    {"ds_write_b96", write<Element::Dword3>},
    {"ds_write_b128", write<Element::Dword4>},
    {"ds_write2_b32", writeTwo<Element::Dword, false>},
    {"ds_write2_b64", writeTwo<Element::Dword2, false>},
    {"ds_write2st64_b32", writeTwo<Element::Dword, true>},
    {"ds_write2st64_b64", writeTwo<Element::Dword2, true>},
    {"ds_write_addtid_b32", writeByLane},
    {"ds_nop", nothing},
};

} // namespace

Handler findLocalMemory(const Instruction &instruction) {
  if (!instruction.mnemonic.starts_with("ds_"))
    return nullptr;
  if (instruction.gds)
    return globalDataShare;
  if (Handler handler = findEntry(transfers, instruction.mnemonic))
    return handler;
  if (Handler handler = findLocalAtomic(instruction.mnemonic))
    return handler;
  return findLaneExchange(instruction.mnemonic);
}

} // namespace zorse::emulator
