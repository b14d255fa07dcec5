//===- LayerReport.cpp - what doctor says of databases and keys -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "LayerReport.h"

#include "DatabaseChoice.h"

#include "zorse/db/Trust.h"

#include <filesystem>
#include <fmt/format.h>

namespace zorse::tool {

static bool isThere(const std::string &path) {
  std::error_code ignored;
  return !path.empty() && std::filesystem::exists(path, ignored);
}

/// Opens a layer as `zorse run` does and counts.
static Json layerJson(const char *name, const std::string &path, const TrustStore &trust) {
  Json json = {{"name", name}, {"path", path}, {"state", path.empty() ? "none" : "absent"}};
  if (!isThere(path))
    return json;
  auto failed = [&](const Error &error) {
    json["state"] = "unusable";
    json["error"] = error.message;
    return json;
  };
  bool isUser = std::string_view(name) == "user";
  Result<std::unique_ptr<Database>> database =
      isUser ? Database::open(path, Database::Mode::ReadOnly) : Database::openForeign(path, trust);
  if (!database)
    return failed(database.error());
  Result<std::vector<KernelRecord>> rows = (*database)->list({});
  if (!rows)
    return failed(rows.error());
  RecordFilter filter;
  filter.winnersOnly = true;
  Result<std::vector<KernelRecord>> winners = (*database)->list(filter);
  if (!winners)
    return failed(winners.error());
  int64_t launched = 0, foreign = 0;
  for (const KernelRecord &winner : *winners) {
    Result<std::optional<StoredCode>> code = (*database)->inspectCode(winner);
    if (code.ok() && *code)
      ++((*code)->trust == Trust::Foreign ? foreign : launched);
  }
  json["state"] = "readable";
  json["rows"] = rows->size();
  json["winners"] = winners->size();
  json["winners_with_code"] = launched;
  json["winners_with_foreign_code"] = foreign;
  return json;
}

static Json keyJson(const std::string &path) {
  Json json = {{"file", path}, {"state", "absent"}};
  if (!isThere(path))
    return json;
  Result<SigningKey> key = SigningKey::read(path);
  json["state"] = key ? "usable" : "unusable";
  if (key)
    json["public_key"] = key->publicKey;
  else
    json["error"] = key.error().message;
  return json;
}

static Json sqliteJson(const std::string &path) {
  Json json = {{"version", sqliteVersion()}, {"journal_mode", Json()}};
  if (isThere(path))
    if (Result<std::string> mode = journalMode(path); mode.ok())
      json["journal_mode"] = *mode;
  return json;
}

Json layerReport(const Tool &tool) {
  const std::string &trustFile = tool.environment.trustFile;
  Json trustJson = {{"file", trustFile}, {"state", isThere(trustFile) ? "usable" : "absent"}};
  Result<TrustStore> trust = TrustStore::read(trustFile);
  if (trust) {
    trustJson["keys"] = trust->publicKeys();
  } else {
    trustJson["state"] = "unusable";
    trustJson["error"] = trust.error().message;
  }
  LayerPaths paths = layerPaths(tool);
  TrustStore believed = trust ? *trust : TrustStore();
  Json layers = Json::array();
  for (auto [name, path] : {std::pair{"user", &paths.user}, std::pair{"site", &paths.site},
                            std::pair{"shipped", &paths.shipped}})
    layers.push_back(layerJson(name, *path, believed));
  return {{"layers", layers},
          {"trust", trustJson},
          {"signing_key", keyJson(tool.environment.keyFile)},
          {"sqlite", sqliteJson(paths.user)}};
}

static std::string error(const Json &json) {
  return json.contains("error") ? ": " + json["error"].get<std::string>() : std::string();
}

static std::string describeLayer(const Json &layer) {
  if (layer["state"] == "none")
    return fmt::format("none; ZORSE_{}_DB names one", layer["name"] == "site" ? "SITE" : "SHIPPED");
  std::string text = fmt::format("{}: {}{}", layer["path"].get<std::string>(),
                                 layer["state"].get<std::string>(), error(layer));
  if (layer["state"] != "readable")
    return text;
  text +=
      fmt::format(", {} trials, {} winners, {} of them with code that is launched",
                  layer["rows"].dump(), layer["winners"].dump(), layer["winners_with_code"].dump());
  if (layer["winners_with_foreign_code"] != 0)
    text += fmt::format(", {} with code that is built again",
                        layer["winners_with_foreign_code"].dump());
  return text;
}

void printLayerReport(const Json &report) {
  for (const Json &layer : report["layers"])
    fmt::print("{:<10} {}\n", layer["name"].get<std::string>(), describeLayer(layer));
  const Json &trust = report["trust"], &key = report["signing_key"], &sqlite = report["sqlite"];
  std::string file = trust["file"];
  if (trust["state"] == "usable")
    fmt::print("trust      {}: {} keys\n", file, trust["keys"].size());
  else if (trust["state"] == "absent")
    fmt::print("trust      {}: absent; only code that was built here is launched\n", file);
  else
    fmt::print("trust      {}: unusable{}\n", file, error(trust));
  file = key["file"];
  if (key["state"] == "usable")
    fmt::print("key        {}: public key {}\n", file, key["public_key"].get<std::string>());
  else
    fmt::print("key        {}: {}{}\n", file, key["state"].get<std::string>(), error(key));
  const Json &mode = sqlite["journal_mode"];
  fmt::print("sqlite     {}{}\n", sqlite["version"].get<std::string>(),
             mode.is_string() ? ", journal mode " + mode.get<std::string>() : "");
}

bool isUsable(const Json &report) {
  for (const Json &layer : report["layers"])
    if (layer["state"] == "unusable")
      return false;
  return report["trust"]["state"] != "unusable" && report["signing_key"]["state"] != "unusable";
}

} // namespace zorse::tool
