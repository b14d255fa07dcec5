//===- CodeReport.h - what machine code tells of itself ---------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

namespace zorse::tool {

/// Prints target, kernels and their needs of each file. Needs the compiler.
VerbResult reportCode(const Tool &tool, const std::vector<std::string> &files);

} // namespace zorse::tool
