//===- Codegen.h - from a request to a code object, for tests ---*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "AmdCodegen.h"

#include <string_view>

namespace zorse::test {

/// The machine code of an op with its default configuration, or that of `config`. Throws
/// std::runtime_error with the message of whatever fails.
AmdCode compileFor(std::string_view arch, std::string_view request, std::string_view config = "",
                   bool keepText = false);

} // namespace zorse::test
