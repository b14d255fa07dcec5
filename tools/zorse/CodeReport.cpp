//===- CodeReport.cpp - what machine code tells of itself -----------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "CodeReport.h"

#include "CodeJson.h"

#include "zorse/compiler/Inspect.h"

#include <fmt/format.h>

namespace zorse::tool {

static Result<CodeObject> inspectFile(const std::string &path) {
  Result<std::string> text = readText(path, size_t(256) << 20);
  if (!text)
    return text.takeError();
  Result<CodeObject> object =
      inspectCodeObject({reinterpret_cast<const uint8_t *>(text->data()), text->size()});
  if (!object)
    return Error{object.error().code, fmt::format("{}: {}", path, object.error().message)};
  return object;
}

VerbResult reportCode(const Tool &tool, const std::vector<std::string> &files) {
  Json json = {{"schema_version", 1}, {"objects", Json::array()}};
  for (const std::string &file : files) {
    Result<CodeObject> object = inspectFile(file);
    if (!object)
      return object.takeError();
    if (!tool.isJson()) {
      fmt::print("file       {}\ntarget     {}\n{}", file, object->arch, describeCode(*object));
      continue;
    }
    Json entry = {{"file", file}, {"target", object->arch}};
    addCode(entry, *object, nullptr);
    json["objects"].push_back(std::move(entry));
  }
  if (tool.isJson())
    printJson(json);
  return 0;
}

} // namespace zorse::tool
