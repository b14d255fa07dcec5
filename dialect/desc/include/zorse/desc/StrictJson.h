//===- StrictJson.h - JSON from untrusted sources ---------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For every file and argument that comes from outside: nesting is limited,
// duplicate keys are errors, and no input makes it throw or overflow the stack.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace zorse {

struct JsonLimits {
  size_t maxBytes = size_t(1) << 20;
  int maxDepth = 64;
};

/// Parses one JSON value that fills the whole text. Errors (Usage): too long, too deep, a
/// duplicate key (with the path of its object), or a syntax error with the byte where it is.
Result<nlohmann::json> parseStrictJson(std::string_view text, const JsonLimits &limits = {});

/// How a found value is shown in a message: `"12" (string)`, `0`, `1.5 (number)`,
/// `true (boolean)`, `null`, `an array`, `an object`. Long strings are cut.
std::string describeJson(const nlohmann::json &value);

} // namespace zorse
