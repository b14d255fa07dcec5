//===- ElfChecks.h - machine code before anyone loads it --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace zorse {

constexpr uint16_t elfMachineX86 = 62, elfMachineAmdgpu = 224;

/// "damaged code object: …; compile it again"
Error damagedCode(std::string_view what);

/// Checks that the bytes are an ELF shared object of this machine whose headers and segments lie
/// inside of them: loaders trust those. `runner` begins the message about another machine ("the
/// host"). A file that passes may still compute nonsense.
Status checkElf(std::span<const uint8_t> bytes, uint16_t machine, std::string_view runner);

} // namespace zorse
