//===- Decoder.cpp - bytes to instructions --------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "check/Flow.h"
#include "decode/Operands.h"
#include "decode/Program.h"
#include "execute/Handlers.h"
#include "execute/Wave.h"

#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCDisassembler/MCDisassembler.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstPrinter.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/MCTargetOptions.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <array>
#include <mutex>

// Exported by LLVM, but declared only in its generated headers for all targets together.
extern "C" {
void LLVMInitializeAMDGPUTargetInfo();
void LLVMInitializeAMDGPUTargetMC();
void LLVMInitializeAMDGPUDisassembler();
}

namespace zorse::emulator {

namespace {

/// Bytes, with room to spare.
constexpr size_t longestInstruction = 32;

void stopUnknown(Wave &wave, const Instruction &instruction) {
  wave.stop("this emulator does not know the instruction '" + instruction.text +
            "'; nothing was executed for it");
}
void stopIllegal(Wave &wave, const Instruction &instruction) {
  wave.stop("the bytes at this address are not an instruction of the target: " + instruction.text);
}

/// Encodings that no assembler makes and that LLVM's decoder or printer does not survive.
bool crashesLlvm(std::span<const uint8_t> bytes) {
  // A scalar result in register 255: of compares (VOP3 opcodes below 256), v_readlane_b32 (0x289)
  // and v_readfirstlane_b32 (0x142).
  if (bytes[0] == 0xff && (bytes[3] == 0xd0 || (bytes[3] == 0xd2 && bytes[2] == 0x89) ||
                           (bytes[3] == 0xd1 && bytes[2] == 0x42)))
    return true;
  // SDWA (source 0 of VOP1, VOP2 and VOPC is 0xf9) with a selection that has no name.
  if (bytes[0] != 0xf9 || (bytes[1] & 1) || bytes[3] >= 0x80)
    return false;
  bool isCompare = (bytes[3] & 0xfe) == 0x7c, isUnary = (bytes[3] & 0xfe) == 0x7e;
  int dst = bytes[5] & 7, unused = bytes[5] >> 3 & 3, src0 = bytes[6] & 7, src1 = bytes[7] & 7;
  return src0 == 7 || (!isUnary && src1 == 7) || (!isCompare && (dst == 7 || unused == 3));
}

/// LLVM's machine-code library for one target.
class Disassembler {
public:
  static Result<std::unique_ptr<Disassembler>> create(const TargetDesc &target) {
    static std::once_flag once;
    std::call_once(once, [] {
      LLVMInitializeAMDGPUTargetInfo();
      LLVMInitializeAMDGPUTargetMC();
      LLVMInitializeAMDGPUDisassembler();
    });
    auto made = std::make_unique<Disassembler>();
    llvm::Triple triple(target.llvmTriple);
    std::string error;
    const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
    if (!found)
      return Error{ErrorCode::Device, "LLVM cannot disassemble for " + target.arch + ": " + error};
    made->registers.reset(found->createMCRegInfo(triple));
    made->asmInfo.reset(found->createMCAsmInfo(*made->registers, triple, made->options));
    made->instructions.reset(found->createMCInstrInfo());
    made->subtarget.reset(
        found->createMCSubtargetInfo(triple, target.llvmCpu, target.llvmFeatures));
    made->context = std::make_unique<llvm::MCContext>(triple, made->asmInfo.get(),
                                                      made->registers.get(), made->subtarget.get());
    made->disassembler.reset(found->createMCDisassembler(*made->subtarget, *made->context));
    made->printer.reset(found->createMCInstPrinter(triple, 0, *made->asmInfo, *made->instructions,
                                                   *made->registers));
    if (!made->disassembler || !made->printer)
      return Error{ErrorCode::Device, "LLVM has no disassembler for " + target.arch};
    return made;
  }

  /// One instruction; of 4 bytes that stop the wave where there is none.
  Instruction decode(const TargetDesc &target, std::span<const uint8_t> bytes, uint64_t pc) {
    Instruction out;
    out.pc = pc;
    llvm::MCInst inst;
    uint64_t size = 0;
    // LLVM crashes on an instruction whose literal is cut off, so none ever is: behind the end
    // come zeros, and an instruction that takes some of them is none.
    std::array<uint8_t, longestInstruction> window = {};
    std::copy_n(bytes.begin(), std::min(bytes.size(), window.size()), window.begin());
    auto status = crashesLlvm(window)
                      ? llvm::MCDisassembler::Fail
                      : disassembler->getInstruction(
                            inst, size, llvm::ArrayRef<uint8_t>(window.data(), window.size()), pc,
                            llvm::nulls());
    // Nor can it print operands that an encoding does not allow, which it leaves empty.
    bool isWhole = std::all_of(inst.begin(), inst.end(), [](const llvm::MCOperand &operand) {
      return operand.isValid() && (!operand.isReg() || operand.getReg().isValid());
    });
    if (status != llvm::MCDisassembler::Success || size == 0 || size > bytes.size() || !isWhole) {
      out.bytes = 4;
      out.execute = stopIllegal;
      out.mnemonic = "(no instruction)";
      for (size_t i = 0; i < 4 && i < bytes.size(); ++i) {
        constexpr char digits[] = "0123456789abcdef";
        out.text += {digits[bytes[i] >> 4], digits[bytes[i] & 15], ' '};
      }
      return out;
    }
    out.bytes = static_cast<uint8_t>(size);
    llvm::raw_string_ostream stream(out.text);
    printer->printInst(&inst, pc, "", *subtarget, stream);
    std::replace(out.text.begin(), out.text.end(), '\t', ' ');
    out.text.erase(0, out.text.find_first_not_of(' '));
    out.text.erase(out.text.find_last_not_of(' ') + 1);
    out.mnemonic = mnemonicOf(out.text);
    out.cls = classOf(out.mnemonic);
    llvm::StringRef opcode = instructions->getName(inst.getOpcode());
    DecodedLine line{
        inst, instructions->get(inst.getOpcode()), *registers, {opcode.data(), opcode.size()}};
    if (decodeOperands(line, out))
      out.execute = findHandler(out, target);
    out.flow = static_cast<uint8_t>(flowOf(out));
    if (!out.execute)
      out.execute = stopUnknown;
    return out;
  }

private:
  static std::string mnemonicOf(std::string_view text) {
    std::string_view word = text.substr(0, text.find(' '));
    for (std::string_view suffix : {"_e32", "_e64", "_dpp", "_sdwa"})
      if (word.size() > suffix.size() && word.substr(word.size() - suffix.size()) == suffix)
        return std::string(word.substr(0, word.size() - suffix.size()));
    return std::string(word);
  }

