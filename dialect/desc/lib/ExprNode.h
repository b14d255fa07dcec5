//===- ExprNode.h - the tree behind a formula -------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "zorse/desc/Expr.h"

namespace zorse {

/// Leaves carry a value or a name; inner nodes have one to three children.
struct Expr::Node {
  enum class Kind {
    Integer,
    Name,
    Text,
    Conditional,
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Not,
    Negate,
    Min,
    Max,
    CeilDiv,
  };
  Kind kind = Kind::Integer;
  int64_t integer = 0;
  std::string text; ///< of a name or a text
  std::vector<std::shared_ptr<const Node>> children;
  int height = 1; ///< set by the parser, which limits it
};

using ExprTree = std::shared_ptr<const Expr::Node>;

/// Limits that keep every recursion over a tree shallow, whatever the text.
constexpr size_t maxExprLength = 8192;
constexpr int maxExprDepth = 64;   ///< nested parentheses, choices and signs
constexpr int maxExprHeight = 256; ///< of the tree; each operator of a + b + c + … adds one

Result<ExprTree> parseExprTree(std::string_view text);

} // namespace zorse
