//===- LocalMemory.h - the parts of the ds_* family -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Handlers.h"
#include "execute/MemoryAccess.h"

#include <string_view>

namespace zorse::emulator {

/// The address register plus `offset`, of the active lanes.
void localOffsets(const Wave &wave, const Instruction &ins, uint32_t offset, LaneOffsets &to);

Handler findLocalAtomic(std::string_view mnemonic);
/// ds_permute, ds_bpermute, ds_swizzle: through the crossbar of LDS, without its memory.
Handler findLaneExchange(std::string_view mnemonic);

} // namespace zorse::emulator
