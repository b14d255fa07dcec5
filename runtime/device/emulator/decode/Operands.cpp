//===- Operands.cpp - operands from LLVM's form to ours -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM's shared library hides the names of operands, so roles come from their
// order, which is fixed for each encoding, and named modifiers from the text.
//
//===----------------------------------------------------------------------===//
#include "decode/Operands.h"

#include "llvm/MC/MCExpr.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstrDesc.h"
#include "llvm/MC/MCRegisterInfo.h"

#include <charconv>
#include <initializer_list>
#include <utility>

namespace zorse::emulator {

namespace {

/// Values of MCOperandInfo::OperandType for AMD's targets, whose header is private.
constexpr unsigned firstSourceType = 12, lastSourceType = 44, inputModifiers = 45;

bool startsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}
bool endsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}
bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The word after `key` in the modifiers ("offset:" gives "-16"), or nothing.
std::string_view modifier(std::string_view text, std::string_view key) {
  size_t at = text.find(key);
  while (at != std::string_view::npos && at > 0 && text[at - 1] != ' ')
    at = text.find(key, at + 1);
  if (at == std::string_view::npos)
    return {};
  std::string_view rest = text.substr(at + key.size());
  return rest.substr(0, rest.find(' '));
}

int32_t number(std::string_view word) {
  bool negative = startsWith(word, "-");
  if (negative)
    word.remove_prefix(1);
  int base = 10;
  if (startsWith(word, "0x")) {
    word.remove_prefix(2);
    base = 16;
  }
  int64_t value = 0;
  std::from_chars(word.data(), word.data() + word.size(), value, base);
  return static_cast<int32_t>(negative ? -value : value);
}

SubDwordSelect select(std::string_view word) {
  constexpr std::pair<std::string_view, SubDwordSelect> names[] = {
      {"BYTE_0", SubDwordSelect::Byte0}, {"BYTE_1", SubDwordSelect::Byte1},
      {"BYTE_2", SubDwordSelect::Byte2}, {"BYTE_3", SubDwordSelect::Byte3},
      {"WORD_0", SubDwordSelect::Word0}, {"WORD_1", SubDwordSelect::Word1}};
  for (const auto &[name, value] : names)
    if (word == name)
      return value;
  return SubDwordSelect::Dword;
}

void addRange(Instruction &out, const Operand &operand, bool isWrite) {
  if (!operand.isSgpr() && !operand.isVgpr())
    return;
  Instruction::Range range{operand.kind, operand.index, operand.dwords};
  if (isWrite && out.numWrites < out.writes.size())
    out.writes[out.numWrites++] = range;
  if (!isWrite && out.numReads < out.reads.size())
    out.reads[out.numReads++] = range;
}

Operand vccPair() {
  Operand vcc;
  vcc.kind = Operand::Kind::Sgpr;
  vcc.index = sreg::Vcc;
  vcc.dwords = 2;
  return vcc;
}

/// Reads operands one by one.
class Reader {
public:
  Reader(const DecodedLine &line, Instruction &out) : line(line), out(out) {}

