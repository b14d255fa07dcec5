//===- Expr.h - integer formulas over named sizes ---------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shapes of operands, grids of kernels, workspace bytes and the constraints on
// configurations are all formulas of the same little language, so that they can
// stand in the op specs as data, be stored beside a code object, be evaluated
// by the runtime without a compiler, and be printed to a person:
//
//   expr := expr ? expr : expr | || | && | == != < <= > >= | + - | * / % | ! - | primary
//   primary := integer | name | 'text' | (expr) | min(a, b) | max(a, b) | ceildiv(a, b)
//
// Values are 64-bit integers; text may only be compared with == and !=. Division
// truncates; division by zero and unknown names are errors.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Status.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace zorse {

using ExprValue = std::variant<int64_t, std::string>;
using ExprScope = std::map<std::string, ExprValue, std::less<>>;

class Expr {
public:
  struct Node;

  Expr() = default;
  static Result<Expr> parse(std::string_view text);
  /// A formula that is just one number.
  static Expr constant(int64_t value);

  Result<int64_t> evaluate(const ExprScope &scope) const;
  /// The formula as it was written.
  const std::string &text() const { return source; }
  /// Every name that the formula mentions, sorted, once.
  std::vector<std::string> names() const;
  /// With the names bound in `scope` replaced by numbers and constants folded.
  Result<Expr> substitute(const ExprScope &scope) const;

private:
  std::string source;
  std::shared_ptr<const Node> root;
};

} // namespace zorse
