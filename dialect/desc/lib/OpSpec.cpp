//===- OpSpec.cpp - what an op kind is, as data ---------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/OpSpec.h"

#include "EmbeddedSpecs.h"
#include "zorse/desc/StrictJson.h"
#include "zorse/desc/TargetDesc.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <set>

namespace zorse {

namespace {

using Json = nlohmann::json;

/// Reads one file. The specs are part of the product, so a fault in one is a fault in the build:
/// it is reported with its place and the program ends.
class SpecReader {
public:
  explicit SpecReader(const EmbeddedSpec &file) : fileName(file.fileName) {
    Result<Json> parsed = parseStrictJson(file.text);
    if (!parsed)
      die(parsed.error().message);
    root = parsed.take();
    knownNames = {"has_bf16_dot", "is_amdgpu",    "is_host",  "lds_bytes",
                  "max_threads",  "vector_lanes", "wave_size"};
  }

  OpSpec read() {
    allowOnly(root, {"op", "summary", "formula", "fields", "sizes", "operands", "knobs",
                     "constraints", "flops", "reduction_length", "example"});
    OpSpec spec;
    spec.kind = text(root, "op");
    if (spec.kind + ".json" != fileName)
      die("\"op\" differs from the name of the file");
    spec.summary = text(root, "summary");
    spec.formula = text(root, "formula");
    for (const Json &json : list(root, "fields"))
      spec.fields.push_back(readField(json, spec));
    for (const Json &json : list(root, "sizes"))
      spec.sizes.push_back(readSize(json));
    for (const Json &json : list(root, "operands"))
      spec.operands.push_back(readOperand(json, spec));
    spec.flops = formula(root, "flops");
    spec.reductionLength = formula(root, "reduction_length");
    for (const Json &json : list(root, "knobs"))
      spec.knobs.push_back(readKnob(json));
    for (const Json &json : list(root, "constraints"))
      readConstraint(json, spec);
    spec.exampleJson = at(root, "example").dump();
    return spec;
  }

private:
  [[noreturn]] void die(std::string_view what) {
    fmt::print(stderr, "zorse: embedded spec {}: {}\n", fileName, what);
    std::abort();
  }

  void allowOnly(const Json &json, const std::set<std::string> &keys) {
    if (!json.is_object())
      die("expected an object, found " + describeJson(json));
    for (const auto &[key, value] : json.items())
      if (!keys.contains(key))
        die(fmt::format("unknown key \"{}\"", key));
  }

  const Json &at(const Json &json, const char *key) {
    if (!json.contains(key))
      die(fmt::format("missing key \"{}\" in {}", key, json.dump()));
    return json[key];
  }

  const Json &list(const Json &json, const char *key) {
    const Json &value = at(json, key);
    if (!value.is_array())
      die(fmt::format("\"{}\": expected an array", key));
    return value;
  }

  std::string text(const Json &json, const char *key) {
    const Json &value = at(json, key);
    if (!value.is_string())
      die(fmt::format("\"{}\": expected a string, found {}", key, describeJson(value)));
    return value;
  }

  int64_t integer(const Json &json, const char *key) {
    const Json &value = at(json, key);
    if (!value.is_number_integer())
      die(fmt::format("\"{}\": expected an integer, found {}", key, describeJson(value)));
    return value;
  }

  double number(const Json &json, const char *key) {
    const Json &value = at(json, key);
    if (!value.is_number())
      die(fmt::format("\"{}\": expected a number, found {}", key, describeJson(value)));
    return value;
  }

  Expr formula(std::string_view source) {
    Result<Expr> expr = Expr::parse(source);
    if (!expr)
      die(expr.error().message);
    for (const std::string &name : expr->names())
      if (!knownNames.contains(name))
        die(fmt::format("formula \"{}\": unknown name {}", source, name));
    return expr.take();
  }
  Expr formula(const Json &json, const char *key) { return formula(text(json, key)); }

  /// Fields, sizes and knobs share one scope with the names of the target.
  std::string newName(const Json &json) {
    std::string name = text(json, "name");
    if (!knownNames.insert(name).second)
      die(fmt::format("the name {} is used twice", name));
    return name;
  }

  FieldSpec readField(const Json &json, const OpSpec &spec) {
    FieldSpec field;
    field.name = newName(json);
    field.meaning = text(json, "meaning");
    field.required = json.contains("required") && at(json, "required") == true;
    if (field.required + json.contains("default") + json.contains("default_from") != 1)
      die(fmt::format("field {}: expected one of required, default, default_from", field.name));
    std::string type = text(json, "type");
    bool hasDefault = json.contains("default");
    std::set<std::string> keys = {"name", "type", "meaning", "required", "default", "default_from"};
    if (type == "int") {
      keys.insert({"min", "max"});
      field.kind = FieldSpec::Kind::Int;
      field.minimum = integer(json, "min");
      field.maximum = integer(json, "max");
      field.defaultValue = hasDefault ? integer(json, "default") : int64_t(0);
    } else if (type == "float") {
      keys.insert({"min", "max"});
      field.kind = FieldSpec::Kind::Float;
      field.floatMinimum = number(json, "min");
      field.floatMaximum = number(json, "max");
      field.defaultFloat = hasDefault ? number(json, "default") : 0;
    } else if (type == "bool") {
      field.kind = FieldSpec::Kind::Bool;
      field.defaultValue = int64_t(hasDefault && at(json, "default") == true);
    } else if (type == "enum" || type == "dtype") {
      keys.insert("choices");
      field.kind = FieldSpec::Kind::Enum;
      for (const Json &choice : list(json, "choices"))
        field.choices.push_back(choice.get<std::string>());
      field.defaultValue = hasDefault ? text(json, "default") : std::string();
      for (const std::string &choice : field.choices)
        if (type == "dtype" && !parseDType(choice))
          die(fmt::format("field {}: {} is no dtype", field.name, choice));
    } else {
      die(fmt::format("field {}: unknown type {}", field.name, type));
    }
    allowOnly(json, keys);
    if (json.contains("default_from")) {
      field.defaultFrom = text(json, "default_from");
      if (!spec.field(field.defaultFrom))
        die(fmt::format("field {}: default_from must name an earlier field", field.name));
    }
    return field;
  }

