//===- ScalarControl.cpp - branches, EXEC, MODE, the end ------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Waits, priorities and cache maintenance do nothing here: memory is in order.
// What needs a trap handler, a debugger or the host stops the wave.
//
//===----------------------------------------------------------------------===//
#include "decode/Program.h"
#include "execute/ModeRegister.h"
#include "execute/ScalarFamilies.h"

#include <cstdio>

namespace zorse::emulator {
namespace {

std::string hex(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

void jump(Wave &wave, uint64_t pc) {
  uint32_t target = wave.program->at(pc);
  if (target == Program::nowhere)
    wave.stop("a jump to " + hex(pc) + ", where no instruction begins");
  else
    wave.next = target;
}

void jumpToAddress(Wave &wave, uint64_t address) {
  jump(wave, address - wave.program->loadAddress);
}

uint64_t addressAfter(const Wave &wave, const Instruction &in) {
  return wave.program->loadAddress + in.pc + in.bytes;
}

bool always(const Wave &) { return true; }
bool sccClear(const Wave &wave) { return !wave.scc; }
bool sccSet(const Wave &wave) { return wave.scc; }
bool vccZero(const Wave &wave) { return wave.vcc() == 0; }
bool vccNotZero(const Wave &wave) { return wave.vcc() != 0; }
bool execZero(const Wave &wave) { return wave.exec() == 0; }
bool execNotZero(const Wave &wave) { return wave.exec() != 0; }

template <bool (*Taken)(const Wave &)> void branch(Wave &wave, const Instruction &in) {
  if (Taken(wave))
    jump(wave, static_cast<uint64_t>(in.imm));
}

void getPc(Wave &wave, const Instruction &in) {
  wave.setPair(in.dst.index, addressAfter(wave, in));
}
void setPc(Wave &wave, const Instruction &in) { jumpToAddress(wave, wave.scalar(in.src[0])); }
void swapPc(Wave &wave, const Instruction &in) {
  uint64_t target = wave.scalar(in.src[0]);
  wave.setPair(in.dst.index, addressAfter(wave, in));
  jumpToAddress(wave, target);
}
void call(Wave &wave, const Instruction &in) {
  wave.setPair(in.dst.index, addressAfter(wave, in));
  jump(wave, static_cast<uint64_t>(in.imm));
}

/// Op(source, EXEC) becomes EXEC; the destination gets the old EXEC. SCC: EXEC is not 0.
template <uint64_t (*Op)(uint64_t, uint64_t)> void saveExec(Wave &wave, const Instruction &in) {
  uint64_t source = wave.scalar(in.src[0]), old = wave.exec(), now = Op(source, old);
  wave.setPair(in.dst.index, old);
  wave.setPair(sreg::Exec, now);
  wave.scc = now != 0;
}
/// Likewise, and the destination gets the new EXEC.
template <uint64_t (*Op)(uint64_t, uint64_t)> void writeExec(Wave &wave, const Instruction &in) {
  uint64_t now = Op(wave.scalar(in.src[0]), wave.exec());
  wave.setPair(sreg::Exec, now);
  wave.setPair(in.dst.index, now);
  wave.scc = now != 0;
}
uint64_t andOf(uint64_t s, uint64_t exec) { return s & exec; }
uint64_t orOf(uint64_t s, uint64_t exec) { return s | exec; }
uint64_t xorOf(uint64_t s, uint64_t exec) { return s ^ exec; }
uint64_t nandOf(uint64_t s, uint64_t exec) { return ~(s & exec); }
uint64_t norOf(uint64_t s, uint64_t exec) { return ~(s | exec); }
uint64_t xnorOf(uint64_t s, uint64_t exec) { return ~(s ^ exec); }
uint64_t notAnd(uint64_t s, uint64_t exec) { return ~s & exec; }
uint64_t notOr(uint64_t s, uint64_t exec) { return ~s | exec; }
uint64_t andNot(uint64_t s, uint64_t exec) { return s & ~exec; }
uint64_t orNot(uint64_t s, uint64_t exec) { return s | ~exec; }

// simm16 of hardware register accesses: register [5:0], first bit [10:6], bits - 1 [15:11].
struct HardwareField {
  uint32_t reg, offset, mask;
  explicit HardwareField(const Instruction &in)
      : reg(in.imm & 63), offset(in.imm >> 6 & 31),
        mask(static_cast<uint32_t>((uint64_t(2) << (in.imm >> 11 & 31)) - 1)) {}
};
constexpr uint32_t modeRegisterId = 1;

const char *hardwareRegisterName(uint32_t reg) {
  switch (reg) {
  case 2:
    return "HW_REG_STATUS";
  case 3:
    return "HW_REG_TRAPSTS";
  case 4:
    return "HW_REG_HW_ID";
  case 5:
    return "HW_REG_GPR_ALLOC";
  case 6:
    return "HW_REG_LDS_ALLOC";
  case 7:
    return "HW_REG_IB_STS";
  case 15:
    return "HW_REG_SH_MEM_BASES";
  case 20:
    return "HW_REG_XCC_ID";
  default:
    return "a hardware register";
  }
}

bool isMode(Wave &wave, const HardwareField &field, const char *verb) {
  if (field.reg == modeRegisterId)
    return true;
  wave.stop(std::string(verb) + " of " + hardwareRegisterName(field.reg) + " (" +
            std::to_string(field.reg) + "): only HW_REG_MODE is modelled, the value of others " +
            "depends on the machine");
  return false;
}

void getRegister(Wave &wave, const Instruction &in) {
  HardwareField field(in);
  if (isMode(wave, field, "a read"))
    wave.sgpr[in.dst.index] = wave.modeRegister >> field.offset & field.mask;
}

void setRegister(Wave &wave, const Instruction &in) {
  HardwareField field(in);
  if (!isMode(wave, field, "a write"))
    return;
  uint32_t mask = field.mask << field.offset;
  uint32_t bits = static_cast<uint32_t>(wave.scalar(in.src[0])) << field.offset;
  writeModeRegister(wave, (wave.modeRegister & ~mask) | (bits & mask));
}

void nothing(Wave &, const Instruction &) {}
void barrier(Wave &wave, const Instruction &) { wave.state = Wave::State::AtBarrier; }
void end(Wave &wave, const Instruction &) { wave.state = Wave::State::Ended; }

void trap(Wave &wave, const Instruction &in) {
  wave.stop("trap " + std::to_string(in.imm & 0xff) +
            ": the program gave up (abort, a failed assertion or unreachable code)");
}
void message(Wave &wave, const Instruction &in) {
  wave.stop("message " + hex(static_cast<uint16_t>(in.imm)) +
            " to the host, which has nobody to receive it here");
}
void halt(Wave &wave, const Instruction &in) {
  if (in.imm & 1)
    wave.stop("s_sethalt 1: the wave would wait for a debugger for ever");
}
void kill(Wave &wave, const Instruction &in) {
  if (in.imm & 1)
    wave.stop("s_setkill 1 ends a wave without its last stores; that is not modelled");
}
void fork(Wave &wave, const Instruction &) {
  wave.stop("forks keep a stack of paths in scalar registers; that is not modelled");
}
void debugBranch(Wave &wave, const Instruction &) {
  wave.stop("a branch on a debugger's flags, which are not modelled");
}
void trapReturn(Wave &wave, const Instruction &) {
  wave.stop("a return from a trap handler, and there is none");
}
// Registers numbered by M0; see VgprIndex.h. MODE bit 27 says that they are.
void setIndexing(Wave &wave, bool on) {
  wave.indexesVgprs = on;
  wave.modeRegister = (wave.modeRegister & ~(1u << 27)) | uint32_t(on) << 27;
}
void setIndex(Wave &wave, const Instruction &in) {
  uint32_t &m0 = wave.sgpr[sreg::M0];
  m0 = (m0 & ~0xffu) | (uint32_t(wave.scalar(in.src[0])) & 0xff);
}
void setIndexMode(Wave &wave, const Instruction &in) {
  uint32_t &m0 = wave.sgpr[sreg::M0];
  m0 = (m0 & ~0xf000u) | (uint32_t(in.imm) & 15) << 12;
}
void indexOn(Wave &wave, const Instruction &in) {
  setIndex(wave, in);
  setIndexMode(wave, in);
  setIndexing(wave, true);
}
void indexOff(Wave &wave, const Instruction &) { setIndexing(wave, false); }
void skipVector(Wave &wave, const Instruction &in) {
  if (wave.scalar(in.src[0]) >> (wave.scalar(in.src[1]) & 31) & 1)
    wave.stop("VSKIP, which drops vector instructions, is not modelled");
}
void contextSaved(Wave &wave, const Instruction &) {
  wave.stop("an end after a context save, and nothing here saves contexts");
}

constexpr HandlerEntry entries[] = {
    {"s_and_saveexec_b64", saveExec<andOf>},
    {"s_andn1_saveexec_b64", saveExec<notAnd>},
    {"s_andn1_wrexec_b64", writeExec<notAnd>},
    {"s_andn2_saveexec_b64", saveExec<andNot>},
    {"s_andn2_wrexec_b64", writeExec<andNot>},
    {"s_barrier", barrier},
    {"s_branch", branch<always>},
    {"s_call_b64", call},
    {"s_cbranch_cdbgsys", debugBranch},
    {"s_cbranch_cdbgsys_and_user", debugBranch},
    {"s_cbranch_cdbgsys_or_user", debugBranch},
    {"s_cbranch_cdbguser", debugBranch},
    {"s_cbranch_execnz", branch<execNotZero>},
    {"s_cbranch_execz", branch<execZero>},
    {"s_cbranch_g_fork", fork},
    {"s_cbranch_i_fork", fork},
    {"s_cbranch_join", fork},
    {"s_cbranch_scc0", branch<sccClear>},
    {"s_cbranch_scc1", branch<sccSet>},
    {"s_cbranch_vccnz", branch<vccNotZero>},
    {"s_cbranch_vccz", branch<vccZero>},
    {"s_decperflevel", nothing},
    {"s_endpgm", end},
    {"s_endpgm_ordered_ps_done", end},
    {"s_endpgm_saved", contextSaved},
    {"s_getpc_b64", getPc},
    {"s_getreg_b32", getRegister},
    {"s_icache_inv", nothing},
    {"s_incperflevel", nothing},
    {"s_nand_saveexec_b64", saveExec<nandOf>},
    {"s_nop", nothing},
    {"s_nor_saveexec_b64", saveExec<norOf>},
    {"s_or_saveexec_b64", saveExec<orOf>},
    {"s_orn1_saveexec_b64", saveExec<notOr>},
    {"s_orn2_saveexec_b64", saveExec<orNot>},
    {"s_rfe_b64", trapReturn},
    {"s_rfe_restore_b64", trapReturn},
    {"s_sendmsg", message},
    {"s_sendmsghalt", message},
    {"s_set_gpr_idx_idx", setIndex},
    {"s_set_gpr_idx_mode", setIndexMode},
    {"s_set_gpr_idx_off", indexOff},
    {"s_set_gpr_idx_on", indexOn},
    {"s_sethalt", halt},
    {"s_setkill", kill},
    {"s_setpc_b64", setPc},
    {"s_setprio", nothing},
    {"s_setreg_b32", setRegister},
    {"s_setreg_imm32_b32", setRegister},
    {"s_setvskip", skipVector},
    {"s_sleep", nothing},
    {"s_swappc_b64", swapPc},
    {"s_trap", trap},
    {"s_ttracedata", nothing},
    {"s_waitcnt", nothing},
    {"s_wakeup", nothing},
    {"s_xnor_saveexec_b64", saveExec<xnorOf>},
    {"s_xor_saveexec_b64", saveExec<xorOf>},
};

} // namespace

std::span<const HandlerEntry> scalarControl() { return entries; }

bool writeModeRegister(Wave &wave, uint32_t value) {
  auto refuse = [&](const char *what) {
    wave.stop("MODE " + hex(value) + ": " + what);
    return false;
  };
  uint32_t denormals32 = value >> 4 & 3, denormals16 = value >> 6 & 3;
  if (value & 15)
    return refuse("rounding other than to nearest even is not modelled");
  if ((denormals32 != 0 && denormals32 != 3) || (denormals16 != 0 && denormals16 != 3))
    return refuse("denormals are modelled as kept or flushed, both of sources and results");
  if (value >> 12 & 0x1ff)
    return refuse("floating-point exceptions are not modelled");
  if (value >> 23 & 1)
    return refuse("FP16_OVFL, which clamps 16-bit overflow, is not modelled");
  if (value >> 28 & 1)
    return refuse("VSKIP is not modelled");
  wave.modeRegister = value;
  wave.indexesVgprs = value >> 27 & 1;
  wave.mode.flush32 = denormals32 == 0;
  wave.mode.flush16And64 = denormals16 == 0;
  wave.mode.dx10Clamp = value >> 8 & 1;
  wave.mode.ieee = value >> 9 & 1;
  return true;
}

Handler findScalar(const Instruction &instruction) {
  for (auto family : {scalarBinary(), scalarUnary(), scalarControl()})
    if (Handler handler = findEntry(family, instruction.mnemonic))
      return handler;
  return nullptr;
}

} // namespace zorse::emulator
