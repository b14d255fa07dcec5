//===- ScalarFamilies.h - tables of the scalar unit -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "execute/Handlers.h"

#include <span>

namespace zorse::emulator {

/// SOP2, SOPC and the arithmetic of SOPK.
std::span<const HandlerEntry> scalarBinary();
/// SOP1 but what moves PC or EXEC.
std::span<const HandlerEntry> scalarUnary();
/// SOPP, calls, saveexec, hardware registers.
std::span<const HandlerEntry> scalarControl();

} // namespace zorse::emulator