  SizeSpec readSize(const Json &json) {
    allowOnly(json, {"name", "min", "max", "default", "when", "meaning"});
    SizeSpec size;
    size.name = newName(json);
    size.minimum = integer(json, "min");
    size.maximum = integer(json, "max");
    size.tuningDefault = integer(json, "default");
    if (json.contains("when"))
      size.when = formula(json, "when");
    size.meaning = text(json, "meaning");
    return size;
  }

  OperandSpec readOperand(const Json &json, const OpSpec &spec) {
    allowOnly(json, {"name", "role", "dtype", "shape", "when", "fill", "meaning"});
    OperandSpec operand;
    operand.name = text(json, "name");
    if (spec.operand(operand.name))
      die(fmt::format("the operand {} appears twice", operand.name));
    std::string role = text(json, "role");
    if (role != "in" && role != "out" && role != "inout")
      die(fmt::format("operand {}: unknown role {}", operand.name, role));
    operand.role = role == "in"    ? OperandSpec::Role::In
                   : role == "out" ? OperandSpec::Role::Out
                                   : OperandSpec::Role::InOut;
    operand.dtype = text(json, "dtype");
    const FieldSpec *field = spec.field(operand.dtype);
    if (!parseDType(operand.dtype) && (!field || field->kind != FieldSpec::Kind::Enum))
      die(fmt::format("operand {}: {} is neither a dtype nor a dtype field", operand.name,
                      operand.dtype));
    for (const Json &dim : list(json, "shape"))
      operand.shape.push_back(formula(dim.get<std::string>()));
    if (json.contains("when"))
      operand.when = formula(json, "when");
    operand.fill = text(json, "fill");
    operand.meaning = text(json, "meaning");
    return operand;
  }

  KnobSpec readKnob(const Json &json) {
    allowOnly(json, {"name", "values", "default", "targets", "meaning"});
    const Json &defaults = at(json, "default");
    allowOnly(defaults, {"host", "amdgpu"});
    KnobSpec knob;
    knob.defaultHost = formula(defaults, "host"); // before the knob's own name is known
    knob.defaultAmdgpu = formula(defaults, "amdgpu");
    knob.name = newName(json);
    for (const Json &value : list(json, "values")) {
      if (!value.is_number_integer() ||
          (!knob.values.empty() && value.get<int64_t>() <= knob.values.back()))
        die(fmt::format("knob {}: expected ascending integers", knob.name));
      knob.values.push_back(value);
    }
    knob.targets = text(json, "targets");
    if (knob.values.empty() ||
        !std::set<std::string>{"host", "amdgpu", "all"}.contains(knob.targets))
      die(fmt::format("knob {}: expected values, and targets host, amdgpu or all", knob.name));
    knob.meaning = text(json, "meaning");
    return knob;
  }

  void readConstraint(const Json &json, OpSpec &spec) {
    allowOnly(json, {"label", "on", "rule", "when", "message"});
    ConstraintSpec constraint;
    constraint.label = text(json, "label");
    constraint.rule = formula(json, "rule");
    if (json.contains("when"))
      constraint.when = formula(json, "when");
    constraint.message = text(json, "message");
    bool onDesc = text(json, "on") == "desc";
    auto &list = onDesc ? spec.descConstraints : spec.configConstraints;
    std::string label = fmt::format("{}_{}{}", spec.kind, onDesc ? 'c' : 'k', list.size() + 1);
    if (constraint.label != label)
      die(fmt::format("expected the label {}, found {}", label, constraint.label));
    for (const std::string &name : constraint.rule.names())
      if (onDesc && !spec.field(name))
        die(fmt::format("{}: a rule on descriptions may use fields only, found {}", label, name));
    list.push_back(std::move(constraint));
  }

  std::string fileName;
  Json root;
  std::set<std::string> knownNames;
};

template <typename T> const T *findNamed(const std::vector<T> &list, std::string_view name) {
  for (const T &item : list)
    if (item.name == name)
      return &item;
  return nullptr;
}

} // namespace

const FieldSpec *OpSpec::field(std::string_view name) const { return findNamed(fields, name); }
const SizeSpec *OpSpec::size(std::string_view name) const { return findNamed(sizes, name); }
const OperandSpec *OpSpec::operand(std::string_view name) const {
  return findNamed(operands, name);
}
const KnobSpec *OpSpec::knob(std::string_view name) const { return findNamed(knobs, name); }

const std::vector<OpSpec> &allOpSpecs() {
  static const std::vector<OpSpec> specs = [] {
    std::vector<OpSpec> read;
    for (const EmbeddedSpec &file : embeddedSpecs())
      read.push_back(SpecReader(file).read());
    return read;
  }();
  return specs;
}

const OpSpec *findOpSpec(std::string_view kind) {
  for (const OpSpec &spec : allOpSpecs())
    if (spec.kind == kind)
      return &spec;
  return nullptr;
}

} // namespace zorse
