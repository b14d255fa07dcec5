//===- Assets.h - scripts and styles inside the binary ----------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zorse::tool::report {

struct Script {
  std::string_view name, text;
  std::string_view sha256; ///< of the text, in hex
};

/// In the order in which they must run.
const std::vector<Script> &scripts();
std::string_view styleSheet();
/// Of the scripts that others wrote.
const std::vector<Script> &licences();

} // namespace zorse::tool::report
