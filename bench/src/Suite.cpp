//===- Suite.cpp - shapes to measure, as data ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Suite.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <fstream>

namespace zorse::bench {

static Result<Suite> loadSuite(const std::string &path) {
  std::ifstream stream(path);
  if (!stream)
    return usageError(fmt::format("{}: expected a suite, found no such file", path));
  const nlohmann::json text = nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
  for (const char *field : {"suite", "source", "peer", "op", "cases"})
    if (!text.is_object() || !text.contains(field))
      return usageError(fmt::format("{}: expected an object with the field '{}'", path, field));

  Suite suite{text["suite"], text["source"], {}};
  Result<OpDesc> op = OpDesc::parse(text["op"].dump());
  if (!op)
    return usageError(fmt::format("{}: {}", path, op.error().message));
  for (const nlohmann::json &sizes : text["cases"]) {
    Sizes values = op->tuningPoint();
    for (const auto &[name, value] : sizes.items()) {
      if (!op->spec().size(name) || !value.is_number_integer())
        return usageError(fmt::format("{}: $.cases: '{}' is no size of {} with an integer value",
                                      path, name, op->kind()));
      values[name] = value;
    }
    suite.cases.push_back({suite.name, text["peer"], op->withTuningPoint(values), values});
  }
  return suite;
}

Result<std::vector<Suite>> loadSuites(const std::string &directory,
                                      const std::vector<std::string> &names) {
  std::vector<Suite> suites;
  for (const std::string &name : names) {
    Result<Suite> suite = loadSuite(directory + "/" + name + ".json");
    if (!suite)
      return suite.takeError();
    suites.push_back(suite.take());
  }
  return suites;
}

} // namespace zorse::bench
