//===- Disassembly.h - counting instructions --------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/TargetParser/Triple.h"

#include <cstdint>
#include <map>
#include <string>

namespace zorse {

/// Adds the instructions of `code` to `mix`, by class (see Inspect.h). Bytes that are no
/// instruction count as "other".
Status countInstructions(llvm::ArrayRef<uint8_t> code, const llvm::Triple &triple,
                         const std::string &cpu, std::map<std::string, int64_t> &mix);

} // namespace zorse
