//===- Operands.h - operands from LLVM's form to ours -----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "decode/Instruction.h"

#include <string_view>

namespace llvm {
class MCInst;
class MCInstrDesc;
class MCRegisterInfo;
} // namespace llvm

namespace zorse::emulator {

/// A register by LLVM's name for it: "VGPR2_VGPR3", "AGPR0", "VCC", "SRC_SHARED_BASE".
/// None for a name that this file does not know.
Operand registerOperand(std::string_view name);

/// What is at hand when one instruction is turned into ours.
struct DecodedLine {
  const llvm::MCInst &inst;
  const llvm::MCInstrDesc &desc;
  const llvm::MCRegisterInfo &registers;
  std::string_view opcodeName; ///< LLVM's: "V_ADD_F32_dpp_vi"
};

/// Fills operands and modifiers of `out`, whose pc, text, mnemonic and class are set. False when an
/// operand is of a kind that this file does not know.
bool decodeOperands(const DecodedLine &line, Instruction &out);

} // namespace zorse::emulator
