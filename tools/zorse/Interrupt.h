//===- Interrupt.h - stopping soon when asked to ----------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <atomic>

namespace zorse::tool {

/// Set by the first SIGINT or SIGTERM after watchSignals(). The second one ends the process.
extern std::atomic<bool> stopRequested;

void watchSignals();

/// Forgets a SIGINT, so that the next one is the first again. False after SIGTERM, which stays.
bool forgetInterrupt();

/// The exit code that goes with the signal: 130 after SIGINT; 75 (can be resumed) after SIGTERM,
/// which job schedulers send ahead of their limit.
int interruptedExitCode();

} // namespace zorse::tool
