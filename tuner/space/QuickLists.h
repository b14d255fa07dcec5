//===- QuickLists.h - the shipped lists, embedded -------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <string_view>
#include <vector>

namespace zorse::tuner {

/// The text of each file in tuner/space/quick. The definition is generated.
const std::vector<std::string_view> &quickListFiles();

} // namespace zorse::tuner