  bool run() {
    // An encoding that no assembler makes may decode with a result that is no register.
    for (unsigned i = 0; i < line.inst.getNumOperands(); ++i)
      if (isRegister(i) ? !registerAt(i) : isDef(i))
        return false;
    for (const llvm::MCOperand &operand : line.inst)
      if (int64_t value = 0; operand.isExpr() && !operand.getExpr()->evaluateAsAbsolute(value))
        return false;
    switch (out.cls) {
    case InstructionClass::Valu:
    case InstructionClass::Mfma:
      vector();
      break;
    case InstructionClass::Smem:
      scalarMemory();
      break;
    case InstructionClass::Vmem:
    case InstructionClass::Scratch:
      startsWith(line.opcodeName, "BUFFER_") ? buffer() : global();
      break;
    case InstructionClass::Lds:
      local();
      break;
    default:
      scalar();
    }
    noteRegisters();
    return true;
  }

private:
  unsigned type(unsigned i) const {
    return i < line.desc.getNumOperands() ? line.desc.operands()[i].OperandType : 0;
  }
  bool isTied(unsigned i) const {
    return i < line.desc.getNumOperands() &&
           line.desc.getOperandConstraint(i, llvm::MCOI::TIED_TO) >= 0;
  }
  bool isDef(unsigned i) const { return i < line.desc.getNumDefs(); }
  bool isRegister(unsigned i) const { return line.inst.getOperand(i).isReg(); }
  int64_t immediate(unsigned i) const {
    const llvm::MCOperand &operand = line.inst.getOperand(i);
    int64_t value = 0;
    // A literal of a value that has a shorter form is wrapped: lit(0xffffffff).
    if (operand.isExpr() && !operand.getExpr()->evaluateAsAbsolute(value))
      return 0;
    return operand.isImm() ? operand.getImm() : value;
  }
  Operand registerAt(unsigned i) const {
    return registerOperand(line.registers.getName(line.inst.getOperand(i).getReg()));
  }
  Operand sourceAt(unsigned i) const {
    if (isRegister(i))
      return registerAt(i);
    Operand constant;
    constant.kind = Operand::Kind::Constant;
    constant.constant = static_cast<uint64_t>(immediate(i));
    constant.dwords = 2;
    return constant;
  }
  bool isSource(unsigned i) const {
    return isRegister(i) || (type(i) >= firstSourceType && type(i) <= lastSourceType);
  }

  void takeDefs() {
    for (unsigned i = 0; i < line.desc.getNumDefs() && i < line.inst.getNumOperands(); ++i)
      (i == 0 ? out.dst : out.scalarDst) = registerAt(i);
  }

  /// Whether the old value of the result is a factor or summand, not just what stays in it.
  bool readsResult() const {
    for (std::string_view prefix :
         {"v_fmac_", "v_mac_", "v_pk_fmac_", "v_dot2c_", "v_dot4c_", "v_dot8c_"})
      if (startsWith(out.mnemonic, prefix))
        return true;
    return false;
  }

  void vector() {
    out.isDpp = contains(line.opcodeName, "_dpp");
    out.isSdwa = contains(line.opcodeName, "_sdwa");
    for (std::string_view prefix : {"v_pk_", "v_dot", "v_fma_mix", "v_mad_mix", "v_mfma_"})
      out.isVop3p = out.isVop3p || startsWith(out.mnemonic, prefix);
    if (endsWith(line.opcodeName, "_dpp_vi") && startsWith(out.mnemonic, "v_dot"))
      out.isVop3p = false;
    takeDefs();
    if (startsWith(out.mnemonic, "v_swap_")) {
      out.src[0] = out.scalarDst;
      addRange(out, out.dst, false);
      addRange(out, out.scalarDst, true);
      out.scalarDst = {};
      return;
    }
    size_t sources = 0;
    int64_t modifiers = 0;
    std::array<int64_t, 8> plain = {};
    size_t numPlain = 0;
    for (unsigned i = line.desc.getNumDefs(); i < line.inst.getNumOperands(); ++i) {
      if (type(i) == inputModifiers) {
        modifiers = immediate(i);
        continue;
      }
      if (isTied(i) && !readsResult()) {
        if (!out.isDpp && (modifiers & 4)) // v_cvt_sr picks its byte with it
          out.src[2].opSel = true;
        modifiers = 0;
        continue;
      }
      if (isTied(i) && out.isDpp && i == line.desc.getNumDefs() && sources == 0)
        continue;
      if (!isSource(i)) {
        if (numPlain < plain.size())
          plain[numPlain++] = immediate(i);
        continue;
      }
      if (sources == out.src.size()) { // the carry of v_… with three sources
        out.carryIn = sourceAt(i);
        continue;
      }
      applyModifiers(sources, sourceAt(i), modifiers);
      modifiers = 0;
      ++sources;
    }
    takeLaneMasks(sources);
    takeVectorModifiers({plain.data(), numPlain});
  }

