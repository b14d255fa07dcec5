//===- GroupRunner.cpp - the waves of a workgroup -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Waves run one after another, each up to a barrier or its end. That order is
// one of those that hardware may take; the checker finds kernels for which the
// order matters.
//
//===----------------------------------------------------------------------===//
#include "Launch.h"

#include "check/Checker.h"
#include "execute/ModeRegister.h"
#include "execute/VgprIndex.h"

#include <bit>
#include <fmt/format.h>

namespace zorse::emulator {

namespace {

/// What a register holds before anyone writes it: recognisable, and a NaN in f32 and f16.
constexpr uint32_t poison = 0xffbadbad;
constexpr uint64_t nowhereAddress = 0xdead'0000'0000ull; ///< no allocation lies here

constexpr uint16_t usesPrivateSegmentBuffer = 1 << 0, usesDispatchPacket = 1 << 1,
                   usesQueue = 1 << 2, usesKernarg = 1 << 3, usesDispatchId = 1 << 4,
                   usesFlatScratch = 1 << 5, usesPrivateSegmentSize = 1 << 6;
/// A buffer resource whose lanes each see memory of their own.
constexpr uint32_t addLaneIdToAddress = 1u << 23;

} // namespace

GroupRunner::GroupRunner(const LaunchState &launch) : launch(launch) {
  uint64_t threads =
      uint64_t(launch.shape.block[0]) * launch.shape.block[1] * launch.shape.block[2];
  maxWaves = static_cast<uint32_t>((threads + waveSize - 1) / waveSize);
  waves = std::make_unique_for_overwrite<Wave[]>(maxWaves);
  scratch.resize(size_t(maxWaves) * waveSize * launch.kernel.descriptor.scratchBytes);
  group.lds.resize(launch.ldsBytes);
  tally.hits.resize(launch.image.program().instructions.size());
}

GroupRunner::~GroupRunner() = default;

bool GroupRunner::run(uint64_t groupIndex) {
  group.id = {static_cast<uint32_t>(groupIndex % launch.groups[0]),
              static_cast<uint32_t>(groupIndex / launch.groups[0] % launch.groups[1]),
              static_cast<uint32_t>(groupIndex / launch.groups[0] / launch.groups[1])};
  uint32_t threads = 1;
  for (int d = 0; d < 3; ++d) {
    groupBlock[d] = launch.threadsOf(group.id, d);
    threads *= groupBlock[d];
  }
  group.numWaves = (threads + waveSize - 1) / waveSize;
  std::fill(group.lds.begin(), group.lds.end(), 0xa5);
  std::fill(scratch.begin(), scratch.end(), 0xa5);
  if (launch.options.checks)
    checker = std::make_unique<Checker>(group.numWaves, launch.ldsBytes);
  for (uint32_t w = 0; w < group.numWaves; ++w)
    startWave(waves[w], w, w * waveSize, std::min<uint32_t>(waveSize, threads - w * waveSize));
  numWavesRun += group.numWaves;

  uint32_t ended = 0;
  while (ended < group.numWaves) {
    for (uint32_t w = 0; w < group.numWaves; ++w) {
      if (waves[w].state == Wave::State::Ended)
        continue;
      faultAt = waves[w].next; // of a wave that the launch itself has stopped
      runWave(waves[w]);
      if (waves[w].state == Wave::State::Faulted) {
        describeFault(waves[w]);
        return false;
      }
      ended += waves[w].state == Wave::State::Ended;
    }
    // Everyone who still runs has come to the barrier; those who ended do not count.
    if (checker)
      checker->atBarrier();
    for (uint32_t w = 0; w < group.numWaves; ++w)
      if (waves[w].state == Wave::State::AtBarrier)
        waves[w].state = Wave::State::Running;
  }
  return true;
}

void GroupRunner::startWave(Wave &wave, uint32_t index, uint32_t firstThread, uint32_t numThreads) {
  const KernelDescriptor &d = launch.kernel.descriptor;
  // Only those that the kernel has; code that names others stops.
  auto poisonRegisters = [&](uint32_t first, uint32_t count) {
    for (uint32_t r = first; r < first + std::min(count, 256u); ++r)
      std::fill(std::begin(wave.vgpr[r].lane), std::end(wave.vgpr[r].lane), poison);
  };
  poisonRegisters(0, d.architectedVgprs());
  poisonRegisters(firstAgpr, d.allocatedVgprs() - d.architectedVgprs());
  for (uint32_t &reg : wave.sgpr)
    reg = poison;
  wave.scc = false;
  wave.state = Wave::State::Running;
  wave.fault.clear();
  wave.executed = 0;
  wave.indexesVgprs = false;
  wave.program = &launch.image.program();
  wave.next = wave.program->at(d.entry);
  wave.group = &group;
  wave.memory = &launch.memory;
  wave.counts = &tally;
  wave.traffic = &launch.traffic;
  wave.checker = checker.get();
  wave.launch = &launch;
  wave.indexInGroup = index;
  wave.scratchPerLane = d.scratchBytes;
  wave.scratch = scratch.data() + size_t(index) * waveSize * d.scratchBytes;
  writeModeRegister(wave,
                    (d.rsrc1 >> 12 & 0xff) | (d.rsrc1 >> 21 & 1) << 8 | (d.rsrc1 >> 23 & 1) << 9);

  uint32_t s = 0;
  auto give = [&](uint32_t value) { wave.sgpr[s++] = value; };
  auto givePair = [&](uint64_t value) {
    give(static_cast<uint32_t>(value));
    give(static_cast<uint32_t>(value >> 32));
  };
  if (d.properties & usesPrivateSegmentBuffer) {
    givePair(0);
    give(~0u);
    give(addLaneIdToAddress);
  }
  if (d.properties & usesDispatchPacket)
    givePair(launch.packetAddress);
  if (d.properties & usesQueue)
    givePair(nowhereAddress);
  if (d.properties & usesKernarg)
    givePair(launch.kernargAddress);
  if (d.properties & usesDispatchId)
    givePair(0);
  if (d.properties & usesFlatScratch)
    givePair(0);
  if (d.properties & usesPrivateSegmentSize)
    give(d.scratchBytes);
  for (uint32_t i = 0; i < d.preloadDwords() && s < 16; ++i) {
    uint32_t value = 0;
    size_t at = size_t(d.preloadOffset() + i) * 4;
    if (at + 4 <= launch.kernarg.size())
      std::memcpy(&value, launch.kernarg.data() + at, 4);
    give(value);
  }
  s = d.userSgprs();
  for (int dimension = 0; dimension < 3; ++dimension)
    if (d.rsrc2 >> (7 + dimension) & 1)
      give(group.id[dimension]);
  if (d.rsrc2 >> 10 & 1)
    give(0);
  if (d.rsrc2 & 1)
    give(0); // offset of the wave's scratch: each wave has memory of its own
  wave.setPair(sreg::Exec, numThreads == 64 ? ~uint64_t(0) : (uint64_t(1) << numThreads) - 1);

  uint32_t ids = d.workItemIds();
  for (uint32_t l = 0; l < waveSize; ++l) {
    uint32_t thread = firstThread + l;
    uint32_t x = thread % groupBlock[0], y = thread / groupBlock[0] % groupBlock[1],
             z = thread / groupBlock[0] / groupBlock[1];
    wave.vgpr[0].lane[l] = x | (ids >= 1 ? y << 10 : 0) | (ids >= 2 ? z << 20 : 0);
  }
  if (checker)
    checker->begin(wave, s, 1);
}

static bool isVector(InstructionClass cls) {
  return cls == InstructionClass::Valu || cls == InstructionClass::Mfma;
}

/// Checks and executes one instruction, unless the wave has stopped.
static inline void step(Wave &wave, const Instruction &instruction) {
  if (wave.checker && wave.state == Wave::State::Running)
    wave.checker->before(wave, instruction);
  if (wave.state == Wave::State::Running)
    instruction.execute(wave, instruction);
}

void GroupRunner::runWave(Wave &wave) {
  const Instruction *code = wave.program->instructions.data();
  auto size = static_cast<uint32_t>(wave.program->instructions.size());
  ThreadCounts::Hits *hits = tally.hits.data();
  const uint64_t limit =
      launch.options.maxInstructions ? launch.options.maxInstructions : ~uint64_t(0);
  while (wave.state == Wave::State::Running) {
    const uint32_t at = wave.next;
    if (at >= size) {
      wave.stop("the wave ran past the end of the code");
      break;
    }
    faultAt = at;
    if (wave.executed++ == limit) {
      wave.stop(fmt::format("the wave has executed {} instructions, the limit that was set; it may "
                            "never end",
                            limit));
      break;
    }
    ++hits[at].issued;
    hits[at].activeLanes += static_cast<uint64_t>(std::popcount(wave.exec()));
    wave.next = at + 1;
    if (wave.indexesVgprs && isVector(code[at].cls)) [[unlikely]]
      step(wave, withIndexedVgprs(wave, code[at]));
    else
      step(wave, code[at]);
  }
}

void GroupRunner::describeFault(const Wave &wave) {
  const Instruction &instruction = wave.program->instructions[faultAt];
  message = fmt::format("kernel '{}' stopped: {}; at PC {:#x}: {}; workgroup ({}, {}, {}), wave {}",
                        launch.kernel.description.name, wave.fault, instruction.pc,
                        instruction.text, group.id[0], group.id[1], group.id[2], wave.indexInGroup);
}

} // namespace zorse::emulator
