//===- EmbeddedSpecs.h - the text of the op specs ---------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string_view>
#include <vector>

namespace zorse {

struct EmbeddedSpec {
  std::string_view fileName; ///< "linear.json"
  std::string_view text;
};

/// In the order of the build's list, which is sorted by name. The definition is generated.
const std::vector<EmbeddedSpec> &embeddedSpecs();

} // namespace zorse
