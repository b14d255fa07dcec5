//===- CodeObject.cpp - compiled kernels as JSON and back -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/CodeObject.h"

#include "Spelling.h"
#include "zorse/desc/StrictJson.h"

#include <fmt/format.h>

namespace zorse {

namespace {

using Json = nlohmann::json;

constexpr std::string_view argumentKinds[] = {"operand", "workspace", "size"};

/// The fields of KernelResources and their JSON names; one list for both directions.
constexpr std::pair<const char *, int64_t KernelResources::*> resourceFields[] = {
    {"lds_bytes", &KernelResources::ldsBytes},
    {"vgprs", &KernelResources::vgprs},
    {"agprs", &KernelResources::agprs},
    {"sgprs", &KernelResources::sgprs},
    {"vgpr_spills", &KernelResources::vgprSpills},
    {"sgpr_spills", &KernelResources::sgprSpills},
    {"scratch_bytes", &KernelResources::scratchBytes},
};

Json kernelToJson(const KernelInfo &kernel) {
  Json resources = Json::object();
  for (const auto &[name, member] : resourceFields)
    resources[name] = kernel.resources.*member;
  Json grid = Json::array();
  for (const Expr &extent : kernel.grid)
    grid.push_back(extent.text());
  return {
      {"symbol", kernel.symbol}, {"grid", grid}, {"block", kernel.block}, {"resources", resources}};
}

/// Reads with checks; the first fault is kept and every later read is skipped over.
class Reader {
public:
  Status failure;

  void fail(const std::string &path, std::string_view expected, const Json &found) {
    if (failure)
      failure =
          usageError(fmt::format("{}: expected {}, found {}", path, expected, describeJson(found)));
  }

  /// Checks that an object has exactly these keys.
  bool keys(const Json &json, const std::string &path, const std::vector<std::string> &names) {
    if (!json.is_object()) {
      fail(path, "an object", json);
      return false;
    }
    for (const auto &[key, value] : json.items())
      if (failure && std::find(names.begin(), names.end(), key) == names.end())
        failure =
            usageError(fmt::format("{}.{}: unknown key; legal keys: {}", path, key, joined(names)));
    for (const std::string &name : names)
      if (failure && !json.contains(name))
        failure = usageError(fmt::format("{}.{}: missing", path, name));
    return failure.ok();
  }

  std::string text(const Json &json, const std::string &path) {
    if (json.is_string())
      return json;
    fail(path, "a string", json);
    return {};
  }

  int64_t integer(const Json &json, const std::string &path) {
    if (json.is_number_integer() &&
        !(json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) &&
        json.get<int64_t>() >= 0)
      return json;
    fail(path, "an integer of at least 0", json);
    return 0;
  }

  Expr formula(const Json &json, const std::string &path) {
    Result<Expr> expr = Expr::parse(text(json, path));
    if (expr)
      return expr.take();
    if (failure)
      failure = usageError(path + ": " + expr.error().message);
    return {};
  }

  /// An array; of exactly `size` elements unless that is 0.
  std::vector<Json> list(const Json &json, const std::string &path, size_t size = 0) {
    if (json.is_array() && (size == 0 || json.size() == size))
      return json;
    fail(path, size ? fmt::format("an array of {}", size) : "an array", json);
    return {};
  }

  KernelInfo kernel(const Json &json, const std::string &path) {
    KernelInfo info;
    if (!keys(json, path, {"block", "grid", "resources", "symbol"}))
      return info;
    info.symbol = text(json["symbol"], path + ".symbol");
    std::vector<Json> grid = list(json["grid"], path + ".grid", 3);
    std::vector<Json> block = list(json["block"], path + ".block", 3);
    for (size_t i = 0; failure && i < 3; ++i) {
      info.grid[i] = formula(grid[i], fmt::format("{}.grid[{}]", path, i));
      info.block[i] = integer(block[i], fmt::format("{}.block[{}]", path, i));
    }
    std::vector<std::string> names;
    for (const auto &[name, member] : resourceFields)
      names.push_back(name);
    const Json &resources = json["resources"];
    if (failure && keys(resources, path + ".resources", names))
      for (const auto &[name, member] : resourceFields)
        info.resources.*member =
            integer(resources[name], fmt::format("{}.resources.{}", path, name));
    return info;
  }

