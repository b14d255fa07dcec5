//===- Pending.cpp - what memory instructions have not done yet -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "check/Pending.h"

#include "check/Definedness.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

namespace zorse::emulator {

namespace {
constexpr uint32_t mostVector = 63, mostLocal = 15;
} // namespace

Stream streamOf(const Instruction &in) {
  switch (in.wait) {
  case WaitCounter::Vm:
    return Stream::Vector;
  case WaitCounter::VmAndLgkm:
    return Stream::Flat;
  case WaitCounter::Lgkm:
    return in.cls == InstructionClass::Smem ? Stream::Scalar : Stream::Local;
  case WaitCounter::None:
    break;
  }
  return Stream::None;
}

void Pending::wait(uint32_t simm16) {
  uint32_t vector = (simm16 >> 14 & 3) << 4 | (simm16 & 15), local = simm16 >> 8 & 15;
  auto waitUntil = [&](Stream stream, uint32_t left) {
    Count &count = counts[size_t(stream)];
    count.done = std::max(count.done, count.issued - std::min(count.issued, left));
  };
  uint32_t flatIssued = issued(Stream::Flat);
  if (vector != mostVector)
    waitUntil(Stream::Vector, vector);
  if (local != mostLocal)
    waitUntil(Stream::Local, local);
  if (local == 0)
    waitUntil(Stream::Scalar, 0);
  if (vector == 0)
    flatVectorDone = flatIssued;
  if (local == 0)
    flatLocalDone = flatIssued;
  counts[size_t(Stream::Flat)].done = std::min(flatVectorDone, flatLocalDone);
  if (numPending)
    settle();
}

/// Forgets the fills that have completed.
void Pending::settle() {
  auto sweep = [&](uint64_t *words, size_t numWords, Fill *fills) {
    for (size_t w = 0; w < numWords; ++w)
      for (uint64_t rest = words[w]; rest; rest &= rest - 1) {
        int bit = std::countr_zero(rest);
        Fill &fill = fills[64 * w + size_t(bit)];
        if (fill.number > done(fill.stream))
          continue;
        fill = {};
        words[w] &= ~(uint64_t(1) << bit);
        --numPending;
      }
  };
  sweep(pendingVectors, std::size(pendingVectors), vectors);
  sweep(pendingScalars, std::size(pendingScalars), scalars);
}

std::string Pending::missingWait(const Fill &fill) const {
  uint32_t later = issued(fill.stream) - fill.number;
  bool flatToo = issued(Stream::Flat) > done(Stream::Flat);
  switch (fill.stream) {
  case Stream::Vector:
    return fmt::format("s_waitcnt vmcnt({})", flatToo ? 0 : std::min(later, mostVector - 1));
  case Stream::Local:
    return fmt::format("s_waitcnt lgkmcnt({})", flatToo ? 0 : std::min(later, mostLocal - 1));
  case Stream::Scalar:
    return "s_waitcnt lgkmcnt(0)";
  default:
    return "s_waitcnt vmcnt(0) lgkmcnt(0)";
  }
}

bool Pending::requireFilled(Wave &wave, Operand::Kind kind, uint16_t first, uint8_t count,
                            Stream overwrites, const char *verb) {
  bool isVector = kind == Operand::Kind::Vgpr;
  const Fill *fills = isVector ? vectors : scalars;
  const uint64_t *words = isVector ? pendingVectors : pendingScalars;
  for (uint16_t i = first; i < first + count; ++i) {
    if (!(words[i / 64] >> (i % 64) & 1)) [[likely]]
      continue;
    const Fill &fill = fills[i];
    if (overwrites == fill.stream && (overwrites == Stream::Vector || overwrites == Stream::Local))
      continue;
    wave.stop(fmt::format("{} is {} before '{}' at PC {:#x} has filled it; {} is missing between",
                          isVector ? vectorName(i) : scalarName(i), verb, fill.by->text,
                          fill.by->pc, missingWait(fill)));
    return false;
  }
  return true;
}

void Pending::note(const Instruction &in, Stream stream) {
  uint32_t number = ++counts[size_t(stream)].issued;
  bool isScalar = stream == Stream::Scalar;
  if (!in.dst || in.dst.isSgpr() != isScalar)
    return;
  uint64_t *words = isScalar ? pendingScalars : pendingVectors;
  Fill *fills = isScalar ? scalars : vectors;
  for (uint16_t i = in.dst.index; i < in.dst.index + in.dst.dwords; ++i) {
    uint64_t bit = uint64_t(1) << (i % 64);
    numPending += !(words[i / 64] & bit);
    words[i / 64] |= bit;
    fills[i] = {stream, number, &in};
  }
}

void Pending::before(Wave &wave, const Instruction &in, Flow flow) {
  if (flow == Flow::WaitCount)
    return wait(uint32_t(in.imm) & 0xffff);
  Stream stream = streamOf(in);
  if (numPending) {
    for (int r = 0; r < in.numReads; ++r)
      if (!requireFilled(wave, in.reads[r].kind, in.reads[r].first, in.reads[r].count, Stream::None,
                         "read"))
        return;
    for (int w = 0; w < in.numWrites; ++w)
      if (!requireFilled(wave, in.writes[w].kind, in.writes[w].first, in.writes[w].count, stream,
                         "overwritten"))
        return;
    if (flow == Flow::BranchOnVcc &&
        !requireFilled(wave, Operand::Kind::Sgpr, sreg::Vcc, 2, Stream::None, "read"))
      return;
  }
  if (stream != Stream::None)
    note(in, stream);
}

} // namespace zorse::emulator
