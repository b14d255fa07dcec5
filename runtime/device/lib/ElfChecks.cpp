//===- ElfChecks.cpp - machine code before anyone loads it ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/device/ElfChecks.h"

#include <cstring>
#include <elf.h>
#include <fmt/format.h>

namespace zorse {

namespace {

std::string_view machineName(unsigned machine) {
  switch (machine) {
  case elfMachineX86:
    return "x86-64";
  case EM_AARCH64:
    return "AArch64";
  case EM_RISCV:
    return "RISC-V";
  case elfMachineAmdgpu:
    return "AMDGPU";
  default:
    return "unknown";
  }
}

/// A T at `offset`, if it lies inside of the bytes.
template <typename T> bool readAt(std::span<const uint8_t> bytes, uint64_t offset, T &value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
    return false;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return true;
}

} // namespace

Error damagedCode(std::string_view what) {
  return runtimeError(fmt::format("damaged code object: {}; compile it again", what));
}

Status checkElf(std::span<const uint8_t> bytes, uint16_t machine, std::string_view runner) {
  Elf64_Ehdr header;
  if (!readAt(bytes, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return damagedCode(
        fmt::format("expected an ELF file, found {} bytes that are none", bytes.size()));
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != machine)
    return Error{ErrorCode::Device,
                 fmt::format("{} runs {} code, this is {}-bit {} code (ELF machine {})", runner,
                             machineName(machine), header.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32,
                             machineName(header.e_machine), header.e_machine)};
  if (header.e_type != ET_DYN)
    return damagedCode(fmt::format("expected a shared object (ELF type {}), found type {}",
                                   int(ET_DYN), header.e_type));
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0)
    return damagedCode("it has no program headers");
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (header.e_phoff > bytes.size() ||
        !readAt(bytes, header.e_phoff + i * sizeof(Elf64_Phdr), segment))
      return damagedCode("its program headers are cut short");
    if (segment.p_offset > bytes.size() || segment.p_filesz > bytes.size() - segment.p_offset)
      return damagedCode(fmt::format("segment {} ends at byte {} of {}", i,
                                     segment.p_offset + segment.p_filesz, bytes.size()));
  }
  return Status::success();
}

} // namespace zorse
