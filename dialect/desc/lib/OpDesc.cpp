//===- OpDesc.cpp - one op with its static parameters ---------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/OpDesc.h"

#include "Spelling.h"
#include "zorse/desc/StrictJson.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace zorse {

using Json = nlohmann::json;

/// "an integer from 1 to 4096", "one of f32, f16, bf16", …
static std::string expectation(const FieldSpec &field) {
  switch (field.kind) {
  case FieldSpec::Kind::Int:
    return fmt::format("an integer from {} to {}", field.minimum, field.maximum);
  case FieldSpec::Kind::Float:
    return fmt::format("a number from {} to {}", field.floatMinimum, field.floatMaximum);
  case FieldSpec::Kind::Bool:
    return "true or false";
  case FieldSpec::Kind::Enum:
    return "one of " + joined(field.choices);
  }
  return {};
}

static bool isInteger(const Json &value, int64_t minimum, int64_t maximum) {
  if (!value.is_number_integer())
    return false;
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return false;
  return value.get<int64_t>() >= minimum && value.get<int64_t>() <= maximum;
}

static std::vector<std::string> namesOfFields(const OpSpec &spec) {
  std::vector<std::string> names;
  for (const FieldSpec &field : spec.fields)
    names.push_back(field.name);
  return names;
}

/// " , found a = 1, b = 2" for the names that a broken rule mentions.
static std::string foundValues(const Expr &rule, const ExprScope &scope) {
  std::string text;
  for (const std::string &name : rule.names()) {
    auto found = scope.find(name);
    if (found == scope.end())
      continue;
    text += text.empty() ? ", found " : ", ";
    if (const auto *number = std::get_if<int64_t>(&found->second))
      text += fmt::format("{} = {}", name, *number);
    else
      text += fmt::format("{} = {}", name, std::get<std::string>(found->second));
  }
  return text;
}

/// Fills and checks an OpDesc; the one door through which every OpDesc comes.
struct OpDescBuilder {
  OpDesc desc;

  explicit OpDescBuilder(const OpSpec &spec) { desc.opSpec = &spec; }

  Status setField(const FieldSpec &field, const Json &value) {
    bool legal = false;
    switch (field.kind) {
    case FieldSpec::Kind::Int:
      legal = isInteger(value, field.minimum, field.maximum);
      if (legal)
        desc.fieldScope[field.name] = value.get<int64_t>();
      break;
    case FieldSpec::Kind::Float:
      legal = value.is_number() && value.get<double>() >= field.floatMinimum &&
              value.get<double>() <= field.floatMaximum;
      if (legal)
        desc.floats[field.name] = value.get<double>();
      break;
    case FieldSpec::Kind::Bool:
      legal = value.is_boolean();
      if (legal)
        desc.fieldScope[field.name] = int64_t(value.get<bool>());
      break;
    case FieldSpec::Kind::Enum:
      for (const std::string &choice : field.choices)
        legal |= value == choice;
      if (legal)
        desc.fieldScope[field.name] = value.get<std::string>();
      break;
    }
    if (legal)
      return Status::success();
    return usageError(fmt::format("$.{}: expected {}, found {}", field.name, expectation(field),
                                  describeJson(value)));
  }

  Status setDefault(const FieldSpec &field) {
    if (field.required)
      return usageError(fmt::format("$.{}: missing; {} requires {} ({})", field.name, desc.kind(),
                                    expectation(field), field.meaning));
    bool isFloat = field.kind == FieldSpec::Kind::Float;
    if (field.defaultFrom.empty() && isFloat)
      desc.floats[field.name] = field.defaultFloat;
    else if (field.defaultFrom.empty())
      desc.fieldScope[field.name] = field.defaultValue;
    else if (isFloat)
      desc.floats[field.name] = desc.floats.at(field.defaultFrom);
    else
      desc.fieldScope[field.name] = desc.fieldScope.at(field.defaultFrom);
    return Status::success();
  }

