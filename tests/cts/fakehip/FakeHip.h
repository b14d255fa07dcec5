//===- FakeHip.h - what a test may ask of the fake --------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exported by the fake library beside the functions of HIP; a test opens the library
// and looks them up. The environment does the same for a process that runs the tool:
//
//   FAKE_HIP_ARCH    architectures of its GPUs, with commas; empty: no GPU
//   FAKE_HIP_LOG     a file to which every call is appended, one line each
//   FAKE_HIP_FAIL    FUNCTION:N:CODE, the N-th call of a function fails
//   FAKE_HIP_CHECKS  1: the emulator looks for faults that hardware lets pass
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>

extern "C" {
/// Starts over with GPUs of these architectures; false while objects live or a name is unknown.
bool fakeHipReset(const char *archs);
/// The n-th call (from 1) of the function from now on returns the code and does nothing.
void fakeHipFail(const char *function, int nth, int code);
/// Calls since the last clear, one line each: "hipMalloc(64) = 0". Valid until the next call.
const char *fakeHipLog();
void fakeHipClearLog();
/// Streams, events, modules, graphs and memory that nobody has given back.
size_t fakeHipLiveObjects();
}
