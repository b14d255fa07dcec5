//===- LoadedImage.cpp - a code object in memory --------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "load/LoadedImage.h"

#include "execute/Wave.h"
#include "load/ElfFile.h"
#include "load/KernelMetadata.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace zorse::emulator {

namespace {

constexpr size_t descriptorBytes = 64;
/// The most that a wave of these GPUs can have (8 MiB), and more arguments than any runtime passes.
constexpr uint32_t mostScratchBytes = 128 * 1024, mostKernargBytes = 64 * 1024;
constexpr uint32_t relocRelative64 = 13, relocAbs64 = 3;

std::string archOfFlags(uint32_t flags) {
  for (const TargetDesc &target : allTargets())
    if (target.elfMachine != 0 && target.elfMachine == (flags & 0xff))
      return target.arch;
  return fmt::format("an unknown architecture (flags {:#x})", flags);
}

KernelDescriptor readDescriptor(const uint8_t *bytes, uint64_t address) {
  auto read = [&](size_t offset, auto value) {
    std::memcpy(&value, bytes + offset, sizeof value);
    return value;
  };
  KernelDescriptor out;
  out.ldsBytes = read(0, uint32_t());
  out.scratchBytes = read(4, uint32_t());
  out.kernargBytes = read(8, uint32_t());
  out.entry = address + static_cast<uint64_t>(read(16, int64_t()));
  out.rsrc3 = read(44, uint32_t());
  out.rsrc1 = read(48, uint32_t());
  out.rsrc2 = read(52, uint32_t());
  out.properties = read(56, uint16_t());
  out.preload = read(58, uint16_t());
  return out;
}

} // namespace

Result<std::unique_ptr<LoadedImage>> LoadedImage::load(const TargetDesc &target,
                                                       std::span<const uint8_t> elf) {
  auto image = std::make_unique<LoadedImage>();
  if (Status status = image->place(target, elf); !status)
    return status.takeError();
  return image;
}

