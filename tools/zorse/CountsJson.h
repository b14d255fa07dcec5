//===- CountsJson.h - counts of a launch for all to read ---------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include "zorse/emulator/Counts.h"

namespace zorse::tool {

/// Adds the counts to an object: total, by_class, by_mnemonic, bytes, lds, mfma_flops, ….
void addCounts(Json &to, const emulator::Counts &counts);

/// The same as lines of text, the mnemonics by frequency.
std::string describeCounts(const emulator::Counts &counts);

} // namespace zorse::tool
