//===- Expr.cpp - integer formulas over named sizes -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/Expr.h"

#include "ExprNode.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <set>

namespace zorse {

namespace {

using Node = Expr::Node;
using Kind = Expr::Node::Kind;

/// The caller that knows the formula's text puts it in front.
Error formulaError(std::string_view what) { return usageError(std::string(what)); }

std::string_view symbolOf(Kind kind) {
  switch (kind) {
  case Kind::Or:
    return "||";
  case Kind::And:
    return "&&";
  case Kind::Equal:
    return "==";
  case Kind::NotEqual:
    return "!=";
  case Kind::Less:
    return "<";
  case Kind::LessEqual:
    return "<=";
  case Kind::Greater:
    return ">";
  case Kind::GreaterEqual:
    return ">=";
  case Kind::Add:
    return "+";
  case Kind::Subtract:
    return "-";
  case Kind::Multiply:
    return "*";
  case Kind::Divide:
    return "/";
  case Kind::Remainder:
    return "%";
  case Kind::Min:
    return "min";
  case Kind::Max:
    return "max";
  case Kind::CeilDiv:
    return "ceildiv";
  default:
    return {};
  }
}

int precedenceOf(Kind kind) {
  switch (kind) {
  case Kind::Conditional:
    return 0;
  case Kind::Or:
    return 1;
  case Kind::And:
    return 2;
  case Kind::Equal:
  case Kind::NotEqual:
  case Kind::Less:
  case Kind::LessEqual:
  case Kind::Greater:
  case Kind::GreaterEqual:
    return 3;
  case Kind::Add:
  case Kind::Subtract:
    return 4;
  case Kind::Multiply:
  case Kind::Divide:
  case Kind::Remainder:
    return 5;
  case Kind::Not:
  case Kind::Negate:
    return 6;
  default:
    return 7;
  }
}

std::optional<int64_t> quotient(Kind kind, int64_t a, int64_t b) {
  if (b == -1) {
    if (kind == Kind::Remainder)
      return 0;
    int64_t negated;
    return __builtin_sub_overflow(int64_t(0), a, &negated) ? std::nullopt : std::optional(negated);
  }
  if (kind == Kind::Divide)
    return a / b;
  if (kind == Kind::Remainder)
    return a % b;
  return a / b + (a % b != 0 && (a < 0) == (b < 0)); // ceildiv
}

Result<int64_t> arithmetic(Kind kind, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  switch (kind) {
  case Kind::Less:
    return int64_t(a < b);
  case Kind::LessEqual:
    return int64_t(a <= b);
  case Kind::Greater:
    return int64_t(a > b);
  case Kind::GreaterEqual:
    return int64_t(a >= b);
  case Kind::Min:
    return std::min(a, b);
  case Kind::Max:
    return std::max(a, b);
  case Kind::Add:
    overflow = __builtin_add_overflow(a, b, &result);
    break;
  case Kind::Subtract:
    overflow = __builtin_sub_overflow(a, b, &result);
    break;
  case Kind::Multiply:
    overflow = __builtin_mul_overflow(a, b, &result);
    break;
  default: {
    if (b == 0)
      return formulaError(fmt::format("division of {} by zero", a));
    std::optional<int64_t> value = quotient(kind, a, b);
    overflow = !value;
    result = value.value_or(0);
  }
  }
  if (overflow)
    return formulaError(fmt::format("{} {} {} overflows 64 bits", a, symbolOf(kind), b));
  return result;
}

Result<ExprValue> evaluateNode(const Node &node, const ExprScope &scope);

Result<int64_t> evaluateInteger(const Node &node, const ExprScope &scope) {
  Result<ExprValue> value = evaluateNode(node, scope);
  if (!value)
    return value.takeError();
  if (const auto *text = std::get_if<std::string>(&*value))
    return formulaError(fmt::format("expected a number, found the text '{}'", *text));
  return std::get<int64_t>(*value);
}

Result<ExprValue> evaluateEquality(const Node &node, const ExprScope &scope) {
  Result<ExprValue> left = evaluateNode(*node.children[0], scope);
  if (!left)
    return left;
  Result<ExprValue> right = evaluateNode(*node.children[1], scope);
  if (!right)
    return right;
  if (left->index() != right->index())
    return formulaError("a number cannot be compared with a text");
  return ExprValue(int64_t((*left == *right) == (node.kind == Kind::Equal)));
}

/// Both sides are not always evaluated: ?:, && and || stop as soon as the value is known.
Result<ExprValue> evaluateNode(const Node &node, const ExprScope &scope) {
  switch (node.kind) {
  case Kind::Integer:
    return ExprValue(node.integer);
  case Kind::Text:
    return ExprValue(node.text);
  case Kind::Name: {
    auto found = scope.find(node.text);
    if (found == scope.end())
      return formulaError(fmt::format("unknown name {}", node.text));
    return found->second;
  }
  case Kind::Equal:
  case Kind::NotEqual:
    return evaluateEquality(node, scope);
  default:
    break;
  }

  Result<int64_t> first = evaluateInteger(*node.children[0], scope);
  if (!first)
    return first.takeError();
  if (node.kind == Kind::Conditional)
    return evaluateNode(*node.children[*first ? 1 : 2], scope);
  if (node.kind == Kind::Not)
    return ExprValue(int64_t(!*first));
  if (node.kind == Kind::Negate)
    first = arithmetic(Kind::Subtract, 0, *first);
  else if (node.kind == Kind::And && !*first)
    return ExprValue(int64_t(0));
  else if (node.kind == Kind::Or && *first)
    return ExprValue(int64_t(1));
  else {
    Result<int64_t> second = evaluateInteger(*node.children[1], scope);
    if (!second)
      return second.takeError();
    if (node.kind == Kind::And || node.kind == Kind::Or)
      return ExprValue(int64_t(*second != 0));
    first = arithmetic(node.kind, *first, *second);
  }
  if (!first)
    return first.takeError();
  return ExprValue(*first);
}

void collectNames(const Node &node, std::set<std::string> &names) {
  if (node.kind == Kind::Name)
    names.insert(node.text);
  for (const ExprTree &child : node.children)
    collectNames(*child, names);
}

ExprTree leaf(const ExprValue &value) {
  if (const auto *text = std::get_if<std::string>(&value))
    return std::make_shared<const Node>(Node{Kind::Text, 0, *text, {}});
  return std::make_shared<const Node>(Node{Kind::Integer, std::get<int64_t>(value), {}, {}});
}

bool isLeafValue(const Node &node) { return node.kind == Kind::Integer || node.kind == Kind::Text; }

/// Binds and folds from the leaves up. A constant part that has no value (a division by zero,
/// say) is left as it stands, because the branch that holds it may never be taken.
ExprTree fold(const ExprTree &tree, const ExprScope &scope) {
  const Node &node = *tree;
  if (node.kind == Kind::Name) {
    auto found = scope.find(node.text);
    return found == scope.end() ? tree : leaf(found->second);
  }
  if (isLeafValue(node))
    return tree;
  Node folded{node.kind, 0, {}, {}};
  for (const ExprTree &child : node.children)
    folded.children.push_back(fold(child, scope));
  const Node &first = *folded.children[0];
  if (node.kind == Kind::Conditional && first.kind == Kind::Integer)
    return folded.children[first.integer ? 1 : 2];
  std::set<std::string> names;
  collectNames(folded, names);
  bool decided = first.kind == Kind::Integer && ((node.kind == Kind::And && !first.integer) ||
                                                 (node.kind == Kind::Or && first.integer));
  if (names.empty() || decided)
    if (Result<ExprValue> value = evaluateNode(folded, {}))
      return leaf(*value);
  return std::make_shared<const Node>(std::move(folded));
}

void print(const Node &node, int outer, std::string &out) {
  int own = precedenceOf(node.kind);
  bool negative = node.kind == Kind::Integer && node.integer < 0;
  bool parentheses = own < outer || (negative && outer > 0);
  if (parentheses)
    out += '(';
  switch (node.kind) {
  case Kind::Integer:
    if (node.integer == std::numeric_limits<int64_t>::min())
      out += fmt::format("{} - 1", node.integer + 1); // its magnitude is not a 64-bit integer
    else
      out += fmt::format("{}", node.integer);
    break;
  case Kind::Name:
    out += node.text;
    break;
  case Kind::Text:
    out += fmt::format("'{}'", node.text);
    break;
  case Kind::Conditional:
    print(*node.children[0], 1, out);
    out += " ? ";
    print(*node.children[1], 0, out);
    out += " : ";
    print(*node.children[2], 0, out);
    break;
  case Kind::Not:
  case Kind::Negate:
    out += node.kind == Kind::Not ? '!' : '-';
    print(*node.children[0], own, out);
    break;
  case Kind::Min:
  case Kind::Max:
  case Kind::CeilDiv:
    out += symbolOf(node.kind);
    out += '(';
    print(*node.children[0], 0, out);
    out += ", ";
    print(*node.children[1], 0, out);
    out += ')';
    break;
  default:
    print(*node.children[0], own, out);
    out += fmt::format(" {} ", symbolOf(node.kind));
    print(*node.children[1], own + 1, out);
  }
  if (parentheses)
    out += ')';
}

} // namespace

Result<Expr> Expr::parse(std::string_view text) {
  Result<ExprTree> tree = parseExprTree(text);
  if (!tree)
    return tree.takeError();
  Expr expr;
  expr.source = text;
  expr.root = tree.take();
  return expr;
}

Expr Expr::constant(int64_t value) {
  Expr expr;
  expr.root = leaf(value);
  print(*expr.root, 0, expr.source);
  return expr;
}

Result<int64_t> Expr::evaluate(const ExprScope &scope) const {
  if (!root)
    return usageError("formula \"\": empty");
  Result<int64_t> value = evaluateInteger(*root, scope);
  if (!value)
    return usageError(fmt::format("formula \"{}\": {}", source, value.error().message));
  return value;
}

std::vector<std::string> Expr::names() const {
  std::set<std::string> found;
  if (root)
    collectNames(*root, found);
  return {found.begin(), found.end()};
}

Result<Expr> Expr::substitute(const ExprScope &scope) const {
  if (!root)
    return *this;
  for (const auto &[name, value] : scope)
    if (const auto *text = std::get_if<std::string>(&value))
      if (text->find('\'') != std::string::npos)
        return usageError(
            fmt::format("formula \"{}\": the text of {} holds a quote", source, name));
  Expr expr;
  expr.root = fold(root, scope);
  print(*expr.root, 0, expr.source);
  return expr;
}

} // namespace zorse
