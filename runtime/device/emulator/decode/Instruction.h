//===- Instruction.h - a decoded instruction --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that executing an instruction needs, worked out once per PC. A
// handler finds its operands by role, whatever the encoding was.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace zorse::emulator {

struct Wave;
struct Instruction;
/// Executes one instruction for one wave.
using Handler = void (*)(Wave &, const Instruction &);

/// Numbers of scalar registers, as encoded.
namespace sreg {
enum : uint16_t {
  FlatScratch = 102,
  XnackMask = 104,
  Vcc = 106,
  Ttmp0 = 108,
  M0 = 124,
  Exec = 126,
  Count = 128
};
} // namespace sreg

/// The first accumulation register in the vector register file: a0 is register 256.
constexpr uint16_t firstAgpr = 256;

struct Operand {
  enum class Kind : uint8_t {
    None,
    Sgpr,     ///< index: sreg numbering
    Vgpr,     ///< index: 0…255 v, 256…511 a
    Constant, ///< bit pattern for the width of the operand
    Scc,
    Vccz,
    Execz,
    SharedBase,  ///< 64-bit aperture of LDS in flat addresses
    PrivateBase, ///< likewise of scratch
    SharedLimit,
    PrivateLimit
  };
  Kind kind = Kind::None;
  uint8_t dwords = 1; ///< width
  uint16_t index = 0;
  uint64_t constant = 0;
  bool neg = false, abs = false; ///< VOP3 source modifiers; for VOP3P neg is neg_lo
  bool negHi = false;            ///< VOP3P
  bool opSel = false;            ///< VOP3(P): the high half feeds the (low) result
  bool opSelHi = false;          ///< VOP3P: the high half feeds the high result

  bool isSgpr() const { return kind == Kind::Sgpr; }
  bool isVgpr() const { return kind == Kind::Vgpr; }
  explicit operator bool() const { return kind != Kind::None; }
};

/// What a counter of s_waitcnt covers.
enum class WaitCounter : uint8_t { None, Vm, Lgkm, VmAndLgkm };

enum class InstructionClass : uint8_t {
  Valu,
  Mfma,
  Salu,
  Smem,
  Vmem, ///< global, flat and buffer
  Scratch,
  Lds,
  Branch,
  Wait, ///< s_waitcnt, s_nop, s_sleep
  Barrier,
  Other
};
/// "valu", "mfma", …
const char *name(InstructionClass cls);

enum class SubDwordSelect : uint8_t { Byte0, Byte1, Byte2, Byte3, Word0, Word1, Dword };

struct DppControl {
  uint16_t control = 0; ///< as encoded: 0-0xff quad_perm, 0x101… row_shl, …
  uint8_t rowMask = 0xf, bankMask = 0xf;
  bool boundControl = false; ///< lanes without a source read 0
};

struct SdwaControl {
  SubDwordSelect dst = SubDwordSelect::Dword;
  enum class Unused : uint8_t { Pad, Sext, Preserve } unused = Unused::Pad;
  std::array<SubDwordSelect, 2> src = {SubDwordSelect::Dword, SubDwordSelect::Dword};
  std::array<bool, 2> sext = {false, false};
};

struct Instruction {
  Handler execute = nullptr; ///< never null after decoding; unknown ones have one that stops
  uint64_t pc = 0;           ///< offset in the code object's virtual addresses
  uint8_t bytes = 4;
  InstructionClass cls = InstructionClass::Other;
  uint32_t index = 0; ///< in its Program

  // Results and sources. VALU: src[0], src[1], src[2] in assembly order without the carry-in;
  // carries and conditions (vcc when implicit) are carryIn. SALU: src[0], src[1].
  Operand dst;       ///< vdst or sdst
  Operand scalarDst; ///< carry or condition of a VALU op (vcc when implicit); sdst of v_cmp is dst
  std::array<Operand, 3> src;
  Operand carryIn; ///< v_cndmask, v_addc, v_div_fmas: a lane mask

  // Vector modifiers.
  bool clamp = false;
  uint8_t omod = 0;      ///< 0 none, 1 *2, 2 *4, 3 /2
  bool opSelDst = false; ///< VOP3 16-bit: write the high half, keep the low one
  bool isDpp = false, isSdwa = false, isVop3p = false;
  DppControl dpp;
  SdwaControl sdwa;
  std::array<uint8_t, 3> matrix = {0, 0, 0}; ///< cbsz, abid, blgp

  // Memory. Loads write dst; stores and atomics read data. dst is None for no-return atomics and
  // for loads into LDS.
  Operand address; ///< vaddr (1 or 2 dwords), or the DS address; None when off
  Operand data, data2;
  Operand base;    ///< saddr (2 dwords, or 1 for scratch), srsrc (4), sbase (2 or 4)
  Operand soffset; ///< buffer and SMEM
  int32_t offset = 0, offset1 = 0; ///< signed bytes; ds_read2: offset0 and offset1 as encoded
  bool offen = false, idxen = false, lds = false, gds = false;

  // Control. imm: simm16 of SOPK and SOPP, sign extended; branch: target PC.
  int64_t imm = 0;
  WaitCounter wait = WaitCounter::None;

  // For checkers: all registers read and written, implicit ones (vcc, exec, m0) included.
  struct Range {
    Operand::Kind kind = Operand::Kind::None; ///< Sgpr or Vgpr
    uint16_t first = 0;
    uint8_t count = 0;
  };
  std::array<Range, 7> reads;
  std::array<Range, 3> writes;
  uint8_t numReads = 0, numWrites = 0;
  uint8_t flow = 0; ///< how "never written" passes through it: flowOf of check/Flow.h

  std::string mnemonic; ///< without encoding suffix: "v_add_f32"
  std::string text;     ///< the whole line as an assembler would print it
};

} // namespace zorse::emulator