  void applyModifiers(size_t source, Operand operand, int64_t bits) {
    operand.neg = bits & 1;
    operand.abs = bits & 2;
    operand.negHi = bits & 2;
    operand.opSel = bits & 4;
    operand.opSelHi = bits & 8;
    if (out.isSdwa && source < 2)
      out.sdwa.sext[source] = bits & 16;
    if (source == 0 && !out.isVop3p && (bits & 8))
      out.opSelDst = true;
    out.src[source] = operand;
  }

  /// vcc as carry, condition or result where the encoding leaves it unsaid.
  void takeLaneMasks(size_t sources) {
    std::string_view m = out.mnemonic;
    if (startsWith(m, "v_cmp") && !out.dst)
      out.dst = vccPair();
    bool isCarry = startsWith(m, "v_addc_") || startsWith(m, "v_subb_") ||
                   startsWith(m, "v_subbrev_") || startsWith(m, "v_cndmask_");
    if (isCarry && sources == 3) {
      out.carryIn = out.src[2];
      out.src[2] = {};
    } else if (isCarry || startsWith(m, "v_div_fmas_")) {
      out.carryIn = vccPair();
    }
    if (!out.scalarDst && contains(m, "_co_"))
      out.scalarDst = vccPair();
  }

  void takeVectorModifiers(std::pair<const int64_t *, size_t> plain) {
    std::string_view text = out.text;
    out.clamp = contains(text, " clamp");
    out.omod = contains(text, " mul:2")   ? 1
               : contains(text, " mul:4") ? 2
               : contains(text, " div:2") ? 3
                                          : 0;
    auto last = [&](size_t back) { return plain.first[plain.second - back]; };
    if (out.isDpp && plain.second >= 4) {
      out.dpp.control = static_cast<uint16_t>(last(4));
      out.dpp.rowMask = static_cast<uint8_t>(last(3));
      out.dpp.bankMask = static_cast<uint8_t>(last(2));
      out.dpp.boundControl = last(1) != 0;
    }
    if (out.isSdwa) {
      out.sdwa.dst = select(modifier(text, "dst_sel:"));
      out.sdwa.src = {select(modifier(text, "src0_sel:")), select(modifier(text, "src1_sel:"))};
      std::string_view unused = modifier(text, "dst_unused:");
      out.sdwa.unused = unused == "UNUSED_PRESERVE" ? SdwaControl::Unused::Preserve
                        : unused == "UNUSED_SEXT"   ? SdwaControl::Unused::Sext
                                                    : SdwaControl::Unused::Pad;
    }
    if (out.cls == InstructionClass::Mfma && plain.second >= 3)
      out.matrix = {static_cast<uint8_t>(last(3)), static_cast<uint8_t>(last(2)),
                    static_cast<uint8_t>(last(1))};
    else if (out.cls == InstructionClass::Mfma && plain.second == 2) // sparse: cbsz, abid
      out.matrix = {static_cast<uint8_t>(last(2)), static_cast<uint8_t>(last(1)), 0};
  }

  void scalarMemory() {
    takeDefs();
    size_t seen = 0;
    bool hasImmediate = contains(line.opcodeName, "_IMM");
    bool offsetTaken = false;
    for (unsigned i = line.desc.getNumDefs(); i < line.inst.getNumOperands(); ++i) {
      if (isRegister(i)) {
        (seen++ == 0 ? out.base : out.soffset) = registerAt(i);
      } else if (hasImmediate && !offsetTaken) {
        out.offset = static_cast<int32_t>(immediate(i));
        offsetTaken = true;
      }
    }
    if (out.dst)
      out.wait = WaitCounter::Lgkm;
  }

  void global() {
    takeDefs();
    for (unsigned i = line.desc.getNumDefs(); i < line.inst.getNumOperands(); ++i) {
      if (!isRegister(i) || isTied(i))
        continue;
      Operand operand = registerAt(i);
      if (operand.isSgpr())
        out.base = operand;
      else if (!out.address)
        out.address = operand;
      else
        out.data = operand;
    }
    bool hasData = contains(out.mnemonic, "_store_") || contains(out.mnemonic, "_atomic_");
    bool dataFirst = startsWith(out.mnemonic, "scratch_store_");
    if (hasData && (dataFirst || !out.data)) // LLVM lists scratch data first, and it may be alone
      std::swap(out.address, out.data);
    std::string_view offset = modifier(out.text, "offset:");
    out.offset = number(offset);
    out.lds = contains(out.mnemonic, "_load_lds_");
    bool isAccess = out.address || out.data || out.dst || out.base || out.lds ||
                    contains(out.mnemonic, "_load_");
    if (isAccess)
      out.wait = startsWith(out.mnemonic, "flat_") ? WaitCounter::VmAndLgkm : WaitCounter::Vm;
  }

