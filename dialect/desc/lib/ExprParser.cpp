//===- ExprParser.cpp - formulas from text --------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "ExprNode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace zorse {

namespace {

using Kind = Expr::Node::Kind;

struct BinaryOperator {
  std::string_view symbol;
  Kind kind;
  int precedence;
};

/// Longer symbols first, so that "<=" is not read as "<".
constexpr std::array<BinaryOperator, 13> binaryOperators = {{
    {"||", Kind::Or, 1},
    {"&&", Kind::And, 2},
    {"==", Kind::Equal, 3},
    {"!=", Kind::NotEqual, 3},
    {"<=", Kind::LessEqual, 3},
    {">=", Kind::GreaterEqual, 3},
    {"<", Kind::Less, 3},
    {">", Kind::Greater, 3},
    {"+", Kind::Add, 4},
    {"-", Kind::Subtract, 4},
    {"*", Kind::Multiply, 5},
    {"/", Kind::Divide, 5},
    {"%", Kind::Remainder, 5},
}};

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// Recursive descent; a null tree means that `error` is set.
class Parser {
public:
  explicit Parser(std::string_view text) : text(text) {}

  Result<ExprTree> run() {
    ExprTree tree = parseConditional();
    skipSpace();
    if (tree && at < text.size())
      tree = fail("an operator or the end");
    if (!tree)
      return usageError(std::move(error));
    return tree;
  }

private:
  ExprTree fail(std::string_view expected) {
    if (error.empty()) {
      std::string found = at < text.size() ? fmt::format("\"{}\"", text.substr(at, 12)) : "the end";
      error = fmt::format("formula \"{}\": expected {} at character {}, found {}",
                          text.substr(0, 200), expected, at + 1, found);
    }
    return nullptr;
  }

  void skipSpace() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n'))
      ++at;
  }

  bool take(std::string_view symbol) {
    skipSpace();
    if (!text.substr(at).starts_with(symbol))
      return false;
    at += symbol.size();
    return true;
  }

  ExprTree inner(Kind kind, std::vector<ExprTree> children) {
    Expr::Node node{kind, 0, {}, std::move(children)};
    for (const ExprTree &child : node.children)
      node.height = std::max(node.height, child->height + 1);
    if (node.height > maxExprHeight)
      return fail("at most 256 operators in a chain");
    return std::make_shared<const Expr::Node>(std::move(node));
  }

  ExprTree parseConditional() {
    if (++depth > maxExprDepth)
      return fail("at most 64 levels of nesting");
    ExprTree tree = parseBinary(1);
    if (tree && take("?"))
      tree = parseBranches(std::move(tree));
    --depth;
    return tree;
  }

  ExprTree parseBranches(ExprTree condition) {
    ExprTree yes = parseConditional();
    if (!yes)
      return nullptr;
    if (!take(":"))
      return fail("\":\"");
    ExprTree no = parseConditional();
    if (!no)
      return nullptr;
    return inner(Kind::Conditional, {std::move(condition), std::move(yes), std::move(no)});
  }

  const BinaryOperator *peekOperator() {
    skipSpace();
    for (const BinaryOperator &candidate : binaryOperators)
      if (text.substr(at).starts_with(candidate.symbol))
        return &candidate;
    return nullptr;
  }

  /// Operators of `precedence` and above; all associate to the left.
  ExprTree parseBinary(int precedence) {
    ExprTree left = parseUnary();
    while (left) {
      const BinaryOperator *op = peekOperator();
      if (!op || op->precedence < precedence)
        break;
      at += op->symbol.size();
      ExprTree right = parseBinary(op->precedence + 1);
      if (!right)
        return nullptr;
      left = inner(op->kind, {std::move(left), std::move(right)});
    }
    return left;
  }

  ExprTree parseUnary() {
    skipSpace();
    bool negation = take("!"), minus = !negation && take("-");
    if (!negation && !minus)
      return parsePrimary();
    if (++depth > maxExprDepth)
      return fail("at most 64 levels of nesting");
    ExprTree operand = parseUnary();
    --depth;
    return operand ? inner(negation ? Kind::Not : Kind::Negate, {std::move(operand)}) : nullptr;
  }

  ExprTree parsePrimary() {
    skipSpace();
    char c = at < text.size() ? text[at] : '\0';
    if (isDigit(c))
      return parseInteger();
    if (c == '\'')
      return parseText();
    if (isLetter(c))
      return parseNameOrCall();
    if (!take("("))
      return fail("a number, a name, a 'text' or \"(\"");
    ExprTree tree = parseConditional();
    if (tree && !take(")"))
      return fail("\")\"");
    return tree;
  }

  ExprTree parseInteger() {
    Expr::Node node;
    auto [end, code] = std::from_chars(text.data() + at, text.data() + text.size(), node.integer);
    if (code != std::errc())
      return fail("an integer of at most 64 bits");
    at = static_cast<size_t>(end - text.data());
    if (at < text.size() && isLetter(text[at]))
      return fail("an operator or the end");
    return std::make_shared<const Expr::Node>(std::move(node));
  }

  ExprTree parseText() {
    size_t end = text.find('\'', at + 1);
    if (end == std::string_view::npos)
      return fail("a 'text' with a closing quote");
    Expr::Node node{Kind::Text, 0, std::string(text.substr(at + 1, end - at - 1)), {}};
    at = end + 1;
    return std::make_shared<const Expr::Node>(std::move(node));
  }

  ExprTree parseNameOrCall() {
    size_t end = at;
    while (end < text.size() && (isLetter(text[end]) || isDigit(text[end])))
      ++end;
    std::string_view word = text.substr(at, end - at);
    size_t start = std::exchange(at, end);
    if (!take("(")) {
      Expr::Node node{Kind::Name, 0, std::string(word), {}};
      return std::make_shared<const Expr::Node>(std::move(node));
    }
    std::optional<Kind> function = word == "min"       ? std::optional(Kind::Min)
                                   : word == "max"     ? std::optional(Kind::Max)
                                   : word == "ceildiv" ? std::optional(Kind::CeilDiv)
                                                       : std::nullopt;
    if (!function) {
      at = start;
      return fail("one of the functions min, max, ceildiv");
    }
    ExprTree first = parseConditional();
    if (first && !take(","))
      return fail("\",\"");
    ExprTree second = first ? parseConditional() : nullptr;
    if (second && !take(")"))
      return fail("\")\"");
    return second ? inner(*function, {std::move(first), std::move(second)}) : nullptr;
  }

  std::string_view text;
  size_t at = 0;
  int depth = 0;
  std::string error;
};

} // namespace

Result<ExprTree> parseExprTree(std::string_view text) {
  if (text.size() > maxExprLength)
    return usageError(fmt::format("expected a formula of at most {} characters, found {}",
                                  maxExprLength, text.size()));
  return Parser(text).run();
}

} // namespace zorse
