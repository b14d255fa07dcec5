//===- Instructions.h - counting instructions -------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <map>
#include <string>

namespace zorse {

/// Instructions by class (see Inspect.h).
using InstructionMix = std::map<std::string, int64_t>;

/// Adds the instructions of `code` to `mix`. Bytes that are no instruction count as "other"; no
/// bytes do harm.
void countGfx9Instructions(llvm::ArrayRef<uint8_t> code, InstructionMix &mix);
void countX86Instructions(llvm::ArrayRef<uint8_t> code, InstructionMix &mix);

} // namespace zorse
