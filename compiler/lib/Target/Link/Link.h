//===- Link.h - from object to shared object --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <vector>

namespace zorse {

/// Links one relocatable ELF object to a shared object with lld, in this process. lld keeps global
/// state, so calls take turns. The result depends on the object alone.
Result<std::vector<uint8_t>> linkSharedObject(llvm::StringRef object);

} // namespace zorse
