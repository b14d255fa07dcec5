//===- Inspect.cpp - what a code object holds -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "zorse/compiler/Inspect.h"

#include "Instructions.h"
#include "Metadata.h"

#include "llvm/Object/ELFObjectFile.h"

namespace zorse {

using namespace llvm::object;

/// The text of an LLVM error, in the style of ours.
static std::string reasonOf(llvm::Error error) {
  std::string text = llvm::toString(std::move(error));
  while (!text.empty() && (text.back() == '.' || text.back() == '\n'))
    text.pop_back();
  return text;
}

static Error damaged(llvm::Error error) {
  return usageError("expected a complete ELF code object, got a damaged or truncated one: " +
                    reasonOf(std::move(error)));
}

static Status readNotes(const ELF64LEFile &file, CodeObject &object) {
  auto sections = file.sections();
  if (!sections)
    return damaged(sections.takeError());
  for (const auto &section : *sections) {
    if (section.sh_type != llvm::ELF::SHT_NOTE)
      continue;
    llvm::Error error = llvm::Error::success();
    for (const auto &note : file.notes(section, error))
      if (note.getName() == "AMDGPU" && note.getType() == llvm::ELF::NT_AMDGPU_METADATA) {
        llvm::consumeError(std::move(error));
        return readAmdMetadata(note.getDescAsStringRef(section.sh_addralign), object);
      }
    if (error)
      return damaged(std::move(error));
  }
  return usageError("expected an AMD code object with kernel metadata, got one without");
}

/// Counts inside the functions that the file names: linkers and assemblers pad what lies between.
static Status countFunctions(const ELF64LEObjectFile &file, CodeObject &object) {
  const ELF64LEFile &elf = file.getELFFile();
  for (ELFSymbolRef symbol : file.getDynamicSymbolIterators()) {
    auto type = symbol.getType();
    auto address = symbol.getAddress();
    auto section = symbol.getSection();
    if (!type || !address || !section)
      return damaged(
          llvm::joinErrors(llvm::joinErrors(type ? llvm::Error::success() : type.takeError(),
                                            address ? llvm::Error::success() : address.takeError()),
                           section ? llvm::Error::success() : section.takeError()));
    if (*type != SymbolRef::ST_Function || *section == file.section_end())
      continue;
    auto contents = elf.getSectionContents(*file.getSection((*section)->getRawDataRefImpl()));
    if (!contents)
      return damaged(contents.takeError());
    uint64_t from = *address - (*section)->getAddress(), size = symbol.getSize();
    if (*address < (*section)->getAddress() || from > contents->size() ||
        size > contents->size() - from)
      return usageError("expected functions inside their sections, got one of " +
                        std::to_string(size) + " bytes that reaches beyond");
    auto count = elf.getHeader().e_machine == llvm::ELF::EM_AMDGPU ? countGfx9Instructions
                                                                   : countX86Instructions;
    count(contents->slice(from, size), object.instructionMix);
  }
  return Status::success();
}

static Status readHostSymbols(const ELF64LEObjectFile &file, CodeObject &object) {
  for (ELFSymbolRef symbol : file.getDynamicSymbolIterators()) {
    auto type = symbol.getType();
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    if (!type || !flags || !name) {
      llvm::Error error =
          llvm::joinErrors(llvm::joinErrors(type ? llvm::Error::success() : type.takeError(),
                                            flags ? llvm::Error::success() : flags.takeError()),
                           name ? llvm::Error::success() : name.takeError());
      return damaged(std::move(error));
    }
    if (*type == SymbolRef::ST_Function && !(*flags & SymbolRef::SF_Undefined)) {
      KernelInfo kernel;
      kernel.symbol = name->str();
      object.kernels.push_back(std::move(kernel));
    }
  }
  return Status::success();
}

Result<CodeObject> inspectCodeObject(std::span<const uint8_t> bytes) {
  llvm::StringRef contents(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  if (!contents.starts_with("\x7f"
                            "ELF"))
    return usageError("expected an ELF code object (an HSACO or an x86-64 shared object), got " +
                      std::to_string(bytes.size()) + " bytes that do not start with the ELF magic");
  if (contents.size() < sizeof(llvm::ELF::Elf64_Ehdr))
    return usageError("expected a complete ELF code object, got a truncated one of " +
                      std::to_string(contents.size()) + " bytes");
  if (contents[llvm::ELF::EI_CLASS] != llvm::ELF::ELFCLASS64 ||
      contents[llvm::ELF::EI_DATA] != llvm::ELF::ELFDATA2LSB)
    return usageError("expected a 64-bit little-endian ELF file, got another kind");
  // Records are read in place, so the copy that they are read from is aligned as they are.
  std::vector<uint64_t> aligned((bytes.size() + 7) / 8);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<uint8_t *>(aligned.data()));
  llvm::MemoryBufferRef buffer(
      llvm::StringRef(reinterpret_cast<const char *>(aligned.data()), bytes.size()), "code object");
  auto file = ELF64LEObjectFile::create(buffer);
  if (!file)
    return damaged(file.takeError());

  CodeObject object;
  object.bytes.assign(bytes.begin(), bytes.end());
  const ELF64LEFile &elf = file->getELFFile();
  Status read;
  switch (elf.getHeader().e_machine) {
  case llvm::ELF::EM_AMDGPU: {
    std::optional<llvm::StringRef> name = file->tryGetCPUName();
    if (!name || !name->starts_with("gfx9"))
      return usageError("expected an AMD code object of the gfx9 family, got the flags " +
                        std::to_string(file->getPlatformFlags()));
    object.arch = name->str();
    read = readNotes(elf, object);
    break;
  }
  case llvm::ELF::EM_X86_64:
    object.arch = "x86_64";
    read = readHostSymbols(*file, object);
    break;
  default:
    return usageError("expected code of an AMD GPU (ELF machine 224) or x86-64 (62), got machine " +
                      std::to_string(elf.getHeader().e_machine));
  }
  if (!read)
    return read.takeError();
  if (Status counted = countFunctions(*file, object); !counted)
    return counted.takeError();
  return object;
}

} // namespace zorse