  void buffer() {
    takeDefs();
    bool isStore = contains(out.mnemonic, "_store_");
    bool isAtomic = contains(out.mnemonic, "_atomic_");
    out.offen = contains(out.text, " offen");
    out.idxen = contains(out.text, " idxen");
    out.lds = contains(out.text, " lds");
    if (isAtomic && out.dst)
      out.data = out.dst;
    bool sawResource = false;
    for (unsigned i = line.desc.getNumDefs(); i < line.inst.getNumOperands(); ++i) {
      if (isTied(i))
        continue;
      if (isRegister(i)) {
        Operand operand = registerAt(i);
        if (operand.isSgpr() && !sawResource) {
          out.base = operand;
          sawResource = true;
        } else if (operand.isSgpr()) {
          out.soffset = operand;
        } else if ((isStore || isAtomic) && !out.data) {
          out.data = operand;
        } else {
          out.address = operand;
        }
      } else if (sawResource && !out.soffset && type(i) >= firstSourceType) {
        out.soffset = sourceAt(i);
      }
    }
    out.offset = number(modifier(out.text, "offset:"));
    if (sawResource)
      out.wait = WaitCounter::Vm;
  }

  void local() {
    takeDefs();
    for (unsigned i = line.desc.getNumDefs(); i < line.inst.getNumOperands(); ++i) {
      if (!isRegister(i) || isTied(i) || i >= line.desc.getNumOperands())
        continue; // beyond them lies m0, or what a d16 read leaves alone
      Operand operand = registerAt(i);
      (!out.address ? out.address : !out.data ? out.data : out.data2) = operand;
    }
    out.gds = contains(out.text, " gds");
    if (startsWith(out.mnemonic, "ds_swizzle")) { // its offset is spelled as a pattern
      out.offset = static_cast<int32_t>(immediate(line.desc.getNumDefs() + 1));
    } else {
      out.offset = number(modifier(out.text, "offset:"));
      if (contains(out.text, " offset0:"))
        out.offset = number(modifier(out.text, "offset0:"));
      out.offset1 = number(modifier(out.text, "offset1:"));
    }
    if (out.address || out.dst)
      out.wait = WaitCounter::Lgkm;
  }

  void scalar() {
    takeDefs();
    size_t sources = 0;
    for (unsigned i = line.desc.getNumDefs(); i < line.inst.getNumOperands(); ++i) {
      if (type(i) == llvm::MCOI::OPERAND_PCREL) {
        auto words = static_cast<int16_t>(immediate(i));
        out.imm = static_cast<int64_t>(out.pc) + out.bytes + int64_t(words) * 4;
      } else if (isSource(i)) {
        if (sources < out.src.size())
          out.src[sources++] = sourceAt(i);
      } else if (out.mnemonic == "s_setreg_imm32_b32" && i == 0) {
        out.src[sources++] = sourceAt(i);
      } else {
        out.imm = static_cast<int16_t>(immediate(i));
      }
    }
    // These change bits of a result that LLVM lists as written only.
    for (std::string_view prefix : {"s_bitset", "s_cmovk_", "s_cmov_", "s_movreld_"})
      if (startsWith(out.mnemonic, prefix))
        addRange(out, out.dst, false);
  }

  void noteRegisters() {
    for (const Operand &operand : out.src)
      addRange(out, operand, false);
    for (const Operand *operand :
         {&out.carryIn, &out.address, &out.data, &out.data2, &out.base, &out.soffset})
      addRange(out, *operand, false);
    if (out.lds) {
      Operand m0;
      m0.kind = Operand::Kind::Sgpr;
      m0.index = sreg::M0;
      addRange(out, m0, false);
    }
    addRange(out, out.dst, true);
    addRange(out, out.scalarDst, true);
  }

