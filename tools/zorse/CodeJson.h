//===- CodeJson.h - code objects for people and programs --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include "zorse/desc/CodeObject.h"

namespace zorse::tool {

/// {"block_n": 64, …} from "block_n=64,…".
Json configJson(const std::string &configText);

/// Kernels with arguments, launch geometry and resources; workspaces; instruction mix; hash. `op`
/// adds the role and the shape of operands, where it is known.
void addCode(Json &out, const CodeObject &object, const OpDesc *op);

/// The same for people, several lines.
std::string describeCode(const CodeObject &object);

} // namespace zorse::tool
