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

using nlohmann::json;

/// An object with lists of values as one object for each combination, the last list fastest.
static std::vector<json> expanded(const json &group) {
  std::vector<json> all = {group};
  for (const auto &[name, values] : group.items()) {
    if (!values.is_array())
      continue;
    std::vector<json> more;
    for (const json &before : all)
      for (const json &value : values) {
        more.push_back(before);
        more.back()[name] = value;
      }
    all = std::move(more);
  }
  return all;
}

/// Sizes of a case: a number, or the name of a size that has the number.
static Result<Sizes> sizesOf(const OpDesc &op, const json &one) {
  Sizes sizes = op.tuningPoint();
  for (const auto &[name, value] : one.items()) {
    if (name == "op")
      continue;
    const json number =
        value.is_string() ? one.value(value.get<std::string>(), json(nullptr)) : value;
    if (!op.tuningPoint().contains(name) || !number.is_number_integer())
      return usageError(fmt::format("'{}' is no size of {} with an integer value, found {}", name,
                                    op.kind(), value.dump()));
    sizes[name] = number;
  }
  return sizes;
}

static Result<Suite> loadSuite(const std::string &path) {
  std::ifstream stream(path);
  if (!stream)
    return usageError(fmt::format("{}: expected a suite, found no such file", path));
  const json text = json::parse(stream, nullptr, /*allow_exceptions=*/false);
  for (const char *field : {"suite", "source", "peer", "op", "cases"})
    if (!text.is_object() || !text.contains(field))
      return usageError(fmt::format("{}: expected an object with the field '{}'", path, field));

  Suite suite{text["suite"], text["source"], {}};
  for (const json &group : text["cases"])
    for (const json &one : expanded(group)) {
      json fields = text["op"];
      Case made{suite.name, text["peer"], "", OpDesc(), {}};
      if (one.contains("op"))
        for (const auto &[name, value] : one["op"].items()) {
          fields[name] = value;
          made.variant += fmt::format("{}{}={}", made.variant.empty() ? "" : " ", name,
                                      value.is_string() ? value.get<std::string>() : value.dump());
        }
      Result<OpDesc> op = OpDesc::parse(fields.dump());
      if (!op)
        return usageError(fmt::format("{}: {}", path, op.error().message));
      Result<Sizes> sizes = sizesOf(*op, one);
      if (!sizes)
        return usageError(fmt::format("{}: $.cases: {}", path, sizes.error().message));
      made.sizes = sizes.take();
      made.stream = text.value("stream", false);
      made.op = op->withTuningPoint(made.sizes);
      suite.cases.push_back(std::move(made));
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
