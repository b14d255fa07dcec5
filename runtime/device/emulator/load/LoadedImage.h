//===- LoadedImage.h - a code object in memory ------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "decode/Program.h"

#include "zorse/emulator/Machine.h"

#include <algorithm>
#include <memory>

namespace zorse::emulator {

/// What the kernel descriptor asks for. Bits as in llvm/Support/AMDHSAKernelDescriptor.h.
struct KernelDescriptor {
  uint64_t entry = 0; ///< virtual address of the first instruction
  uint32_t ldsBytes = 0, scratchBytes = 0, kernargBytes = 0;
  uint32_t rsrc1 = 0, rsrc2 = 0, rsrc3 = 0;
  uint16_t properties = 0, preload = 0;

  uint32_t userSgprs() const { return rsrc2 >> 1 & 31; }
  uint32_t preloadDwords() const { return preload & 127; }
  uint32_t preloadOffset() const { return preload >> 7; }  ///< in dwords
  uint32_t workItemIds() const { return rsrc2 >> 11 & 3; } ///< highest dimension in v0
  /// v and a registers together; the first architectedVgprs() of them are v.
  uint32_t allocatedVgprs() const { return ((rsrc1 & 63) + 1) * 8; }
  uint32_t architectedVgprs() const { return std::min(allocatedVgprs(), ((rsrc3 & 63) + 1) * 4); }
  uint32_t allocatedSgprs() const { return ((rsrc1 >> 6 & 15) / 2 + 1) * 16; }
};

struct LoadedKernel {
  KernelDescription description;
  KernelDescriptor descriptor;
};

class LoadedImage final : public Image {
public:
  /// Reads, lays out in memory, relocates and decodes. Errors: as Machine::load.
  static Result<std::unique_ptr<LoadedImage>> load(const TargetDesc &target,
                                                   std::span<const uint8_t> elf);

  const std::vector<KernelDescription> &kernels() const override { return descriptions; }
  const LoadedKernel *find(const std::string &name) const;
  const Program &program() const { return code; }
  std::span<const uint8_t> memory() const { return {image.get(), imageBytes}; }

private:
  void stopBeyondRegisters(const KernelDescriptor &kernel, uint64_t end);
  Status place(const TargetDesc &target, std::span<const uint8_t> elf);

  struct AlignedDelete {
    void operator()(uint8_t *memory) const { ::operator delete[](memory, std::align_val_t(4096)); }
  };
  std::unique_ptr<uint8_t[], AlignedDelete> image;
  size_t imageBytes = 0;
  Program code;
  std::vector<LoadedKernel> loaded;
  std::vector<KernelDescription> descriptions;
};

} // namespace zorse::emulator
