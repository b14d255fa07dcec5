//===- OpSchema.cpp - the JSON schema of op requests ----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/OpSpec.h"

#include <nlohmann/json.hpp>

namespace zorse {

using Json = nlohmann::ordered_json;

static Json schemaOfField(const FieldSpec &field) {
  Json schema = {{"description", field.meaning}};
  switch (field.kind) {
  case FieldSpec::Kind::Int:
    schema["type"] = "integer";
    schema["minimum"] = field.minimum;
    schema["maximum"] = field.maximum;
    break;
  case FieldSpec::Kind::Float:
    schema["type"] = "number";
    schema["minimum"] = field.floatMinimum;
    schema["maximum"] = field.floatMaximum;
    break;
  case FieldSpec::Kind::Bool:
    schema["type"] = "boolean";
    break;
  case FieldSpec::Kind::Enum:
    schema["enum"] = field.choices;
    break;
  }
  if (field.required)
    return schema;
  if (!field.defaultFrom.empty())
    schema["$comment"] = "defaults to the value of " + field.defaultFrom;
  else if (field.kind == FieldSpec::Kind::Float)
    schema["default"] = field.defaultFloat;
  else if (field.kind == FieldSpec::Kind::Bool)
    schema["default"] = std::get<int64_t>(field.defaultValue) != 0;
  else
    std::visit([&](const auto &value) { schema["default"] = value; }, field.defaultValue);
  return schema;
}

static Json schemaOfSizes(const OpSpec &spec) {
  Json sizes = Json::object();
  for (const SizeSpec &size : spec.sizes) {
    sizes[size.name] = {{"description", size.meaning},
                        {"type", "integer"},
                        {"minimum", size.minimum},
                        {"maximum", size.maximum},
                        {"default", size.tuningDefault}};
    if (!size.when.text().empty())
      sizes[size.name]["$comment"] = "only where this is not 0: " + size.when.text();
  }
  return {{"description", "the dynamic sizes to tune at"},
          {"type", "object"},
          {"properties", sizes},
          {"additionalProperties", false}};
}

static Json schemaOfOp(const OpSpec &spec) {
  Json properties = {{"op", {{"const", spec.kind}}}};
  Json required = Json::array({"op"});
  for (const FieldSpec &field : spec.fields) {
    properties[field.name] = schemaOfField(field);
    if (field.required)
      required.push_back(field.name);
  }
  properties["tuning"] = schemaOfSizes(spec);
  return {{"title", spec.kind},
          {"description", spec.summary},
          {"type", "object"},
          {"properties", properties},
          {"required", required},
          {"additionalProperties", false},
          {"examples", Json::array({Json::parse(spec.exampleJson)})}};
}

std::string opRequestSchema() {
  Json branches = Json::array();
  for (const OpSpec &spec : allOpSpecs())
    branches.push_back(schemaOfOp(spec));
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "A request for one kernel"},
                 {"oneOf", branches}};
  return schema.dump(2) + "\n";
}

} // namespace zorse
