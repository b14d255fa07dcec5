//===- LaunchArguments.h - arguments of a kernel from words -----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include "zorse/emulator/Machine.h"

namespace zorse::tool {

/// A value, or a buffer that is filled from a file, written to one, or both.
struct LaunchArgument {
  std::string text; ///< as it was given, for messages
  bool isBuffer = false, isInput = false, isOutput = false;
  std::vector<uint8_t> bytes; ///< of the value, or in the buffer
  std::string file;           ///< of a buffer
  uint64_t address = 0;       ///< of a buffer, once there is one
};

/// The forms of an argument, for help pages and messages.
extern const char *const argumentForms;

/// Reads the files as well. Errors (Usage): another form, a number out of range, no such file, two
/// arguments that write one file.
Result<std::vector<LaunchArgument>> readArguments(const std::vector<std::string> &words);

/// The bytes that the kernel sees: at the offsets of its metadata, or without any each at its
/// natural alignment after the one before. Errors (Usage): count or sizes that differ from those of
/// the kernel.
Result<std::vector<uint8_t>> layOutArguments(const emulator::KernelDescription &kernel,
                                             const std::vector<LaunchArgument> &arguments);

} // namespace zorse::tool