  Status setTuning(const Json &sizes) {
    if (!sizes.is_object())
      return usageError("$.tuning: expected an object of sizes, found " + describeJson(sizes));
    std::vector<std::string> names;
    for (const SizeSpec *size : desc.sizes())
      names.push_back(size->name);
    for (const auto &[name, value] : sizes.items()) {
      const SizeSpec *size = desc.spec().size(name);
      if (!desc.tuning.contains(name))
        return usageError(fmt::format("$.tuning.{}: unknown size of {}{}", name, desc.kind(),
                                      adviceOnNames(name, "sizes", names)));
      if (!isInteger(value, size->minimum, size->maximum))
        return usageError(fmt::format("$.tuning.{}: expected an integer from {} to {}, found {}",
                                      name, size->minimum, size->maximum, describeJson(value)));
      desc.tuning[name] = value.get<int64_t>();
    }
    return Status::success();
  }

  Status checkConstraints() {
    for (const ConstraintSpec &constraint : desc.spec().descConstraints) {
      if (!constraint.when.text().empty()) {
        Result<int64_t> applies = constraint.when.evaluate(desc.fieldScope);
        if (!applies)
          return applies.takeError();
        if (!*applies)
          continue;
      }
      Result<int64_t> holds = constraint.rule.evaluate(desc.fieldScope);
      if (!holds)
        return holds.takeError();
      if (!*holds)
        return usageError(fmt::format("$: {}: {}{}", constraint.label, constraint.message,
                                      foundValues(constraint.rule, desc.fieldScope)));
    }
    return Status::success();
  }

  void writeCanonical() {
    Json canonical = {{"op", desc.kind()}};
    for (const FieldSpec &field : desc.spec().fields) {
      if (field.kind == FieldSpec::Kind::Float)
        canonical[field.name] = desc.getFloat(field.name);
      else if (field.kind == FieldSpec::Kind::Bool)
        canonical[field.name] = desc.get(field.name) != 0;
      else if (field.kind == FieldSpec::Kind::Int)
        canonical[field.name] = desc.get(field.name);
      else
        canonical[field.name] = desc.getText(field.name);
    }
    desc.canonical = canonical.dump();
  }

  Result<OpDesc> build(const Json &request) {
    const OpSpec &spec = desc.spec();
    for (const auto &[name, value] : request.items())
      if (name != "op" && name != "tuning" && !spec.field(name)) {
        std::vector<std::string> names = namesOfFields(spec);
        names.push_back("tuning");
        return usageError(fmt::format("$.{}: unknown field of {}{}", name, spec.kind,
                                      adviceOnNames(name, "fields", names)));
      }
    for (const FieldSpec &field : spec.fields) {
      auto given = request.find(field.name);
      Status set = given == request.end() ? setDefault(field) : setField(field, *given);
      if (!set)
        return set.takeError();
    }
    for (const SizeSpec *size : desc.sizes())
      desc.tuning[size->name] = size->tuningDefault;
    if (auto tuning = request.find("tuning"); tuning != request.end())
      if (Status set = setTuning(*tuning); !set)
        return set.takeError();
    if (Status checked = checkConstraints(); !checked)
      return checked.takeError();
    writeCanonical();
    return std::move(desc);
  }
};

static Result<const OpSpec *> findKind(const Json &kind) {
  std::vector<std::string> kinds;
  for (const OpSpec &spec : allOpSpecs())
    kinds.push_back(spec.kind);
  if (kind.is_string())
    if (const OpSpec *spec = findOpSpec(kind.get_ref<const std::string &>()))
      return spec;
  std::string similar = kind.is_string() ? suggestion(kind.get<std::string>(), kinds) : "";
  return usageError(fmt::format("$.op: expected one of {}, found {}{}", joined(kinds),
                                describeJson(kind), similar));
}

Result<OpDesc> OpDesc::parse(std::string_view json) {
  Result<Json> request = parseStrictJson(json);
  if (!request)
    return request.takeError();
  if (!request->is_object())
    return usageError("$: expected an object with the key \"op\", found " + describeJson(*request));
  auto kind = request->find("op");
  if (kind == request->end())
    return usageError("$.op: missing; the request must name its kind, such as "
                      "\"op\": \"mla_decode\"");
  Result<const OpSpec *> spec = findKind(*kind);
  if (!spec)
    return spec.takeError();
  return OpDescBuilder(**spec).build(*request);
}

Result<OpDesc> OpDesc::create(std::string_view kind,
                              const std::map<std::string, FieldValue> &fields,
                              const Sizes &tuningPoint) {
  Result<const OpSpec *> spec = findKind(std::string(kind));
  if (!spec)
    return spec.takeError();
  Json request = Json::object();
  for (const auto &[name, value] : fields)
    std::visit([&](const auto &held) { request[name] = held; }, value);
  if (!tuningPoint.empty())
    request["tuning"] = tuningPoint;
  return OpDescBuilder(**spec).build(request);
}

