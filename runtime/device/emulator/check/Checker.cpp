//===- Checker.cpp - faults that hardware lets pass -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Alignment. HSA runs kernels in the unaligned access mode, in which hardware
// takes global, scratch and LDS accesses at any address (only atomics must be
// aligned, and scalar loads ignore the low two bits of their address). LLVM
// uses that: for data that it knows to be less aligned it still emits dword
// accesses. Data of kernels, however, lies at its natural alignment, and an
// access that does not is a wrong address nearly always. So the check asks for
// the alignment of an element of up to 4 bytes: 16-byte loads at multiples of
// 4 are fine, dwords at odd addresses are not.
//
//===----------------------------------------------------------------------===//

#include "check/Checker.h"

#include "check/Definedness.h"
#include "check/LocalOrder.h"
#include "check/Pending.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

namespace zorse::emulator {

struct Checker::State {
  struct WaveState {
    Definedness definedness;
    Pending pending;
    const Instruction *current = nullptr;
    std::vector<uint8_t> scratchWritten; ///< by byte, lane by lane; empty until the first access
  };
  std::vector<WaveState> waves;
  LocalOrder local;
  uint32_t ldsBytes;
  std::vector<const Pending *> pendings;

  State(uint32_t numWaves, uint32_t ldsBytes)
      : waves(numWaves), local(numWaves, ldsBytes), ldsBytes(ldsBytes) {
    for (WaveState &wave : waves)
      pendings.push_back(&wave.pending);
  }
  WaveState &of(const Wave &wave) { return waves[wave.indexInGroup]; }
  uint8_t *scratchOf(const Wave &wave, int lane, uint32_t address) {
    std::vector<uint8_t> &written = of(wave).scratchWritten;
    if (written.empty())
      written.resize(size_t(waveSize) * wave.scratchPerLane);
    return written.data() + size_t(lane) * wave.scratchPerLane + address;
  }
};

Checker::Checker(uint32_t numWaves, uint32_t ldsBytes)
    : state(std::make_unique<State>(numWaves, ldsBytes)) {}
Checker::~Checker() = default;

void Checker::begin(const Wave &wave, uint32_t definedSgprs, uint32_t definedVgprs) {
  state->of(wave).definedness.begin(wave, definedSgprs, definedVgprs);
}

void Checker::before(Wave &wave, const Instruction &instruction) {
  State::WaveState &mine = state->of(wave);
  mine.current = &instruction;
  auto flow = Flow(instruction.flow);
  if (flow == Flow::Unclassified)
    flow = flowOf(instruction);
  mine.pending.before(wave, instruction, flow);
  if (wave.state == Wave::State::Faulted)
    return;
  if (flow == Flow::WaitCount)
    return state->local.afterWait(wave.indexInGroup, mine.pending);
  mine.definedness.before(wave, instruction, flow);
  if (flow == Flow::ScalarLoad && instruction.base.dwords == 2 &&
      wave.state != Wave::State::Faulted) {
    uint64_t address = wave.scalar(instruction.base) + uint64_t(int64_t(instruction.offset)) +
                       (instruction.soffset ? uint32_t(wave.scalar(instruction.soffset)) : 0);
    if (address % 4)
      wave.stop(
          fmt::format("a scalar load of address {:#x}, which is not a multiple of 4 (hardware "
                      "ignores the low two bits)",
                      address));
  }
}

void Checker::atBarrier() { state->local.atBarrier(state->pendings); }

void Checker::lds(Wave &wave, const uint32_t *addresses, uint64_t mask, uint32_t bytes,
                  LdsUse use) {
  State::WaveState &mine = state->of(wave);
  LocalOrder::Access access{.wave = wave.indexInGroup,
                            .use = use,
                            .by = mine.current,
                            .pending = &mine.pending,
                            .addresses = addresses,
                            .mask = mask,
                            .laneBytes = bytes};
  state->local.begin(wave, access);
  // Lanes side by side, or on the same bytes, are one access.
  uint32_t first = 0, last = 0, end = 0;
  auto flush = [&] {
    if (end > first && first < state->ldsBytes && wave.state != Wave::State::Faulted)
      state->local.access(wave, access, first, std::min(end, state->ldsBytes) - first);
  };
  for (uint64_t rest = mask; rest; rest &= rest - 1) {
    uint32_t address = addresses[std::countr_zero(rest)];
    if (address == last && end != 0)
      continue;
    if (address != end || end == 0) {
      flush();
      first = address;
    }
    last = address;
    end = address + bytes;
  }
  flush();
}

void Checker::scratchRead(Wave &wave, int lane, uint32_t address, uint32_t bytes) {
  State::WaveState &mine = state->of(wave);
  const uint8_t *written = state->scratchOf(wave, lane, address);
  for (uint32_t i = 0; i < bytes; ++i)
    if (!written[i]) {
      if (mine.current->dst.isVgpr())
        mine.definedness.setUndefined(uint16_t(mine.current->dst.index + i / 4), lane,
                                      *mine.current);
      i |= 3; // one byte settles its register
    }
}

void Checker::scratchWrite(Wave &wave, int lane, uint32_t address, uint32_t bytes) {
  State::WaveState &mine = state->of(wave);
  uint8_t *written = state->scratchOf(wave, lane, address);
  const Operand &data = mine.current->data;
  for (uint32_t i = 0; i < bytes; ++i)
    written[i] = !data.isVgpr() || i / 4 >= data.dwords ||
                 mine.definedness.isDefined(uint16_t(data.index + i / 4), lane);
}

void Checker::aligned(Wave &wave, int lane, uint64_t address, uint32_t elementBytes) {
  if (elementBytes > 1 && address % elementBytes)
    wave.stop(fmt::format("misaligned: lane {} accesses {:#x}, which is not a multiple of {}", lane,
                          address, elementBytes));
}

} // namespace zorse::emulator
