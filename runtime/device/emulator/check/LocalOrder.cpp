//===- LocalOrder.cpp - who wrote and read which byte of LDS --------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "check/LocalOrder.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

namespace zorse::emulator {

namespace {

// A word of `writers`: number 25 bits, stream 3 bits, wave 4 bits.
constexpr uint32_t mostNumber = (1u << 25) - 1;
constexpr uint32_t makeWord(uint32_t number, Stream stream, uint32_t wave) {
  return number << 7 | uint32_t(stream) << 4 | wave;
}
constexpr uint32_t waveOf(uint32_t word) { return word & 15; }
constexpr Stream streamOfWord(uint32_t word) { return Stream(word >> 4 & 7); }
constexpr uint32_t numberOf(uint32_t word) { return word >> 7; }

constexpr size_t ringSize = 256;

/// Whether all of some words are the same; written for vector code.
inline bool allAre(const uint32_t *words, uint32_t count, uint32_t value) {
  uint32_t differs = 0;
  for (uint32_t i = 0; i < count; ++i)
    differs |= words[i] ^ value;
  return differs == 0;
}

} // namespace

LocalOrder::LocalOrder(uint32_t numWaves, uint32_t bytes)
    : numWaves(numWaves), writers(bytes), readers(bytes), waves(numWaves) {}

int LocalOrder::Access::laneAt(uint32_t byte) const {
  for (uint64_t rest = mask; rest; rest &= rest - 1)
    if (int lane = std::countr_zero(rest);
        byte >= addresses[lane] && byte - addresses[lane] < laneBytes)
      return lane;
  return -1;
}

void LocalOrder::begin(Wave &wave, const Access &access) {
  if (access.use == LdsUse::Read)
    return;
  Stream stream = streamOf(*access.by);
  uint32_t number = access.pending->issued(stream);
  if (number > mostNumber)
    return wave.stop(fmt::format("a wave with more than {} memory instructions is beyond what the "
                                 "checks follow; run it without them",
                                 mostNumber));
  auto &ring = waves[access.wave].lastWrites[size_t(stream)];
  ring.resize(ringSize);
  ring[number % ringSize] = access.by;
  current = makeWord(number, stream, access.wave);
  if (access.use == LdsUse::Atomic && !anyAtomics) {
    anyAtomics = true;
    atomics.resize(writers.size());
  }
}

bool LocalOrder::isOrdered(uint32_t word, uint32_t wave, const Pending &mine) const {
  Stream stream = streamOfWord(word);
  if (waveOf(word) == wave) // a load into LDS of this wave is behind its LDS instructions
    return stream != Stream::Vector || numberOf(word) <= mine.done(stream);
  return numberOf(word) <= waves[waveOf(word)].doneAtBarrier[size_t(stream)];
}

void LocalOrder::reportWriter(Wave &wave, const Access &access, uint32_t byte,
                              const char *verb) const {
  uint32_t word = writers[byte], other = waveOf(word);
  Stream stream = streamOfWord(word);
  const auto &ring = waves[other].lastWrites[size_t(stream)];
  const Instruction *by = ring.empty() ? nullptr : ring[numberOf(word) % ringSize];
  std::string what = by ? fmt::format("'{}' at PC {:#x}", by->text, by->pc) : "an instruction";
  if (other == access.wave)
    return wave.stop(fmt::format("lane {} {} LDS byte {} before {} has filled it; s_waitcnt "
                                 "vmcnt({}) is missing between",
                                 access.laneAt(byte), verb, byte, what,
                                 std::min(access.pending->issued(stream) - numberOf(word), 62u)));
  wave.stop(
      fmt::format("race: lane {} {} LDS byte {}, which wave {} writes by {}, with no s_barrier "
                  "between that wave {} has come to after waiting for its write",
                  access.laneAt(byte), verb, byte, other, what, other));
}

void LocalOrder::reportMask(Wave &wave, const Access &access, uint32_t byte, uint32_t mask,
                            const char *verb, const char *other) const {
  int who = std::countr_zero(mask);
  wave.stop(fmt::format("race: lane {} {} LDS byte {}, which wave {} {}, with no s_barrier between "
                        "that wave {} has come to after waiting for its access",
                        access.laneAt(byte), verb, byte, who, other, who));
}

void LocalOrder::mark(std::vector<uint32_t> &masks, uint32_t address, uint32_t bytes,
                      uint32_t wave) {
  uint32_t fresh = epoch << 16, bit = 1u << wave;
  uint32_t *at = masks.data() + address;
  for (uint32_t i = 0; i < bytes; ++i)
    at[i] = ((at[i] ^ fresh) >> 16 ? fresh : at[i]) | bit;
}

void LocalOrder::keep(const Access &access, uint32_t address, uint32_t bytes) {
  Stream stream = streamOf(*access.by);
  waves[access.wave].unfinished.push_back(
      {stream, access.use == LdsUse::Atomic, access.pending->issued(stream), address, bytes});
}

void LocalOrder::read(Wave &wave, const Access &access, uint32_t address, uint32_t bytes) {
  const uint32_t *words = writers.data() + address;
  bool same = allAre(words, bytes, words[0]);
  for (uint32_t i = 0; i < (same ? 1 : bytes); ++i) {
    if (i > 0 && words[i] == words[i - 1])
      continue;
    if (uint32_t byte = address + i; words[i] == 0)
      return wave.stop(fmt::format("lane {} reads LDS byte {}, which was never written",
                                   access.laneAt(byte), byte));
    if (!isOrdered(words[i], access.wave, *access.pending)) [[unlikely]]
      return reportWriter(wave, access, address + i, "reads");
  }
  if (numWaves == 1)
    return;
  if (anyAtomics)
    for (uint32_t i = address; i < address + bytes; ++i)
      if (uint32_t others = atomics[i] & 0xffff & ~(1u << access.wave);
          atomics[i] >> 16 == epoch && others)
        return reportMask(wave, access, i, others, "reads", "changes by an atomic");
  mark(readers, address, bytes, access.wave);
  keep(access, address, bytes);
}

void LocalOrder::write(Wave &wave, const Access &access, uint32_t address, uint32_t bytes) {
  bool isAtomic = access.use == LdsUse::Atomic;
  const char *verb = isAtomic ? "changes by an atomic" : "writes";
  uint32_t *words = writers.data() + address;
  bool same = allAre(words, bytes, words[0]);
  for (uint32_t i = 0; i < (same && !anyAtomics ? 1 : bytes); ++i) {
    uint32_t byte = address + i;
    if (words[i] == 0) {
      if (isAtomic)
        return wave.stop(fmt::format("lane {} changes LDS byte {} by an atomic, but it was never "
                                     "written",
                                     access.laneAt(byte), byte));
      continue;
    }
    if (!anyAtomics && i > 0 && words[i] == words[i - 1])
      continue;
    // An atomic after atomics: their words stand in `atomics`.
    bool wasAtomic =
        anyAtomics && atomics[byte] >> 16 == epoch && (atomics[byte] >> waveOf(words[i]) & 1);
    if (!(isAtomic && wasAtomic) && !isOrdered(words[i], access.wave, *access.pending))
      return reportWriter(wave, access, byte, verb);
  }
  if (numWaves > 1) {
    // Whether any other wave has read one of the bytes in this epoch; most often none has.
    uint32_t others = 0xffff & ~(1u << access.wave), found = 0;
    for (uint32_t i = address; i < address + bytes; ++i)
      found |= readers[i] >> 16 == epoch ? readers[i] & others : 0;
    for (uint32_t i = address; found && i < address + bytes; ++i)
      if (uint32_t mask = readers[i] & others; readers[i] >> 16 == epoch && mask)
        return reportMask(wave, access, i, mask, verb, "reads");
    for (uint32_t i = address; anyAtomics && !isAtomic && i < address + bytes; ++i)
      if (uint32_t mask = atomics[i] & others; atomics[i] >> 16 == epoch && mask)
        return reportMask(wave, access, i, mask, verb, "changes by an atomic");
    if (isAtomic) {
      mark(atomics, address, bytes, access.wave);
      keep(access, address, bytes);
    }
  }
  std::fill_n(words, bytes, current);
}

void LocalOrder::afterWait(uint32_t wave, const Pending &pending) {
  auto &unfinished = waves[wave].unfinished;
  if (!unfinished.empty())
    std::erase_if(unfinished,
                  [&](const Unfinished &one) { return one.number <= pending.done(one.stream); });
}

void LocalOrder::atBarrier(const std::vector<const Pending *> &pendings) {
  if (++epoch > 0xffff) {
    epoch = 1;
    std::fill(readers.begin(), readers.end(), 0);
    std::fill(atomics.begin(), atomics.end(), 0);
  }
  for (uint32_t w = 0; w < numWaves; ++w) {
    for (Stream stream : {Stream::Vector, Stream::Local, Stream::Flat})
      waves[w].doneAtBarrier[size_t(stream)] = pendings[w]->done(stream);
    // What is still under way may happen after the barrier.
    for (const Unfinished &one : waves[w].unfinished)
      mark(one.isAtomic ? atomics : readers, one.address, one.bytes, w);
  }
}

} // namespace zorse::emulator
