//===- DatabaseChoice.h - which databases the tool reads --------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Tool.h"

#include "zorse/db/Database.h"
#include "zorse/db/Trust.h"

namespace zorse::tool {

/// The user's database (--db) over the site's and the one that came with this program.
LayerPaths layerPaths(const Tool &tool);

/// Opens them with the keys that the user trusts; warns of what endangers the user's. A site or
/// shipped database that cannot be read is left out with a warning, which `leftOut` gets too.
Result<std::unique_ptr<Database>> openLayeredDatabase(const Tool &tool, Database::Mode mode,
                                                      std::vector<std::string> *leftOut = nullptr);

/// Whose code is launched from a bundle: that of the keys in `file` (empty: the user's trust store)
/// and what the user's own key signed.
Result<TrustStore> trustForBundles(const Tool &tool, const std::string &file);

} // namespace zorse::tool
