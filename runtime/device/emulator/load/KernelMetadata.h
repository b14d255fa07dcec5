//===- KernelMetadata.h - the note about kernels ----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/emulator/Machine.h"

#include <span>

namespace zorse::emulator {

/// Kernels of the msgpack note of a code object (amdhsa.kernels), one description each, without
/// what the descriptor says. Empty input gives none.
/// Errors (Usage): damaged msgpack, or fields of another type than the format has.
Result<std::vector<KernelDescription>> readMetadata(std::span<const uint8_t> msgpack);

} // namespace zorse::emulator
