//===- Wave.h - the state of one wave ---------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "decode/Instruction.h"

#include <array>
#include <cstring>
#include <string>
#include <vector>

namespace zorse::emulator {

constexpr int waveSize = 64;

/// One vector register: a dword for each lane.
struct alignas(64) LaneDwords {
  uint32_t lane[waveSize];
};

struct Program;
class AddressSpace;
class Checker;
class TrafficMeter;
struct LaunchState;

/// LDS and what its waves share. One workgroup runs on one host thread.
struct Workgroup {
  std::vector<uint8_t> lds;
  std::array<uint32_t, 3> id = {0, 0, 0};
  uint32_t numWaves = 0;
};

/// Per launch and host thread; merged at the end. Indexed by Instruction::index where a vector.
struct ThreadCounts {
  struct Hits {
    uint64_t issued = 0, activeLanes = 0;
  };
  std::vector<Hits> hits;
  uint64_t matrixFlopsUseful = 0, matrixFlopsIssued = 0;
  uint64_t loadRequested = 0, loadMoved64 = 0, loadMoved128 = 0;
  uint64_t storeRequested = 0, storeMoved64 = 0, storeMoved128 = 0;
  uint64_t scalarBytes = 0, scratchBytes = 0;
  uint64_t ldsReadBytes = 0, ldsWrittenBytes = 0, ldsConflictCycles = 0;
};

/// Floating-point behaviour, from the MODE register.
struct FloatMode {
  bool flush32 = false; ///< f32 denormals in and out become zero
  bool flush16And64 = false;
  bool ieee = true;      ///< min and max quiet signalling NaNs
  bool dx10Clamp = true; ///< clamp turns NaN into 0
};

struct Wave {
  enum class State : uint8_t { Running, AtBarrier, Ended, Faulted };

  LaneDwords vgpr[512]; ///< v0…v255, a0…a255
  uint32_t sgpr[sreg::Count];
  bool scc = false;
  State state = State::Running;
  FloatMode mode;
  bool indexesVgprs = false; ///< between s_set_gpr_idx_on and s_set_gpr_idx_off
  uint32_t modeRegister = 0; ///< HW_REG_MODE as s_getreg reads it
  uint32_t next = 0;         ///< index of the next instruction in the program
  uint64_t executed = 0;     ///< instructions

  const Program *program = nullptr;
  Workgroup *group = nullptr;
  AddressSpace *memory = nullptr;
  ThreadCounts *counts = nullptr;
  TrafficMeter *traffic = nullptr; ///< lines touched, of the launch
  Checker *checker = nullptr;      ///< null unless checks are on
  const LaunchState *launch = nullptr;
  uint32_t indexInGroup = 0;
  uint8_t *scratch = nullptr; ///< lane l has [l * scratchPerLane, (l + 1) * scratchPerLane)
  uint32_t scratchPerLane = 0;

  std::string fault; ///< why it stopped, when Faulted; without kernel and PC

  uint64_t pair(uint16_t index) const { return sgpr[index] | uint64_t(sgpr[index + 1]) << 32; }
  void setPair(uint16_t index, uint64_t value) {
    sgpr[index] = uint32_t(value);
    sgpr[index + 1] = uint32_t(value >> 32);
  }
  uint64_t exec() const { return pair(sreg::Exec); }
  uint64_t vcc() const { return pair(sreg::Vcc); }

  /// Stops the wave; the first reason wins.
  void stop(std::string reason) {
    if (state != State::Faulted)
      fault = std::move(reason);
    state = State::Faulted;
  }

  /// A scalar operand of up to 64 bits: SGPR (pair), constant or special register.
  uint64_t scalar(const Operand &operand) const;
};

/// Flat addresses in these apertures mean LDS and scratch; the low 32 bits are the offset.
constexpr uint64_t sharedAperture = uint64_t(1) << 48;
constexpr uint64_t privateAperture = uint64_t(2) << 48;

inline uint64_t Wave::scalar(const Operand &operand) const {
  switch (operand.kind) {
  case Operand::Kind::Sgpr:
    return operand.dwords >= 2 ? pair(operand.index) : sgpr[operand.index];
  case Operand::Kind::Constant:
    return operand.constant;
  case Operand::Kind::Scc:
    return scc;
  case Operand::Kind::Vccz:
    return vcc() == 0;
  case Operand::Kind::Execz:
    return exec() == 0;
  case Operand::Kind::SharedBase:
    return operand.dwords >= 2 ? sharedAperture : sharedAperture >> 32;
  case Operand::Kind::PrivateBase:
    return operand.dwords >= 2 ? privateAperture : privateAperture >> 32;
  case Operand::Kind::SharedLimit:
    return operand.dwords >= 2 ? sharedAperture | 0xffffffffu : sharedAperture >> 32;
  case Operand::Kind::PrivateLimit:
    return operand.dwords >= 2 ? privateAperture | 0xffffffffu : privateAperture >> 32;
  case Operand::Kind::None:
  case Operand::Kind::Vgpr:
    break;
  }
  return 0;
}

} // namespace zorse::emulator
