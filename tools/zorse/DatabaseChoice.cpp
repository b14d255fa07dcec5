//===- DatabaseChoice.cpp - which databases the tool reads ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "DatabaseChoice.h"

#include "zorse/db/Trust.h"

#include <spdlog/spdlog.h>

namespace zorse::tool {

LayerPaths layerPaths(const Tool &tool) {
  return {tool.databasePath, tool.environment.siteDatabasePath,
          tool.environment.shippedDatabasePath};
}

Result<std::unique_ptr<Database>> openLayeredDatabase(const Tool &tool, Database::Mode mode) {
  Result<TrustStore> trust = TrustStore::read(tool.environment.trustFile);
  if (!trust)
    return trust.takeError();
  for (const std::string &hazard : databaseHazards(tool.databasePath))
    spdlog::warn("{}", hazard);
  return openLayers(layerPaths(tool), *trust, mode);
}

} // namespace zorse::tool
