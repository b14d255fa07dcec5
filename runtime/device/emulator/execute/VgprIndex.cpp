//===- VgprIndex.cpp - vector registers numbered by M0 --------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "execute/VgprIndex.h"

#include "Launch.h"

#include <fmt/format.h>

namespace zorse::emulator {

static bool isModelled(const Instruction &in) {
  if (in.cls != InstructionClass::Valu || in.isDpp || in.isSdwa)
    return false;
  for (std::string_view prefix :
       {"v_readlane", "v_readfirstlane", "v_writelane", "v_accvgpr", "v_swap"})
    if (std::string_view(in.mnemonic).starts_with(prefix))
      return false;
  return true;
}

Instruction withIndexedVgprs(Wave &wave, const Instruction &instruction) {
  Instruction in = instruction;
  if (!isModelled(in)) {
    wave.stop("this instruction is not modelled while s_set_gpr_idx_on numbers registers by M0");
    return in;
  }
  const uint32_t offset = wave.sgpr[sreg::M0] & 0xff, selected = wave.sgpr[sreg::M0] >> 12 & 15;
  const uint32_t limit = wave.launch->kernel.descriptor.architectedVgprs();
  // What accumulates reads its result; that source goes with the result.
  const bool accumulates = std::string_view(in.mnemonic).starts_with("v_fmac_") ||
                           std::string_view(in.mnemonic).starts_with("v_pk_fmac_");
  auto shift = [&](Operand &operand, uint32_t bit) {
    if (!operand.isVgpr() || !(selected >> bit & 1))
      return;
    if (operand.index + offset + operand.dwords > limit)
      wave.stop(fmt::format("v{} indexed by M0 is v{}; the kernel has v0 to v{}", operand.index,
                            operand.index + offset, limit - 1));
    else
      operand.index = static_cast<uint16_t>(operand.index + offset);
  };
  in.numReads = in.numWrites = 0;
  auto note = [](const Operand &operand, auto &ranges, uint8_t &count) {
    if (operand.isVgpr() || operand.isSgpr())
      ranges[count++] = {operand.kind, operand.index, operand.dwords};
  };
  for (uint32_t s = 0; s < in.src.size(); ++s) {
    shift(in.src[s], s == 2 && accumulates ? 3 : s);
    note(in.src[s], in.reads, in.numReads);
  }
  note(in.carryIn, in.reads, in.numReads);
  shift(in.dst, 3);
  note(in.dst, in.writes, in.numWrites);
  note(in.scalarDst, in.writes, in.numWrites);
  return in;
}

} // namespace zorse::emulator
