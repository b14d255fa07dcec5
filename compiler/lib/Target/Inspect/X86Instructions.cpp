//===- X86Instructions.cpp - counting host instructions -------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Instructions.h"

#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCDisassembler/MCDisassembler.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

namespace zorse {

static void initializeDisassembler() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86Disassembler();
  });
}

static const char *classOf(const llvm::MCInst &inst, const llvm::MCInstrDesc &desc,
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
  return "scalar";
}

void countX86Instructions(llvm::ArrayRef<uint8_t> code, InstructionMix &mix) {
  initializeDisassembler();
  std::string reason;
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, reason);
  std::unique_ptr<llvm::MCRegisterInfo> registers(target->createMCRegInfo(triple));
  std::unique_ptr<llvm::MCAsmInfo> syntax(
      target->createMCAsmInfo(*registers, triple, llvm::MCTargetOptions()));
  std::unique_ptr<llvm::MCInstrInfo> instructions(target->createMCInstrInfo());
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(target->createMCSubtargetInfo(triple, "", ""));
  llvm::MCContext context(triple, syntax.get(), registers.get(), subtarget.get());
  std::unique_ptr<llvm::MCDisassembler> decoder(target->createMCDisassembler(*subtarget, context));
  for (uint64_t at = 0; at < code.size();) {
    llvm::MCInst inst;
    uint64_t size = 0;
    auto status = decoder->getInstruction(inst, size, code.drop_front(at), at, llvm::nulls());
    at += std::max<uint64_t>(size, 1);
    ++mix[status == llvm::MCDisassembler::Fail
              ? "other"
              : classOf(inst, instructions->get(inst.getOpcode()), *registers)];
  }
}

} // namespace zorse