/// A name that the spec does not have is a mistake in the calling code, not in any input.
[[noreturn]] static void dieOfUnknownField(const OpDesc &desc, std::string_view field,
                                           std::string_view type) {
  fmt::print(stderr, "zorse: {} has no {} field {}\n", desc.kind(), type, field);
  std::abort();
}

int64_t OpDesc::get(std::string_view field) const {
  auto found = fieldScope.find(field);
  if (found == fieldScope.end() || !std::holds_alternative<int64_t>(found->second))
    dieOfUnknownField(*this, field, "integer");
  return std::get<int64_t>(found->second);
}

double OpDesc::getFloat(std::string_view field) const {
  auto found = floats.find(field);
  if (found == floats.end())
    dieOfUnknownField(*this, field, "float");
  return found->second;
}

const std::string &OpDesc::getText(std::string_view field) const {
  auto found = fieldScope.find(field);
  if (found == fieldScope.end() || !std::holds_alternative<std::string>(found->second))
    dieOfUnknownField(*this, field, "text");
  return std::get<std::string>(found->second);
}

DType OpDesc::getDType(std::string_view field) const {
  std::optional<DType> type = parseDType(getText(field));
  if (!type)
    dieOfUnknownField(*this, field, "dtype");
  return *type;
}

DType OpDesc::operandDType(const OperandSpec &operand) const {
  if (std::optional<DType> literal = parseDType(operand.dtype))
    return *literal;
  return getDType(operand.dtype);
}

/// The parts of a spec, operands or sizes, whose `when` holds for these fields.
template <typename Part>
static std::vector<const Part *> presentOf(const std::vector<Part> &parts,
                                           const ExprScope &fields) {
  std::vector<const Part *> present;
  for (const Part &part : parts) {
    if (!part.when.text().empty()) {
      Result<int64_t> applies = part.when.evaluate(fields);
      if (!applies || !*applies)
        continue;
    }
    present.push_back(&part);
  }
  return present;
}

std::vector<const OperandSpec *> OpDesc::operands() const {
  return presentOf(opSpec->operands, fieldScope);
}

std::vector<const SizeSpec *> OpDesc::sizes() const { return presentOf(opSpec->sizes, fieldScope); }

Result<std::vector<int64_t>> OpDesc::operandShape(const OperandSpec &operand,
                                                  const Sizes &sizes) const {
  ExprScope names = scope(sizes);
  std::vector<int64_t> shape;
  for (const Expr &dim : operand.shape) {
    Result<int64_t> extent = dim.evaluate(names);
    if (!extent)
      return usageError(fmt::format("{} of {}: {}", operand.name, kind(), extent.error().message));
    shape.push_back(*extent);
  }
  return shape;
}

Result<int64_t> OpDesc::operandBytes(const Sizes &sizes) const {
  int64_t total = 0;
  for (const OperandSpec *operand : operands()) {
    Result<std::vector<int64_t>> shape = operandShape(*operand, sizes);
    if (!shape)
      return shape.takeError();
    int64_t bytes = static_cast<int64_t>(byteWidth(operandDType(*operand)));
    if (operand->role == OperandSpec::Role::InOut)
      bytes *= 2;
    bool overflow = false;
    for (int64_t extent : *shape)
      overflow |= __builtin_mul_overflow(bytes, extent, &bytes);
    overflow |= __builtin_add_overflow(total, bytes, &total);
    if (overflow)
      return usageError(fmt::format("{} of {}: its bytes overflow 64 bits", operand->name, kind()));
  }
  return total;
}

ExprScope OpDesc::scope(const Sizes &sizes) const {
  ExprScope names = fieldScope;
  for (const auto &[name, value] : sizes)
    names.insert_or_assign(name, value);
  return names;
}

OpDesc OpDesc::withTuningPoint(const Sizes &sizes) const {
  OpDesc copy = *this;
  for (const SizeSpec *size : this->sizes())
    if (auto given = sizes.find(size->name); given != sizes.end())
      copy.tuning[size->name] = std::clamp(given->second, size->minimum, size->maximum);
  return copy;
}

std::string OpDesc::tuningPointJson() const { return Json(tuning).dump(); }

Hash128 OpDesc::hash() const { return hashText(canonical); }

} // namespace zorse
