//===- HipDevice.h - an AMD GPU behind the device interface -----*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/Device.h"

#include <string>

namespace zorse {

struct HipOptions {
  /// The HIP library to open, a path or a name for the dynamic linker. Empty: the libamdhip64 of
  /// ROCm 7, 6, whichever the linker finds without a version, then 5.
  std::string library;
  int device = 0; ///< which of the GPUs that HIP shows
};

/// Opens the HIP library in this process, where it stays. Errors (Device): no library, naming all
/// that were tried and why they failed; a function that the library lacks; no GPU, or one that the
/// target table does not know.
Result<std::unique_ptr<Device>> createHipDevice(const HipOptions &options = {});

} // namespace zorse
