//===- ElfFile.cpp - the parts of a code object ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "load/ElfFile.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fmt/format.h>
#include <optional>

namespace zorse::emulator {

namespace {

constexpr uint16_t machineAmdgpu = 224;
constexpr uint32_t noteAmdgpuMetadata = 32;
/// More memory than this no code object has; a larger figure is damage.
constexpr uint64_t largestImage = uint64_t(1) << 30;

class ElfReader {
public:
  explicit ElfReader(std::span<const uint8_t> bytes) : bytes(bytes) {}

  Result<ElfFile> read() {
    std::optional<Elf64_Ehdr> header = at<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
      return usageError("expected an AMD code object (ELF), found a file that does not begin "
                        "like one");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
      return usageError("expected a 64-bit little-endian ELF file");
    if (header->e_machine != machineAmdgpu)
      return usageError(fmt::format("expected an ELF file for AMD GPUs (machine {}), found "
                                    "machine {}",
                                    machineAmdgpu, header->e_machine));
    if (header->e_type != ET_DYN)
      return usageError("expected a linked code object (ELF type DYN); link relocatable files "
                        "with ld.lld -shared first");
    file.machineFlags = header->e_flags;
    for (Status (ElfReader::*step)(const Elf64_Ehdr &) :
         {&ElfReader::readSegments, &ElfReader::readSections})
      if (Status status = (this->*step)(*header); !status)
        return status.takeError();
    return std::move(file);
  }

private:
  template <typename T> std::optional<T> at(uint64_t offset) const {
    if (offset > bytes.size() || sizeof(T) > bytes.size() - offset)
      return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
  }
  std::optional<std::span<const uint8_t>> range(uint64_t offset, uint64_t size) const {
    if (offset > bytes.size() || size > bytes.size() - offset)
      return std::nullopt;
    return bytes.subspan(offset, size);
  }
  Error damaged(const char *what) const {
    return usageError(fmt::format("the code object is cut short or damaged: {} lies outside of "
                                  "its {} bytes",
                                  what, bytes.size()));
  }

  Status readSegments(const Elf64_Ehdr &header) {
    for (unsigned i = 0; i < header.e_phnum; ++i) {
      auto segment = at<Elf64_Phdr>(header.e_phoff + uint64_t(i) * sizeof(Elf64_Phdr));
      if (!segment)
        return damaged("a program header");
      if (segment->p_type == PT_NOTE)
        if (Status status = readNotes(*segment); !status)
          return status;
      if (segment->p_type != PT_LOAD)
        continue;
      if (!range(segment->p_offset, segment->p_filesz))
        return damaged("a segment");
      if (segment->p_filesz > segment->p_memsz || segment->p_vaddr > largestImage ||
          segment->p_memsz > largestImage)
        return damaged("the memory of a segment");
      file.segments.push_back({segment->p_vaddr, segment->p_offset, segment->p_filesz,
                               segment->p_memsz, (segment->p_flags & PF_X) != 0});
    }
    if (file.segments.empty())
      return usageError("the code object has nothing to load");
    return Status::success();
  }

  Status readNotes(const Elf64_Phdr &segment) {
    auto notes = range(segment.p_offset, segment.p_filesz);
    if (!notes)
      return damaged("a note");
    uint64_t position = 0;
    auto padded = [](uint64_t size) { return (size + 3) / 4 * 4; };
    while (position + sizeof(Elf64_Nhdr) <= notes->size()) {
      Elf64_Nhdr note;
      std::memcpy(&note, notes->data() + position, sizeof note);
      uint64_t name = position + sizeof note, text = name + padded(note.n_namesz);
      if (text > notes->size() || note.n_descsz > notes->size() - text)
        return damaged("a note");
      if (note.n_type == noteAmdgpuMetadata && note.n_namesz >= 6 &&
          std::memcmp(notes->data() + name, "AMDGPU", 6) == 0) {
        auto content = notes->subspan(text, note.n_descsz);
        file.metadata.assign(content.begin(), content.end());
      }
      position = text + padded(note.n_descsz);
    }
    return Status::success();
  }

  Status readSections(const Elf64_Ehdr &header) {
    std::vector<Elf64_Shdr> sections;
    for (unsigned i = 0; i < header.e_shnum; ++i) {
      auto section = at<Elf64_Shdr>(header.e_shoff + uint64_t(i) * sizeof(Elf64_Shdr));
      if (!section)
        return damaged("a section header");
      sections.push_back(*section);
    }
    for (const Elf64_Shdr &section : sections) {
      if (section.sh_type == SHT_DYNSYM || section.sh_type == SHT_SYMTAB) {
        if (section.sh_link >= sections.size())
          return damaged("a string table");
        if (Status status = readSymbols(section, sections[section.sh_link]); !status)
          return status;
      }
      if (section.sh_type == SHT_RELA && (section.sh_flags & SHF_ALLOC)) {
        if (section.sh_link >= sections.size())
          return damaged("a symbol table");
        if (Status status = readRelocations(section, sections[section.sh_link]); !status)
          return status;
      }
    }
    return Status::success();
  }

  Status readSymbols(const Elf64_Shdr &table, const Elf64_Shdr &strings) {
    auto content = range(table.sh_offset, table.sh_size);
    auto names = range(strings.sh_offset, strings.sh_size);
    if (!content || !names)
      return damaged("a symbol table");
    for (uint64_t offset = 0; offset + sizeof(Elf64_Sym) <= content->size();
         offset += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, content->data() + offset, sizeof symbol);
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= names->size())
        continue;
      const char *first = reinterpret_cast<const char *>(names->data()) + symbol.st_name;
      std::string name(first, strnlen(first, names->size() - symbol.st_name));
      if (!name.empty())
        file.symbols.push_back({std::move(name), symbol.st_value, symbol.st_size,
                                ELF64_ST_TYPE(symbol.st_info) == STT_FUNC});
    }
    return Status::success();
  }

  Status readRelocations(const Elf64_Shdr &table, const Elf64_Shdr &symbols) {
    auto content = range(table.sh_offset, table.sh_size);
    auto symbolBytes = range(symbols.sh_offset, symbols.sh_size);
    if (!content || !symbolBytes)
      return damaged("a relocation table");
    for (uint64_t offset = 0; offset + sizeof(Elf64_Rela) <= content->size();
         offset += sizeof(Elf64_Rela)) {
      Elf64_Rela entry;
      std::memcpy(&entry, content->data() + offset, sizeof entry);
      uint64_t symbolAt = uint64_t(ELF64_R_SYM(entry.r_info)) * sizeof(Elf64_Sym);
      if (symbolAt > symbolBytes->size() || sizeof(Elf64_Sym) > symbolBytes->size() - symbolAt)
        return damaged("a symbol of a relocation");
      Elf64_Sym symbol;
      std::memcpy(&symbol, symbolBytes->data() + symbolAt, sizeof symbol);
      file.relocations.push_back({entry.r_offset, symbol.st_value, entry.r_addend,
                                  static_cast<uint32_t>(ELF64_R_TYPE(entry.r_info))});
    }
    return Status::success();
  }

  std::span<const uint8_t> bytes;
  ElfFile file;
};

} // namespace

uint64_t ElfFile::memoryEnd() const {
  uint64_t end = 0;
  for (const ElfSegment &segment : segments)
    end = std::max(end, segment.address + segment.memoryBytes);
  return end;
}

Result<ElfFile> readElf(std::span<const uint8_t> bytes) { return ElfReader(bytes).read(); }

} // namespace zorse::emulator
