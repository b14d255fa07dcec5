//===- OpDesc.h - one op with its static parameters -------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Hash.h"
#include "zorse/desc/OpSpec.h"

#include <map>

namespace zorse {

/// The dynamic sizes of one launch, by name.
using Sizes = std::map<std::string, int64_t, std::less<>>;

/// An op kind with every static field set, and the dynamic sizes it is tuned at.
/// Always valid: the only ways to make one check it against its spec.
class OpDesc {
public:
  /// Parses a request such as {"op":"mla_decode","num_heads":24,…}. Fields left out take their
  /// defaults. Sizes may be given under "tuning": {"tokens": 8, …}. Errors name the path of the
  /// field ("$.kv_lora_rank"), what was expected and what was found. Depth and size are limited.
  static Result<OpDesc> parse(std::string_view json);
  /// The same from values; enum fields as text.
  using FieldValue = std::variant<int64_t, double, bool, std::string>;
  static Result<OpDesc> create(std::string_view kind,
                               const std::map<std::string, FieldValue> &fields,
                               const Sizes &tuningPoint = {});

  const OpSpec &spec() const { return *opSpec; }
  const std::string &kind() const { return opSpec->kind; }
  /// The value of an Int or Bool field. The name must exist.
  int64_t get(std::string_view field) const;
  double getFloat(std::string_view field) const;
  const std::string &getText(std::string_view field) const;
  DType getDType(std::string_view field) const;

  /// The dtype of an operand (a literal in the spec, or the field it names).
  DType operandDType(const OperandSpec &operand) const;
  /// The operands present for these fields, in kernel argument order.
  std::vector<const OperandSpec *> operands() const;
  /// The sizes that a launch gives for these fields, in kernel argument order.
  std::vector<const SizeSpec *> sizes() const;
  /// The shape of an operand at these sizes.
  Result<std::vector<int64_t>> operandShape(const OperandSpec &operand, const Sizes &sizes) const;
  /// Bytes read and written at least once by one launch at these sizes (all operands, once; an
  /// InOut operand twice). A lower bound on traffic, used for GB/s.
  Result<int64_t> operandBytes(const Sizes &sizes) const;

  /// All fields (integers, bools as 0/1, enums as text; floats absent), for formulas.
  const ExprScope &scope() const { return fieldScope; }
  /// scope() with the sizes added.
  ExprScope scope(const Sizes &sizes) const;
  const Sizes &tuningPoint() const { return tuning; }
  OpDesc withTuningPoint(const Sizes &sizes) const;

  /// Canonical JSON of the static part: keys sorted, every field present, no white space.
  const std::string &canonicalJson() const { return canonical; }
  /// Canonical JSON of the tuning point.
  std::string tuningPointJson() const;
  /// Hash of canonicalJson().
  Hash128 hash() const;

private:
  friend struct OpDescBuilder;
  const OpSpec *opSpec = nullptr;
  ExprScope fieldScope;
  std::map<std::string, double, std::less<>> floats;
  Sizes tuning;
  std::string canonical;
};

} // namespace zorse
