//===- ReferenceDevice.h - a device that runs the oracle --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/device/Device.h"

namespace zorse {

/// A device whose code object is the op description itself and whose launch computes the fp64
/// reference. The engine on it is checked without any compiled kernel, and the reference is
/// checked against published arithmetic.
std::unique_ptr<Device> createReferenceDevice();

/// A miss handler for that device: "compiles" an op into its own description.
Result<CodeObject> describeAsCode(const OpDesc &op, const TargetDesc &target);

} // namespace zorse
