//===- Gfx9Instructions.cpp - counting AMD instructions -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The classes follow from the first bits of an instruction, and its length from
// those and the operands that announce a second word. LLVM's decoder would tell
// more, but it crashes on damaged code (a literal where an encoding has none).
// InspectTest holds this table against the assembly of real kernels.
//
//===----------------------------------------------------------------------===//

#include "Instructions.h"

#include "llvm/Support/Endian.h"

namespace zorse {

namespace {
struct Decoded {
  const char *name;
  int words;
};

/// Operand codes that a second word belongs to.
constexpr uint32_t literal = 255, dpp = 250, sdwa = 249;
} // namespace

static Decoded decodeVector(uint32_t word) {
  uint32_t source = word & 511, opcode = word >> 25;
  bool hasSecond = source == literal || source == dpp || source == sdwa;
  // v_fmamk, v_fmaak and their f16 forms carry a constant.
  for (uint32_t withConstant : {23u, 24u, 36u, 37u})
    hasSecond |= opcode == withConstant;
  return {"valu", hasSecond ? 2 : 1};
}

static Decoded decodeProgramControl(uint32_t opcode) {
  switch (opcode) {
  case 0:
    return {"nop", 1};
  case 1: // endpgm
  case 2: // branch
  case 4: // cbranch_scc0 …
  case 5:
  case 6:
  case 7:
  case 8:
  case 9:
  case 23: // cbranch_cdbgsys …
  case 24:
  case 25:
  case 26:
  case 27: // endpgm_saved
    return {"branch", 1};
  case 10:
    return {"barrier", 1};
  case 12:
    return {"waitcnt", 1};
  default:
    return {"salu", 1};
  }
}

static Decoded decodeScalar(uint32_t word) {
  uint32_t first = word & 255, second = word >> 8 & 255;
  switch (word >> 23) {
  case 0x17d: { // SOP1
    uint32_t opcode = word >> 8 & 255;
    bool jumps = opcode == 29 || opcode == 30; // setpc, swappc
    return {jumps ? "branch" : "salu", first == literal ? 2 : 1};
  }
  case 0x17e: // SOPC
    return {"salu", first == literal || second == literal ? 2 : 1};
  case 0x17f: // SOPP
    return decodeProgramControl(word >> 16 & 127);
  }
  if (word >> 28 == 11) { // SOPK
    uint32_t opcode = word >> 23 & 31;
    constexpr uint32_t setregImmediate = 20, call = 21, branchIfFork = 16;
    return {opcode == call || opcode == branchIfFork ? "branch" : "salu",
            opcode == setregImmediate ? 2 : 1};
  }
  return {"salu", first == literal || second == literal ? 2 : 1}; // SOP2
}

/// VOP3P holds the matrix instructions, and two moves between register files in their midst.
static bool isMatrix(uint32_t word) {
  if (word >> 23 != 0x1a7)
    return false;
  uint32_t opcode = word >> 16 & 127;
  constexpr uint32_t accRead = 0x58, accWrite = 0x59, scaled16 = 0x2d, scaled32 = 0x2e;
  return opcode == scaled16 || opcode == scaled32 ||
         (opcode >= 0x35 && opcode != accRead && opcode != accWrite);
}

static Decoded decode(uint32_t word) {
  if (word >> 31 == 0)
    return decodeVector(word);
  if (word >> 30 == 2)
    return decodeScalar(word);
  switch (word >> 26) {
  case 0x30:
    return {"smem", 2};
  case 0x34: // VOP3, VOP3P
    return {isMatrix(word) ? "mfma" : "valu", 2};
  case 0x36:
    return {"lds", 2};
  case 0x37: // FLAT, in segments
    return {(word >> 14 & 3) == 1 ? "scratch" : "vmem", 2};
  case 0x38: // MUBUF
  case 0x3a: // MTBUF
  case 0x3c: // MIMG
    return {"vmem", 2};
  default:
    return {"other", 1};
  }
}

void countGfx9Instructions(llvm::ArrayRef<uint8_t> code, InstructionMix &mix) {
  while (code.size() >= 4) {
    Decoded decoded = decode(llvm::support::endian::read32le(code.data()));
    ++mix[decoded.name];
    code = code.drop_front(std::min<size_t>(code.size(), size_t(decoded.words) * 4));
  }
  if (!code.empty())
    ++mix["other"];
}

} // namespace zorse
