//===- Inspect.h - what a code object holds ---------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"

#include <span>

namespace zorse {

/// Reads back what the machine code itself tells: an AMD HSACO or an x86-64 shared object, of this
/// compiler or any other. Sets
///   arch             "gfx942", … or "x86_64"
///   bytes            a copy
///   kernels          symbol, block and resources of each kernel (host: symbols only)
///   arguments        of the first kernel: pointers as operands, values as sizes; names where the
///                    metadata has them, else "arg0", …
///   instructionMix   instructions in all functions by class. AMD: mfma, valu, salu, lds, vmem,
///                    smem, scratch, branch, barrier, waitcnt, nop, other. x86-64: vector, scalar,
///                    branch, call, other
/// Grids, workspaces and provenance are not in the code and stay empty. The bytes need not be
/// trusted. Errors: Usage if they are not an ELF file, are truncated or damaged, or are code of
/// another machine.
Result<CodeObject> inspectCodeObject(std::span<const uint8_t> bytes);

} // namespace zorse