  const DecodedLine &line;
  Instruction &out;
};

} // namespace

Operand registerOperand(std::string_view name) {
  struct Special {
    std::string_view name;
    Operand::Kind kind;
    uint16_t index;
    uint8_t dwords;
  };
  using Kind = Operand::Kind;
  constexpr Special specials[] = {
      {"VCC", Kind::Sgpr, sreg::Vcc, 2},
      {"VCC_LO", Kind::Sgpr, sreg::Vcc, 1},
      {"VCC_HI", Kind::Sgpr, sreg::Vcc + 1, 1},
      {"EXEC", Kind::Sgpr, sreg::Exec, 2},
      {"EXEC_LO", Kind::Sgpr, sreg::Exec, 1},
      {"EXEC_HI", Kind::Sgpr, sreg::Exec + 1, 1},
      {"M0", Kind::Sgpr, sreg::M0, 1},
      {"M0_gfxpre11", Kind::Sgpr, sreg::M0, 1},
      {"FLAT_SCR", Kind::Sgpr, sreg::FlatScratch, 2},
      {"FLAT_SCR_vi", Kind::Sgpr, sreg::FlatScratch, 2},
      {"FLAT_SCR_LO_vi", Kind::Sgpr, sreg::FlatScratch, 1},
      {"FLAT_SCR_HI_vi", Kind::Sgpr, sreg::FlatScratch + 1, 1},
      {"XNACK_MASK", Kind::Sgpr, sreg::XnackMask, 2},
      {"XNACK_MASK_LO", Kind::Sgpr, sreg::XnackMask, 1},
      {"XNACK_MASK_HI", Kind::Sgpr, sreg::XnackMask + 1, 1},
      {"SRC_SCC", Kind::Scc, 0, 1},
      {"SRC_VCCZ", Kind::Vccz, 0, 1},
      {"SRC_EXECZ", Kind::Execz, 0, 1},
      {"SRC_SHARED_BASE", Kind::SharedBase, 0, 2},
      {"SRC_PRIVATE_BASE", Kind::PrivateBase, 0, 2},
      {"SRC_SHARED_LIMIT", Kind::SharedLimit, 0, 2},
      {"SRC_PRIVATE_LIMIT", Kind::PrivateLimit, 0, 2},
  };
  Operand operand;
  for (const Special &special : specials)
    if (name == special.name) {
      operand.kind = special.kind;
      operand.index = special.index;
      operand.dwords = special.dwords;
      return operand;
    }
  // A 32-bit use of an aperture reads its high half, which is what distinguishes apertures.
  for (const Special &special : specials)
    if (startsWith(special.name, "SRC_") && endsWith(name, "_LO") &&
        name.substr(0, name.size() - 3) == special.name) {
      operand.kind = special.kind;
      return operand;
    }

  constexpr std::pair<std::string_view, std::pair<Kind, uint16_t>> files[] = {
      {"VGPR", {Kind::Vgpr, 0}},
      {"AGPR", {Kind::Vgpr, firstAgpr}},
      {"SGPR", {Kind::Sgpr, 0}},
      {"TTMP", {Kind::Sgpr, sreg::Ttmp0}}};
  for (const auto &[prefix, file] : files) {
    if (!startsWith(name, prefix))
      continue;
    unsigned index = 0;
    const char *digits = name.data() + prefix.size();
    if (std::from_chars(digits, name.data() + name.size(), index).ec != std::errc())
      break;
    uint8_t dwords = 1;
    for (size_t at = name.find(prefix, 1); at != std::string_view::npos;
         at = name.find(prefix, at + 1))
      ++dwords;
    operand.kind = file.first;
    operand.index = static_cast<uint16_t>(file.second + index);
    operand.dwords = dwords;
    return operand;
  }
  return operand;
}

bool decodeOperands(const DecodedLine &line, Instruction &out) { return Reader(line, out).run(); }

} // namespace zorse::emulator
