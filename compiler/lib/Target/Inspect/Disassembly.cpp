//===- Disassembly.cpp - counting instructions ----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Disassembly.h"

#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCDisassembler/MCDisassembler.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstPrinter.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

namespace zorse {

static void initializeDisassemblers() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeAMDGPUTargetInfo();
    LLVMInitializeAMDGPUTargetMC();
    LLVMInitializeAMDGPUDisassembler();
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86Disassembler();
  });
}

static const char *amdClassOf(llvm::StringRef mnemonic) {
  struct Prefix {
    const char *text, *name;
  };
  // The first match counts.
  static constexpr Prefix prefixes[] = {
      {"v_mfma", "mfma"},     {"v_smfmac", "mfma"},     {"v_wmma", "mfma"},
      {"v_", "valu"},         {"s_waitcnt", "waitcnt"}, {"s_barrier", "barrier"},
      {"s_load", "smem"},     {"s_buffer_", "smem"},    {"s_store", "smem"},
      {"s_branch", "branch"}, {"s_cbranch", "branch"},  {"s_endpgm", "branch"},
      {"s_setpc", "branch"},  {"s_swappc", "branch"},   {"s_call", "branch"},
      {"s_nop", "nop"},       {"s_code_end", "nop"},    {"s_", "salu"},
      {"ds_", "lds"},         {"buffer_", "vmem"},      {"global_", "vmem"},
      {"flat_", "vmem"},      {"scratch_", "scratch"},
  };
  for (const Prefix &prefix : prefixes)
    if (mnemonic.starts_with(prefix.text))
      return prefix.name;
  return "other";
}

static const char *x86ClassOf(const llvm::MCInst &inst, llvm::StringRef mnemonic,
                              const llvm::MCInstrDesc &desc,
                              const llvm::MCRegisterInfo &registers) {
  if (desc.isCall())
    return "call";
  if (desc.isBranch() || desc.isReturn())
    return "branch";
  for (const llvm::MCOperand &operand : inst)
    if (operand.isReg() && operand.getReg()) {
      llvm::StringRef name = registers.getName(operand.getReg());
      if (name.starts_with("XMM") || name.starts_with("YMM") || name.starts_with("ZMM"))
        return "vector";
    }
  return mnemonic.starts_with("nop") || mnemonic.starts_with("int3") ? "other" : "scalar";
}

/// An instruction of 8 bytes asks for a literal behind itself. The GPUs of the gfx9 family have no
/// such instruction, and LLVM's decoder crashes on it, so damaged code must not reach it.
static bool wantsLiteralBeyondEnd(const uint8_t *bytes) {
  uint32_t low = llvm::support::endian::read32le(bytes);
  uint32_t high = llvm::support::endian::read32le(bytes + 4);
  constexpr uint32_t literal = 255, sdwa = 249;
  uint32_t family = low >> 26;
  if (family == 0x34) // VOP3, VOP3P: three sources of nine bits
    return (high & 511) == literal || (high >> 9 & 511) == literal || (high >> 18 & 511) == literal;
  if (family == 0x38 || family == 0x3a) // MUBUF, MTBUF: the scalar offset
    return high >> 24 == literal;
  if (low >> 31 == 0 && (low & 511) == sdwa) // VOP1, VOP2, VOPC: both sources
    return (high & 255) == literal || (low >> 9 & 255) == literal;
  return false;
}

Status countInstructions(llvm::ArrayRef<uint8_t> code, const llvm::Triple &triple,
                         const std::string &cpu, std::map<std::string, int64_t> &mix) {
  initializeDisassemblers();
  std::string reason;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, reason);
  if (!target)
    return runtimeError("no disassembler for " + triple.str() + ": " + reason);
  std::unique_ptr<llvm::MCRegisterInfo> registers(target->createMCRegInfo(triple));
  llvm::MCTargetOptions options;
  std::unique_ptr<llvm::MCAsmInfo> syntax(target->createMCAsmInfo(*registers, triple, options));
  std::unique_ptr<llvm::MCInstrInfo> instructions(target->createMCInstrInfo());
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(target->createMCSubtargetInfo(triple, cpu, ""));
  llvm::MCContext context(triple, syntax.get(), registers.get(), subtarget.get());
  std::unique_ptr<llvm::MCDisassembler> decoder(target->createMCDisassembler(*subtarget, context));
  std::unique_ptr<llvm::MCInstPrinter> printer(target->createMCInstPrinter(
      triple, syntax->getAssemblerDialect(), *syntax, *instructions, *registers));
  if (!decoder || !printer)
    return runtimeError("no disassembler for " + triple.str());

  // The decoder stumbles over an instruction that the end of the code cuts off; zeros follow ours.
  llvm::SmallVector<uint8_t> padded(code.begin(), code.end());
  padded.append(32, 0);

  bool isAmd = triple.isAMDGPU(), isGfx9 = llvm::StringRef(cpu).starts_with("gfx9");
  for (uint64_t at = 0; at < code.size();) {
    if (isGfx9 && wantsLiteralBeyondEnd(padded.data() + at)) {
      ++mix["other"];
      at += 8;
      continue;
    }
    llvm::MCInst inst;
    uint64_t size = 0;
    auto status = decoder->getInstruction(inst, size, llvm::ArrayRef(padded).drop_front(at), at,
                                          llvm::nulls());
    // A decoder that fails says how far to skip, or nothing.
    at += size ? size : isAmd ? 4 : 1;
    if (status == llvm::MCDisassembler::Fail) {
      ++mix["other"];
      continue;
    }
    const char *text = printer->getMnemonic(inst).first;
    llvm::StringRef mnemonic = text ? llvm::StringRef(text).trim() : "";
    ++mix[isAmd ? amdClassOf(mnemonic)
                : x86ClassOf(inst, mnemonic, instructions->get(inst.getOpcode()), *registers)];
  }
  return Status::success();
}

} // namespace zorse
