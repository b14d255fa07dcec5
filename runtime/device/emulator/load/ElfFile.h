//===- ElfFile.h - the parts of a code object -------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads an ELF shared object for AMD GPUs without trusting any number in it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace zorse::emulator {

struct ElfSegment {
  uint64_t address = 0, fileOffset = 0, fileBytes = 0, memoryBytes = 0;
  bool executable = false;
};

struct ElfSymbol {
  std::string name;
  uint64_t value = 0, size = 0;
  bool isFunction = false;
};

struct ElfFile {
  uint32_t machineFlags = 0; ///< e_flags
  std::vector<ElfSegment> segments;
  std::vector<ElfSymbol> symbols; ///< .dynsym and .symtab
  std::vector<uint8_t> metadata;  ///< msgpack of the AMDGPU note; may be empty
  struct Relocation {
    uint64_t offset = 0, symbolValue = 0;
    int64_t addend = 0;
    uint32_t type = 0;
  };
  std::vector<Relocation> relocations; ///< dynamic, for the loader to apply

  uint64_t memoryEnd() const; ///< one past the highest address of a segment
};

/// Errors (Usage): not an ELF64 shared object for AMD GPUs, or cut short or inconsistent; says
/// where.
Result<ElfFile> readElf(std::span<const uint8_t> bytes);

} // namespace zorse::emulator
