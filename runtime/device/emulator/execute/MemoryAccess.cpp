//===- MemoryAccess.cpp - where 64 lanes reach ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "execute/MemoryAccess.h"

#include "check/Checker.h"
#include "execute/LdsBanks.h"
#include "memory/AddressSpace.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

namespace zorse::emulator {

namespace {

constexpr uint64_t allLanes = ~uint64_t(0);

/// Gives inactive lanes the place of the first active one, so that loops need no mask.
template <typename Word> void fillInactive(Word *lanes, uint64_t mask) {
  if (mask == allLanes)
    return;
  Word first = lanes[std::countr_zero(mask)];
  for (int l = 0; l < waveSize; ++l)
    lanes[l] = mask >> l & 1 ? lanes[l] : first;
}

template <typename Word> bool isContiguous(const Word *lanes, uint64_t mask, Word bytes) {
  if (mask != allLanes)
    return false;
  Word difference = 0;
  for (int l = 0; l < waveSize; ++l)
    difference |= lanes[l] ^ (lanes[0] + Word(l) * bytes);
  return difference == 0;
}

/// The region of the last access of this instruction: most go to one allocation always.
uint32_t &regionHint(const Wave &wave) {
  thread_local uint32_t hints[256] = {};
  return hints[wave.next % 256];
}

const char *verb(Direction direction) {
  return direction == Direction::Load    ? "loads"
         : direction == Direction::Store ? "stores"
                                         : "atomically updates";
}

std::string nearestText(const AddressSpace &memory, uint64_t address, uint64_t bytes) {
  const Region *near = memory.nearest(address);
  if (!near)
    return "outside of every allocation: there are none";
  std::string range = fmt::format("allocation [{:#x}, {:#x}) of {} bytes", near->begin, near->end,
                                  near->end - near->begin);
  if (address >= near->begin && address < near->end)
    return fmt::format("{} bytes past the end of the {}", address + bytes - near->end, range);
  if (address < near->begin)
    return fmt::format("outside of every allocation; the nearest, {} bytes above, is the {}",
                       near->begin - address, range);
  return fmt::format("outside of every allocation; the nearest, which ends {} bytes below, is the "
                     "{}",
                     address - near->end, range);
}

void stopOutside(Wave &wave, int lane, uint64_t address, uint64_t bytes, Direction direction) {
  wave.stop(fmt::format("lane {} {} {} bytes at {:#x}, {}", lane, verb(direction), bytes, address,
                        nearestText(*wave.memory, address, bytes)));
}

void stopReadOnly(Wave &wave, int lane, uint64_t address, uint64_t bytes, Direction direction,
                  const Region &region) {
  wave.stop(fmt::format("write outside the output: lane {} {} {} bytes at {:#x}, in the allocation "
                        "[{:#x}, {:#x}), which this launch may only read",
                        lane, verb(direction), bytes, address, region.begin, region.end));
}

void stopMisaligned(Wave &wave, int lane, uint64_t address, uint64_t bytes) {
  wave.stop(fmt::format("lane {} atomically updates {} bytes at {:#x}, which is not a multiple of "
                        "{}",
                        lane, bytes, address, bytes));
}

/// Atomics need their natural alignment on hardware always, other accesses when checks are on.
template <typename Word>
bool isAligned(Wave &wave, const Word *lanes, uint64_t mask, const AccessShape &shape) {
  if (shape.direction == Direction::Atomic) {
    for (uint64_t rest = mask; rest; rest &= rest - 1) {
      int l = std::countr_zero(rest);
      if (lanes[l] % shape.elementBytes) {
        stopMisaligned(wave, l, lanes[l], shape.elementBytes);
        return false;
      }
    }
    return true;
  }
  if (!wave.checker)
    return true;
  Word low = 0;
  for (int l = 0; l < waveSize; ++l)
    low |= mask >> l & 1 ? lanes[l] : 0;
  if (low % shape.elementBytes == 0)
    return true;
  for (uint64_t rest = mask; rest && wave.state != Wave::State::Faulted; rest &= rest - 1) {
    int l = std::countr_zero(rest);
    wave.checker->aligned(wave, l, lanes[l], shape.elementBytes);
  }
  return wave.state != Wave::State::Faulted;
}

/// Distinct lines of one instruction in one region, gathered word by word of its bitmap.
class LineCount {
public:
  LineCount(Wave &wave, const Region &region, Direction direction)
      : wave(wave), region(region), direction(direction) {}
  void addWord(uint64_t word, uint64_t lines) {
    if (lines == 0)
      return;
    lines64 += std::popcount(lines);
    lines128 += std::popcount((lines | lines >> 1) & 0x5555555555555555u);
    if (direction != Direction::Store)
      wave.traffic->touchWord(region, word, lines, false);
    if (direction != Direction::Load)
      wave.traffic->touchWord(region, word, lines, true);
  }
  uint64_t lines64 = 0, lines128 = 0;

private:
  Wave &wave;
  const Region &region;
  Direction direction;
};

void addTraffic(ThreadCounts &counts, Direction direction, uint64_t requested, uint64_t lines64,
                uint64_t lines128) {
  if (direction != Direction::Store) {
    counts.loadRequested += requested;
    counts.loadMoved64 += 64 * lines64;
    counts.loadMoved128 += 128 * lines128;
  }
  if (direction != Direction::Load) {
    counts.storeRequested += requested;
    counts.storeMoved64 += 64 * lines64;
    counts.storeMoved128 += 128 * lines128;
  }
}

void addRange(LineCount &count, uint64_t first, uint64_t last) {
  for (uint64_t word = first / 64; word <= last / 64; ++word) {
    uint64_t lines = allLanes;
    if (word == first / 64)
      lines &= allLanes << (first % 64);
    if (word == last / 64)
      lines &= allLanes >> (63 - last % 64);
    count.addWord(word, lines);
  }
}

/// Lines in one region of lanes that lie anywhere; inactive lanes are filled.
void addScattered(LineCount &count, const Region &region, const uint64_t *lanes, uint64_t least,
                  uint64_t most, uint32_t bytes) {
  uint64_t base = region.begin >> 7 << 1;
  uint64_t firstWord = ((least >> 6) - base) / 64;
  uint64_t numWords = (((most + bytes - 1) >> 6) - base) / 64 - firstWord + 1;
  base += 64 * firstWord;
  alignas(64) uint64_t first[waveSize], last[waveSize];
  uint64_t straddle = 0;
  for (int l = 0; l < waveSize; ++l) {
    first[l] = (lanes[l] >> 6) - base;
    last[l] = ((lanes[l] + bytes - 1) >> 6) - base;
    straddle |= first[l] ^ last[l];
  }
  if (numWords <= 2) { // within 4 KiB, mostly
    for (uint64_t w = 0; w < numWords; ++w) {
      uint64_t lines = 0;
      for (int l = 0; l < waveSize; ++l)
        lines |= first[l] >> 6 == w ? uint64_t(1) << (first[l] & 63) : 0;
      if (straddle)
        for (int l = 0; l < waveSize; ++l)
          lines |= last[l] >> 6 == w ? uint64_t(1) << (last[l] & 63) : 0;
      count.addWord(firstWord + w, lines);
    }
    return;
  }
  constexpr uint64_t mostWords = 64;
  if (numWords <= mostWords) {
    uint64_t words[mostWords];
    std::fill_n(words, numWords, 0);
    for (int l = 0; l < waveSize; ++l) {
      words[first[l] >> 6] |= uint64_t(1) << (first[l] & 63);
      words[last[l] >> 6] |= uint64_t(1) << (last[l] & 63);
    }
    for (uint64_t w = 0; w < numWords; ++w)
      count.addWord(firstWord + w, words[w]);
    return;
  }
  uint64_t lines[2 * waveSize];
  int numLines = 0;
  for (int l = 0; l < waveSize; ++l) {
    lines[numLines++] = first[l];
    if (last[l] != first[l])
      lines[numLines++] = last[l];
  }
  if (!std::is_sorted(lines, lines + numLines))
    std::sort(lines, lines + numLines);
  for (int i = 0; i < numLines;) {
    uint64_t word = lines[i] >> 6, bits = 0;
    for (; i < numLines && lines[i] >> 6 == word; ++i)
      bits |= uint64_t(1) << (lines[i] & 63);
    count.addWord(firstWord + word, bits);
  }
}

} // namespace

bool reachGlobalRagged(Wave &wave, LaneAddresses &at, const uint32_t *bytes,
                       const AccessShape &shape) {
  at.contiguous = false;
  const Region *region[waveSize];
  uint64_t requested = 0;
  for (uint64_t rest = at.mask; rest; rest &= rest - 1) {
    int l = std::countr_zero(rest);
    region[l] = wave.memory->find(at.lane[l], bytes[l], regionHint(wave));
    if (!region[l]) {
      stopOutside(wave, l, at.lane[l], bytes[l], shape.direction);
      return false;
    }
    if (shape.direction != Direction::Load && !region[l]->writable) {
      stopReadOnly(wave, l, at.lane[l], bytes[l], shape.direction, *region[l]);
      return false;
    }
    requested += bytes[l];
  }
  if (!isAligned(wave, at.lane, at.mask, shape))
    return false;
  // No two regions share a line of 128 bytes, so addresses alone tell lines apart.
  uint64_t lines[2 * waveSize];
  int numLines = 0;
  for (uint64_t rest = at.mask; rest; rest &= rest - 1) {
    int l = std::countr_zero(rest);
    uint64_t last = at.lane[l] + bytes[l] - 1;
    if (shape.direction != Direction::Store)
      wave.traffic->touch(*region[l], at.lane[l], bytes[l], false);
    if (shape.direction != Direction::Load)
      wave.traffic->touch(*region[l], at.lane[l], bytes[l], true);
    lines[numLines++] = at.lane[l] >> 6;
    if (last >> 6 != at.lane[l] >> 6)
      lines[numLines++] = last >> 6;
  }
  std::sort(lines, lines + numLines);
  uint64_t lines64 = 0, lines128 = 0;
  for (int i = 0; i < numLines; ++i) {
    lines64 += i == 0 || lines[i] != lines[i - 1];
    lines128 += i == 0 || lines[i] >> 1 != lines[i - 1] >> 1;
  }
  addTraffic(*wave.counts, shape.direction, requested, lines64, lines128);
  return true;
}

bool reachGlobal(Wave &wave, LaneAddresses &at, const AccessShape &shape) {
  at.contiguous = false;
  if (at.mask == 0)
    return true;
  fillInactive(at.lane, at.mask);
  at.contiguous = isContiguous<uint64_t>(at.lane, at.mask, shape.bytes);
  uint64_t least = at.lane[0], most = at.lane[waveSize - 1];
  if (!at.contiguous)
    for (int l = 0; l < waveSize; ++l) {
      least = std::min(least, at.lane[l]);
      most = std::max(most, at.lane[l]);
    }
  const Region *region = nullptr;
  if (most - least < uint64_t(1) << 48)
    region = wave.memory->find(least, most - least + shape.bytes, regionHint(wave));
  if (!region || (shape.direction != Direction::Load && !region->writable)) {
    // Several regions, or a fault to be named.
    uint32_t bytes[waveSize];
    std::fill_n(bytes, waveSize, shape.bytes);
    return reachGlobalRagged(wave, at, bytes, shape);
  }
  if ((wave.checker || shape.direction == Direction::Atomic) &&
      !isAligned(wave, at.lane, at.mask, shape))
    return false;
  LineCount count(wave, *region, shape.direction);
  if (at.contiguous || least == most)
    addRange(count, TrafficMeter::lineOf(*region, least),
             TrafficMeter::lineOf(*region, most + shape.bytes - 1));
  else
    addScattered(count, *region, at.lane, least, most, shape.bytes);
  addTraffic(*wave.counts, shape.direction, uint64_t(std::popcount(at.mask)) * shape.bytes,
             count.lines64, count.lines128);
  return true;
}

bool reachLocal(Wave &wave, const LaneOffsets &offsets, const AccessShape &shape,
                LaneAddresses &at) {
  at.mask = offsets.mask;
  at.contiguous = false;
  if (at.mask == 0)
    return true;
  std::vector<uint8_t> &lds = wave.group->lds;
  uint64_t outside = 0;
  uint32_t most = 0;
  for (int l = 0; l < waveSize; ++l)
    most = std::max(most, offsets.mask >> l & 1 ? offsets.lane[l] : 0);
  if (uint64_t(most) + shape.bytes > lds.size()) {
    for (uint64_t rest = offsets.mask; rest; rest &= rest - 1) {
      int l = std::countr_zero(rest);
      if (uint64_t(offsets.lane[l]) + shape.bytes <= lds.size())
        continue;
      if (wave.checker) {
        wave.stop(fmt::format("lane {} {} {} bytes at offset {} of LDS, of which the workgroup has "
                              "{} bytes",
                              l, verb(shape.direction), shape.bytes, offsets.lane[l], lds.size()));
        return false;
      }
      outside |= uint64_t(1) << l;
    }
    at.mask &= ~outside;
    if (at.mask == 0)
      return true;
  }
  if ((wave.checker || shape.direction == Direction::Atomic) &&
      !isAligned(wave, offsets.lane, at.mask, shape))
    return false;
  if (wave.checker)
    wave.checker->lds(wave, offsets.lane, at.mask, shape.bytes,
                      shape.direction == Direction::Load    ? LdsUse::Read
                      : shape.direction == Direction::Store ? LdsUse::Write
                                                            : LdsUse::Atomic);
  if (wave.state == Wave::State::Faulted)
    return false;
  auto base = reinterpret_cast<uint64_t>(lds.data());
  for (int l = 0; l < waveSize; ++l)
    at.lane[l] = base + offsets.lane[l];
  at.contiguous = isContiguous<uint32_t>(offsets.lane, at.mask, shape.bytes);
  uint64_t bytes = uint64_t(std::popcount(at.mask)) * shape.bytes;
  if (shape.direction != Direction::Store)
    wave.counts->ldsReadBytes += bytes;
  if (shape.direction != Direction::Load)
    wave.counts->ldsWrittenBytes += bytes;
  // Lanes side by side at a multiple of their width fill all banks once in every group.
  bool everyBankOnce = at.contiguous && shape.bytes >= 4 && std::has_single_bit(shape.bytes) &&
                       offsets.lane[0] % shape.bytes == 0;
  if (!everyBankOnce)
    wave.counts->ldsConflictCycles +=
        ldsConflictCycles(offsets.lane, at.mask, shape.bytes, shape.direction != Direction::Load);
  return true;
}

bool reachScratch(Wave &wave, const LaneOffsets &offsets, const AccessShape &shape,
                  LaneAddresses &at) {
  at.mask = offsets.mask;
  at.contiguous = false;
  for (uint64_t rest = at.mask; rest; rest &= rest - 1) {
    int l = std::countr_zero(rest);
    if (uint64_t(offsets.lane[l]) + shape.bytes > wave.scratchPerLane) {
      wave.stop(fmt::format("lane {} {} {} bytes at offset {} of its scratch, of which each lane "
                            "has {} bytes",
                            l, verb(shape.direction), shape.bytes,
                            static_cast<int32_t>(offsets.lane[l]), wave.scratchPerLane));
      return false;
    }
    at.lane[l] = reinterpret_cast<uint64_t>(wave.scratch) + uint64_t(l) * wave.scratchPerLane +
                 offsets.lane[l];
  }
  if (!isAligned(wave, offsets.lane, at.mask, shape))
    return false;
  if (wave.checker)
    for (uint64_t rest = at.mask; rest && wave.state != Wave::State::Faulted; rest &= rest - 1) {
      int l = std::countr_zero(rest);
      if (shape.direction != Direction::Store)
        wave.checker->scratchRead(wave, l, offsets.lane[l], shape.bytes);
      if (shape.direction != Direction::Load)
        wave.checker->scratchWrite(wave, l, offsets.lane[l], shape.bytes);
    }
  if (wave.state == Wave::State::Faulted)
    return false;
  uint64_t bytes = uint64_t(std::popcount(at.mask)) * shape.bytes;
  wave.counts->scratchBytes += shape.direction == Direction::Atomic ? 2 * bytes : bytes;
  return true;
}

} // namespace zorse::emulator
