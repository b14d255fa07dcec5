//===- HiddenArguments.h - what the driver adds to a launch -----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "load/LoadedImage.h"

namespace zorse::emulator {

/// The whole kernel argument segment: the explicit ones as given, then the hidden ones of code
/// object version 5, by the metadata or, without it, 8-aligned behind the explicit ones.
std::vector<uint8_t> completeArguments(const LoadedKernel &kernel, const LaunchShape &shape,
                                       std::span<const uint8_t> explicitArguments);

/// The 64-byte HSA kernel dispatch packet, for kernels that read their launch from it.
std::vector<uint8_t> dispatchPacket(const LoadedKernel &kernel, const LaunchShape &shape);

} // namespace zorse::emulator
