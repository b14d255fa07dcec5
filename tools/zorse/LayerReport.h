//===- LayerReport.h - what doctor says of databases and keys ---*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

namespace zorse::tool {

/// The three layers, whose code is launched, the key of this user, and SQLite: the keys "layers",
/// "trust", "signing_key" and "sqlite". Looks only, makes nothing.
Json layerReport(const Tool &tool);

/// The same in lines.
void printLayerReport(const Json &report);

/// Whether `zorse run` could read all that is there.
bool isUsable(const Json &report);

} // namespace zorse::tool
