//===- DatabaseChoice.h - which databases the tool reads --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include "zorse/db/Database.h"

namespace zorse::tool {

/// The user's database (--db) over the site's and the one that came with this program.
LayerPaths layerPaths(const Tool &tool);

/// Opens them with the keys that the user trusts; warns of what endangers the user's.
Result<std::unique_ptr<Database>> openLayeredDatabase(const Tool &tool, Database::Mode mode);

} // namespace zorse::tool
