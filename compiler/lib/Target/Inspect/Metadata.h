//===- Metadata.h - the kernel descriptions of an HSACO ---------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/CodeObject.h"

#include "llvm/ADT/StringRef.h"

namespace zorse {

/// Fills kernels and arguments of `object` from the msgpack in an NT_AMDGPU_METADATA note.
Status readAmdMetadata(llvm::StringRef msgpack, CodeObject &object);

} // namespace zorse
