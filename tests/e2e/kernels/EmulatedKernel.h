//===- EmulatedKernel.h - one code object against the oracle ----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/emulator/EmulatorDevice.h"
#include "zorse/reference/Reference.h"

#include <string>

namespace zorse {

/// The emulated GPU of a name, with all checks on; made once.
EmulatorDevice &emulatorFor(const std::string &arch);

/// "context=40,tokens=2"
std::string describe(const Sizes &sizes);

/// Runs one code object on fresh buffers and compares every result. Buffers are exactly as large
/// as their operands, so that the machine sees every stray access.
Result<Comparison> runAndCompare(EmulatorDevice &device, const CodeObject &object, const OpDesc &op,
                                 const Sizes &sizes, uint64_t seed, Lengths lengths);

/// Cases and worst error of each kind on each target, for printTallies().
void addToTally(const std::string &arch, const std::string &kind, const Comparison &comparison);
void printTallies();

} // namespace zorse
