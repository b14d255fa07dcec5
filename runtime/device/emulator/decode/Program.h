//===- Program.h - a decoded code object ------------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "decode/Instruction.h"

#include "zorse/desc/Status.h"
#include "zorse/desc/TargetDesc.h"

#include <span>
#include <vector>

namespace zorse::emulator {

/// One executable segment.
struct CodeSegment {
  uint64_t address = 0; ///< virtual, in the code object
  std::span<const uint8_t> bytes;
};

/// All instructions of a code object, in order of their PC.
struct Program {
  std::vector<Instruction> instructions;
  uint64_t loadAddress = 0; ///< added to a PC it is an address of the machine (s_getpc)

  static constexpr uint32_t nowhere = ~uint32_t(0);
  /// The instruction that begins at a PC, or nowhere.
  uint32_t at(uint64_t pc) const;
};

/// Decodes everything that the segments hold, beginning anew at each of `entries` (symbols).
/// Bytes that are no instruction become ones that stop the wave that reaches them.
/// Errors (Device): a target that LLVM does not know.
Result<Program> decodeProgram(const TargetDesc &target, const std::vector<CodeSegment> &segments,
                              std::vector<uint64_t> entries);

} // namespace zorse::emulator
