//===- Environment.cpp - the variables that the tool reads ----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Environment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <string_view>
#include <unistd.h>

namespace zorse::tool {

namespace {

struct Variable {
  std::string_view name, type, meaning;
  bool (*read)(std::string_view value, Environment &environment);
};

constexpr std::array<std::string_view, 7> logLevels = {"trace", "debug",    "info", "warning",
                                                       "error", "critical", "off"};

bool readPath(std::string_view value, Environment &environment) {
  environment.databasePath = value;
  return true;
}

bool readSitePath(std::string_view value, Environment &environment) {
  environment.siteDatabasePath = value;
  return true;
}

bool readShippedPath(std::string_view value, Environment &environment) {
  environment.shippedDatabasePath = value;
  return true;
}

bool readTrustFile(std::string_view value, Environment &environment) {
  environment.trustFile = value;
  return true;
}

bool readHipLibrary(std::string_view value, Environment &environment) {
  environment.hipLibrary = value;
  return true;
}

bool readPackCache(std::string_view value, Environment &environment) {
  environment.packCache = value;
  return true;
}

bool readThreads(std::string_view value, Environment &environment) {
  auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), environment.threads);
  return error == std::errc() && end == value.data() + value.size() && environment.threads >= 0 &&
         environment.threads <= 4096;
}

bool readLevel(std::string_view value, Environment &environment) {
  environment.logLevel = value;
  return std::find(logLevels.begin(), logLevels.end(), value) != logLevels.end();
}

constexpr std::array<Variable, 8> variables = {{
    {"ZORSE_DB", "path", "database of tuned kernels", readPath},
    {"ZORSE_HIP_LIBRARY", "path", "the HIP library that --device hip opens", readHipLibrary},
    {"ZORSE_LOG", "trace, debug, info, warning, error, critical or off",
     "the least level of messages on stderr", readLevel},
    {"ZORSE_PACK_CACHE", "path", "folder where packed weights are kept between starts",
     readPackCache},
    {"ZORSE_SHIPPED_DB", "path", "database that counts last, instead of the installed one",
     readShippedPath},
    {"ZORSE_SITE_DB", "path", "database of this site, read where the user's has no winner",
     readSitePath},
    {"ZORSE_THREADS", "integer from 0 to 4096", "threads; 0 is one for each hardware thread",
     readThreads},
    {"ZORSE_TRUST_FILE", "path", "public keys whose code is launched", readTrustFile},
}};

} // namespace

static std::string_view variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

/// A folder of the base directory specification, whose variables count only if absolute.
static std::filesystem::path baseFolder(const char *name, std::string_view otherwise) {
  std::filesystem::path folder = variable(name);
  if (!folder.is_absolute())
    folder = std::filesystem::path(variable("HOME")) / otherwise;
  return folder / "zorse";
}

/// share/zorse/kernels.db beside the folder of this program.
static std::string installedDatabasePath() {
  std::error_code failed;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed)
    return {};
  return (self.parent_path().parent_path() / "share" / "zorse" / "kernels.db").string();
}

Result<Environment> readEnvironment() {
  Environment environment;
  environment.databasePath = (baseFolder("XDG_DATA_HOME", ".local/share") / "kernels.db").string();
  environment.shippedDatabasePath = installedDatabasePath();
  std::filesystem::path settings = baseFolder("XDG_CONFIG_HOME", ".config");
  environment.trustFile = (settings / "trusted_keys").string();
  environment.keyFile = (settings / "key").string();
  environment.mayColor = variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  for (char **entry = ::environ; entry && *entry; ++entry) {
    std::string_view text = *entry;
    if (!text.starts_with("ZORSE_"))
      continue;
    std::string_view name = text.substr(0, text.find('='));
    std::string_view value = text.substr(std::min(text.size(), name.size() + 1));
    auto known = std::find_if(variables.begin(), variables.end(),
                              [&](const Variable &candidate) { return candidate.name == name; });
    if (known == variables.end()) {
      environment.warnings.push_back(fmt::format(
          "unknown environment variable {}; `zorse --help` lists the known ones", name));
      continue;
    }
    if (!value.empty() && !known->read(value, environment))
      return usageError(fmt::format("environment variable {}: expected {}, found '{}'", name,
                                    known->type, value));
  }
  return environment;
}

std::string describeEnvironment() {
  std::string text;
  for (const Variable &variable : variables)
    text += fmt::format("  {:<27} {} ({})\n", variable.name, variable.meaning, variable.type);
  return text;
}

} // namespace zorse::tool