Status LoadedImage::place(const TargetDesc &target, std::span<const uint8_t> elf) {
  Result<ElfFile> file = readElf(elf);
  if (!file)
    return file.takeError();
  if ((file->machineFlags & 0xff) != target.elfMachine)
    return Error{ErrorCode::Device,
                 fmt::format("the code object is for {}, this device is a {}; compile it for {}",
                             archOfFlags(file->machineFlags), target.arch, target.arch)};
  Result<std::vector<KernelDescription>> metadata = readMetadata(file->metadata);
  if (!metadata)
    return metadata.takeError();

  imageBytes = (file->memoryEnd() + 4095) / 4096 * 4096;
  image.reset(static_cast<uint8_t *>(::operator new[](imageBytes, std::align_val_t(4096))));
  std::memset(image.get(), 0, imageBytes);
  std::vector<CodeSegment> segments;
  for (const ElfSegment &segment : file->segments) {
    std::memcpy(image.get() + segment.address, elf.data() + segment.fileOffset, segment.fileBytes);
    if (segment.executable)
      segments.push_back({segment.address, {image.get() + segment.address, segment.fileBytes}});
  }
  auto base = reinterpret_cast<uint64_t>(image.get());
  for (const ElfFile::Relocation &relocation : file->relocations) {
    if (relocation.type != relocRelative64 && relocation.type != relocAbs64)
      return usageError(fmt::format("the code object has a relocation of type {}, which this "
                                    "loader does not know; it knows ABS64 and RELATIVE64",
                                    relocation.type));
    if (relocation.offset > imageBytes - 8)
      return usageError("the code object has a relocation outside of its memory");
    uint64_t value = base + static_cast<uint64_t>(relocation.addend) +
                     (relocation.type == relocAbs64 ? relocation.symbolValue : 0);
    std::memcpy(image.get() + relocation.offset, &value, sizeof value);
  }

  std::vector<uint64_t> entries;
  for (const ElfSymbol &symbol : file->symbols) {
    if (symbol.isFunction)
      entries.push_back(symbol.value);
    if (symbol.name.size() <= 3 || symbol.name.substr(symbol.name.size() - 3) != ".kd")
      continue;
    std::string name = symbol.name.substr(0, symbol.name.size() - 3);
    if (find(name))
      continue; // it is in both symbol tables
    if (symbol.value > imageBytes - descriptorBytes || imageBytes < descriptorBytes)
      return usageError(fmt::format("the descriptor of kernel '{}' lies outside of the code "
                                    "object's memory",
                                    name));
    LoadedKernel kernel;
    auto known = std::find_if(metadata->begin(), metadata->end(),
                              [&](const KernelDescription &d) { return d.name == name; });
    if (known != metadata->end())
      kernel.description = *known;
    kernel.description.name = name;
    kernel.descriptor = readDescriptor(image.get() + symbol.value, symbol.value);
    if (kernel.descriptor.scratchBytes > mostScratchBytes ||
        kernel.descriptor.kernargBytes > mostKernargBytes)
      return usageError(fmt::format("kernel '{}' asks for {} bytes of scratch a lane and {} bytes "
                                    "of arguments; at most {} and {} are possible",
                                    name, kernel.descriptor.scratchBytes,
                                    kernel.descriptor.kernargBytes, mostScratchBytes,
                                    mostKernargBytes));
    kernel.description.kernargBytes = kernel.descriptor.kernargBytes;
    kernel.description.staticLdsBytes = kernel.descriptor.ldsBytes;
    kernel.description.scratchBytesPerLane = kernel.descriptor.scratchBytes;
    kernel.description.vgprs = kernel.descriptor.allocatedVgprs();
    kernel.description.sgprs = kernel.descriptor.allocatedSgprs();
    entries.push_back(kernel.descriptor.entry);
    loaded.push_back(std::move(kernel));
  }
  if (loaded.empty())
    return usageError("the code object has no kernels: no symbol ends in .kd");
  for (const LoadedKernel &kernel : loaded)
    descriptions.push_back(kernel.description);

  Result<Program> program = decodeProgram(target, segments, entries);
  if (!program)
    return program.takeError();
  code = program.take();
  code.loadAddress = base;
  std::sort(entries.begin(), entries.end());
  for (const LoadedKernel &kernel : loaded) {
    if (code.at(kernel.descriptor.entry) == Program::nowhere)
      return usageError(fmt::format("the entry of kernel '{}' lies outside of the code",
                                    kernel.description.name));
    auto next = std::upper_bound(entries.begin(), entries.end(), kernel.descriptor.entry);
    stopBeyondRegisters(kernel.descriptor, next == entries.end() ? UINT64_MAX : *next);
  }
  return Status::success();
}

/// Instructions that name registers which the kernel does not have: hardware would quietly use
/// others.
void LoadedImage::stopBeyondRegisters(const KernelDescriptor &kernel, uint64_t end) {
  uint32_t vgprs = kernel.architectedVgprs(), agprs = kernel.allocatedVgprs() - vgprs;
  auto isBeyond = [&](const Instruction::Range &range) {
    if (range.kind != Operand::Kind::Vgpr)
      return false;
    uint32_t past = range.first % firstAgpr + range.count;
    return past > (range.first >= firstAgpr ? agprs : vgprs);
  };
  for (uint32_t i = code.at(kernel.entry);
       i < code.instructions.size() && code.instructions[i].pc < end; ++i) {
    Instruction &instruction = code.instructions[i];
    if (std::any_of(instruction.reads.begin(), instruction.reads.end(), isBeyond) ||
        std::any_of(instruction.writes.begin(), instruction.writes.end(), isBeyond))
      instruction.execute = [](Wave &wave, const Instruction &) {
        wave.stop("the instruction names a vector register beyond those that the kernel's "
                  "descriptor allocates");
      };
  }
}

const LoadedKernel *LoadedImage::find(const std::string &name) const {
  for (const LoadedKernel &kernel : loaded)
    if (kernel.description.name == name)
      return &kernel;
  return nullptr;
}

} // namespace zorse::emulator