  KernelArgument argument(const Json &json, const std::string &path) {
    KernelArgument result;
    if (!keys(json, path, {"dtype", "kind", "name"}))
      return result;
    std::string kind = text(json["kind"], path + ".kind");
    const auto *found = std::find(std::begin(argumentKinds), std::end(argumentKinds), kind);
    if (found == std::end(argumentKinds))
      fail(path + ".kind", "one of operand, workspace, size", json["kind"]);
    else
      result.kind = static_cast<KernelArgument::Kind>(found - std::begin(argumentKinds));
    result.name = text(json["name"], path + ".name");
    result.dtype = text(json["dtype"], path + ".dtype");
    return result;
  }
};

} // namespace

std::string toJson(const CodeObject &object) {
  Json kernels = Json::array(), arguments = Json::array(), workspaces = Json::array();
  for (const KernelInfo &kernel : object.kernels)
    kernels.push_back(kernelToJson(kernel));
  for (const KernelArgument &argument : object.arguments)
    arguments.push_back({{"kind", argumentKinds[static_cast<size_t>(argument.kind)]},
                         {"name", argument.name},
                         {"dtype", argument.dtype}});
  for (const WorkspaceInfo &workspace : object.workspaces)
    workspaces.push_back({{"name", workspace.name}, {"bytes", workspace.bytes.text()}});
  Json json = {{"arch", object.arch},
               {"arguments", arguments},
               {"compiler_revision", object.compilerRevision},
               {"config", object.configText},
               {"instruction_mix", object.instructionMix},
               {"kernels", kernels},
               {"op", object.opJson},
               {"workspaces", workspaces}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<CodeObject> codeObjectFromJson(std::string_view text, std::vector<uint8_t> bytes) {
  Result<Json> parsed = parseStrictJson(text);
  if (!parsed)
    return parsed.takeError();
  const Json &json = *parsed;
  Reader reader;
  if (!reader.keys(json, "$",
                   {"arch", "arguments", "compiler_revision", "config", "instruction_mix",
                    "kernels", "op", "workspaces"}))
    return reader.failure.takeError();

  CodeObject object;
  object.bytes = std::move(bytes);
  object.arch = reader.text(json["arch"], "$.arch");
  object.compilerRevision = reader.text(json["compiler_revision"], "$.compiler_revision");
  object.configText = reader.text(json["config"], "$.config");
  object.opJson = reader.text(json["op"], "$.op");
  for (const Json &kernel : reader.list(json["kernels"], "$.kernels"))
    object.kernels.push_back(
        reader.kernel(kernel, fmt::format("$.kernels[{}]", object.kernels.size())));
  for (const Json &argument : reader.list(json["arguments"], "$.arguments"))
    object.arguments.push_back(
        reader.argument(argument, fmt::format("$.arguments[{}]", object.arguments.size())));
  for (const Json &workspace : reader.list(json["workspaces"], "$.workspaces")) {
    std::string path = fmt::format("$.workspaces[{}]", object.workspaces.size());
    if (reader.keys(workspace, path, {"bytes", "name"}))
      object.workspaces.push_back({reader.text(workspace["name"], path + ".name"),
                                   reader.formula(workspace["bytes"], path + ".bytes")});
  }
  if (!json["instruction_mix"].is_object())
    reader.fail("$.instruction_mix", "an object", json["instruction_mix"]);
  else
    for (const auto &[name, count] : json["instruction_mix"].items())
      object.instructionMix[name] = reader.integer(count, "$.instruction_mix." + name);
  if (!reader.failure)
    return reader.failure.takeError();
  return object;
}

} // namespace zorse
