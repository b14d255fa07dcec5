//===- DatabaseChoice.cpp - which databases the tool reads ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "DatabaseChoice.h"

#include <filesystem>
#include <spdlog/spdlog.h>

namespace zorse::tool {

LayerPaths layerPaths(const Tool &tool) {
  return {tool.databasePath, tool.environment.siteDatabasePath,
          tool.environment.shippedDatabasePath};
}

Result<std::unique_ptr<Database>> openLayeredDatabase(const Tool &tool, Database::Mode mode,
                                                      std::vector<std::string> *leftOut) {
  Result<TrustStore> trust = TrustStore::read(tool.environment.trustFile);
  if (!trust)
    return trust.takeError();
  for (const std::string &hazard : databaseHazards(tool.databasePath))
    spdlog::warn("{}", hazard);
  std::vector<std::string> broken;
  Result<std::unique_ptr<Database>> database = openLayers(layerPaths(tool), *trust, mode, &broken);
  for (const std::string &sentence : broken)
    spdlog::warn("{}", sentence);
  if (leftOut)
    *leftOut = std::move(broken);
  return database;
}

Result<TrustStore> trustForBundles(const Tool &tool, const std::string &file) {
  Result<TrustStore> trust = TrustStore::read(file.empty() ? tool.environment.trustFile : file);
  const std::string &keyFile = tool.environment.keyFile;
  if (std::error_code ignored; !trust || !std::filesystem::exists(keyFile, ignored))
    return trust;
  Result<SigningKey> own = SigningKey::read(keyFile);
  if (!own) { // somebody else may know it
    spdlog::warn("what your own key signed is not believed: {}", own.error().message);
    return trust;
  }
  std::vector<std::string> keys = trust->publicKeys();
  keys.push_back(own->publicKey);
  return TrustStore(std::move(keys));
}

} // namespace zorse::tool
