//===- Handlers.h - which function executes which mnemonic ------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each family of instructions registers its handlers by mnemonic, without
// encoding suffix ("v_add_f32", "ds_read2st64_b32"). A family may choose by
// more than the name, so it gets the decoded instruction.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "decode/Instruction.h"

#include "zorse/desc/TargetDesc.h"

#include <cstddef>
#include <span>
#include <string_view>

namespace zorse::emulator {

struct HandlerEntry {
  std::string_view mnemonic;
  Handler handler;
};

/// The handler of that name, or null.
inline Handler findEntry(std::span<const HandlerEntry> entries, std::string_view mnemonic) {
  for (const HandlerEntry &entry : entries)
    if (entry.mnemonic == mnemonic)
      return entry.handler;
  return nullptr;
}

/// Each returns null for a mnemonic (or form) that the family does not know.
Handler findScalar(const Instruction &instruction);       ///< SOP1, SOP2, SOPC, SOPK, SOPP
Handler findScalarMemory(const Instruction &instruction); ///< s_load…, s_memtime
/// VOP1, VOP2, VOPC, VOP3
Handler findVectorAlu(const Instruction &instruction, const TargetDesc &target);
Handler findVectorPacked(const Instruction &instruction);                     ///< VOP3P but MFMA
Handler findMatrix(const Instruction &instruction, const TargetDesc &target); ///< MFMA, v_accvgpr_*
Handler findGlobalMemory(const Instruction &instruction); ///< global, flat, scratch
Handler findBufferMemory(const Instruction &instruction); ///< MUBUF
Handler findLocalMemory(const Instruction &instruction);  ///< DS

/// Tries all of them.
Handler findHandler(const Instruction &instruction, const TargetDesc &target);

} // namespace zorse::emulator