  static InstructionClass classOf(std::string_view mnemonic) {
    using Class = InstructionClass;
    // The first prefix that fits wins.
    constexpr std::pair<std::string_view, Class> prefixes[] = {
        {"v_mfma_", Class::Mfma},
        {"v_smfmac_", Class::Mfma},
        {"v_", Class::Valu},
        {"ds_", Class::Lds},
        {"scratch_", Class::Scratch},
        {"global_", Class::Vmem},
        {"flat_", Class::Vmem},
        {"buffer_", Class::Vmem},
        {"tbuffer_", Class::Vmem},
        {"s_load_", Class::Smem},
        {"s_buffer_", Class::Smem},
        {"s_memtime", Class::Smem},
        {"s_memrealtime", Class::Smem},
        {"s_dcache_", Class::Smem},
        {"s_scratch_", Class::Smem},
        {"s_store_", Class::Smem},
        {"s_atc_", Class::Smem},
        {"s_atomic_", Class::Smem},
        {"s_cbranch_", Class::Branch},
        {"s_branch", Class::Branch},
        {"s_call_", Class::Branch},
        {"s_setpc_", Class::Branch},
        {"s_swappc_", Class::Branch},
        {"s_waitcnt", Class::Wait},
        {"s_nop", Class::Wait},
        {"s_sleep", Class::Wait},
        {"s_barrier", Class::Barrier},
        {"s_endpgm", Class::Other},
        {"s_trap", Class::Other},
        {"s_sendmsg", Class::Other},
        {"s_", Class::Salu},
    };
    for (const auto &[prefix, cls] : prefixes)
      if (mnemonic.substr(0, prefix.size()) == prefix)
        return cls;
    return Class::Other;
  }

  llvm::MCTargetOptions options;
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> asmInfo;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget;
  std::unique_ptr<llvm::MCContext> context;
  std::unique_ptr<llvm::MCDisassembler> disassembler;
  std::unique_ptr<llvm::MCInstPrinter> printer;
};

} // namespace

const char *name(InstructionClass cls) {
  constexpr const char *names[] = {"valu", "mfma",   "salu", "smem",    "vmem", "scratch",
                                   "lds",  "branch", "wait", "barrier", "other"};
  return names[static_cast<size_t>(cls)];
}

Handler findHandler(const Instruction &instruction, const TargetDesc &target) {
  switch (instruction.cls) {
  case InstructionClass::Mfma:
    return findMatrix(instruction, target);
  case InstructionClass::Valu:
    if (Handler handler = findMatrix(instruction, target))
      return handler;
    if (Handler handler = findVectorPacked(instruction))
      return handler;
    return findVectorAlu(instruction, target);
  case InstructionClass::Smem:
    return findScalarMemory(instruction);
  case InstructionClass::Vmem:
  case InstructionClass::Scratch:
    if (Handler handler = findBufferMemory(instruction))
      return handler;
    return findGlobalMemory(instruction);
  case InstructionClass::Lds:
    return findLocalMemory(instruction);
  default:
    return findScalar(instruction);
  }
}

uint32_t Program::at(uint64_t pc) const {
  auto found = std::lower_bound(instructions.begin(), instructions.end(), pc,
                                [](const Instruction &i, uint64_t pc) { return i.pc < pc; });
  if (found == instructions.end() || found->pc != pc)
    return nowhere;
  return found->index;
}

Result<Program> decodeProgram(const TargetDesc &target, const std::vector<CodeSegment> &segments,
                              std::vector<uint64_t> entries) {
  Result<std::unique_ptr<Disassembler>> disassembler = Disassembler::create(target);
  if (!disassembler)
    return disassembler.takeError();
  std::sort(entries.begin(), entries.end());
  Program program;
  for (const CodeSegment &segment : segments) {
    uint64_t pc = segment.address, end = segment.address + segment.bytes.size();
    while (pc < end) {
      // An instruction must not swallow the beginning of the next function.
      auto next = std::upper_bound(entries.begin(), entries.end(), pc);
      uint64_t limit = next == entries.end() ? end : std::min(end, *next);
      Instruction instruction =
          (*disassembler)
              ->decode(target, segment.bytes.subspan(pc - segment.address, limit - pc), pc);
      instruction.index = static_cast<uint32_t>(program.instructions.size());
      pc += std::min<uint64_t>(instruction.bytes, limit - pc);
      program.instructions.push_back(std::move(instruction));
    }
  }
  return program;
}

} // namespace zorse::emulator
