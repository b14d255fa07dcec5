//===- ExprTest.cpp - tests of the formula language -----------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "zorse/desc/Expr.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <functional>
#include <random>

using namespace zorse;

namespace {

const ExprScope exampleScope = {{"a", int64_t(7)},
                                {"b", int64_t(-3)},
                                {"zero", int64_t(0)},
                                {"big", int64_t(INT64_MAX)},
                                {"small", int64_t(INT64_MIN)},
                                {"dtype", std::string("f32")}};

std::string evaluated(std::string_view text) {
  Result<Expr> expr = Expr::parse(text);
  if (!expr)
    return expr.error().message;
  Result<int64_t> value = expr->evaluate(exampleScope);
  return value ? std::to_string(*value) : value.error().message;
}

std::string substituted(std::string_view text, const ExprScope &scope) {
  Result<Expr> expr = Expr::parse(text);
  if (!expr)
    return expr.error().message;
  Result<Expr> bound = expr->substitute(scope);
  return bound ? bound->text() : bound.error().message;
}

} // namespace

TEST(Expr, Arithmetic) {
  EXPECT_EQ(evaluated("1 + 2 * 3"), "7");
  EXPECT_EQ(evaluated("(1 + 2) * 3"), "9");
  EXPECT_EQ(evaluated("10 - 4 - 3"), "3");
  EXPECT_EQ(evaluated("100 / 10 / 3 * 2"), "6");
  EXPECT_EQ(evaluated("-7 / 2"), "-3");
  EXPECT_EQ(evaluated("-7 % 2"), "-1");
  EXPECT_EQ(evaluated("- -a"), "7");
  EXPECT_EQ(evaluated("ceildiv(7, 2) + ceildiv(6, 2) + ceildiv(-7, 2)"), "4");
  EXPECT_EQ(evaluated("min(a, b) * 10 + max(a, b)"), "-23");
  EXPECT_EQ(evaluated("big % -1"), "0");
}

TEST(Expr, LogicAndChoice) {
  EXPECT_EQ(evaluated("a > 6 && b <= -3 || 0"), "1");
  EXPECT_EQ(evaluated("!a + !zero"), "1");
  EXPECT_EQ(evaluated("a < b ? 1 : a == 7 ? 2 : 3"), "2");
  EXPECT_EQ(evaluated("1 + 1 == 2"), "1");
  EXPECT_EQ(evaluated("dtype == 'f32' ? 4 : 2"), "4");
  EXPECT_EQ(evaluated("dtype != 'f32' || dtype == 'bf16'"), "0");
  EXPECT_EQ(evaluated("(a ? dtype : 'x') == 'f32'"), "1");
}

TEST(Expr, OnlyTheNeededSideIsEvaluated) {
  EXPECT_EQ(evaluated("zero == 0 ? 5 : 1 / zero"), "5");
  EXPECT_EQ(evaluated("zero && missing"), "0");
  EXPECT_EQ(evaluated("a || missing"), "1");
}

TEST(Expr, EvaluationErrors) {
  EXPECT_EQ(evaluated("1 / zero"), "formula \"1 / zero\": division of 1 by zero");
  EXPECT_EQ(evaluated("1 % zero"), "formula \"1 % zero\": division of 1 by zero");
  EXPECT_EQ(evaluated("heads + 1"), "formula \"heads + 1\": unknown name heads");
  EXPECT_EQ(evaluated("big + 1"), "formula \"big + 1\": 9223372036854775807 + 1 overflows 64 bits");
  EXPECT_EQ(evaluated("big * 2"), "formula \"big * 2\": 9223372036854775807 * 2 overflows 64 bits");
  EXPECT_EQ(evaluated("small / -1"),
            "formula \"small / -1\": -9223372036854775808 / -1 overflows 64 bits");
  EXPECT_EQ(evaluated("-small"), "formula \"-small\": 0 - -9223372036854775808 overflows 64 bits");
  EXPECT_EQ(evaluated("dtype + 1"),
            "formula \"dtype + 1\": expected a number, found the text 'f32'");
  EXPECT_EQ(evaluated("dtype"), "formula \"dtype\": expected a number, found the text 'f32'");
  EXPECT_EQ(evaluated("dtype == 4"),
            "formula \"dtype == 4\": a number cannot be compared with a text");
  EXPECT_EQ(Expr().evaluate({}).error().message, "formula \"\": empty");
}

TEST(Expr, SyntaxErrors) {
  EXPECT_EQ(evaluated(""),
            "formula \"\": expected a number, a name, a 'text' or \"(\" at character "
            "1, found the end");
  EXPECT_EQ(evaluated("1 +"), "formula \"1 +\": expected a number, a name, a 'text' or \"(\" at "
                              "character 4, found the end");
  EXPECT_EQ(evaluated("a b"), "formula \"a b\": expected an operator or the end at character 3, "
                              "found \"b\"");
  EXPECT_EQ(evaluated("(a"), "formula \"(a\": expected \")\" at character 3, found the end");
  EXPECT_EQ(evaluated("a ? 1"), "formula \"a ? 1\": expected \":\" at character 6, found the end");
  EXPECT_EQ(evaluated("floor(a, 1)"), "formula \"floor(a, 1)\": expected one of the functions min, "
                                      "max, ceildiv at character 1, found \"floor(a, 1)\"");
  EXPECT_EQ(evaluated("min(a)"), "formula \"min(a)\": expected \",\" at character 6, found \")\"");
  EXPECT_EQ(evaluated("9223372036854775808"),
            "formula \"9223372036854775808\": expected an integer of at most 64 bits at character "
            "1, found \"922337203685\"");
  EXPECT_EQ(evaluated("12ab"),
            "formula \"12ab\": expected an operator or the end at character 3, found \"ab\"");
  EXPECT_EQ(evaluated("'x"), "formula \"'x\": expected a 'text' with a closing quote at character "
                             "1, found \"'x\"");
}

TEST(Expr, DepthAndLengthAreLimited) {
  EXPECT_EQ(evaluated(std::string(63, '(') + "1" + std::string(63, ')')), "1");
  std::string deep(5000, '(');
  EXPECT_NE(evaluated(deep).find("expected at most 64 levels of nesting at character 65"),
            std::string::npos);
  EXPECT_NE(evaluated(std::string(5000, '!') + "1").find("at most 64 levels"), std::string::npos);
  EXPECT_EQ(evaluated(std::string(8193, ' ')),
            "expected a formula of at most 8192 characters, found 8193");
  std::string chain = "1"; // a deep tree without any nesting in the text
  for (int i = 0; i < 255; ++i)
    chain += "+1";
  EXPECT_EQ(evaluated(chain), "256");
  EXPECT_NE(evaluated(chain + "+1").find("expected at most 256 operators in a chain"),
            std::string::npos);
}

TEST(Expr, TextAndNames) {
  Result<Expr> expr = Expr::parse("max(tokens, a) + ceildiv( context,a )*tokens");
  ASSERT_TRUE(expr);
  EXPECT_EQ(expr->text(), "max(tokens, a) + ceildiv( context,a )*tokens");
  EXPECT_EQ(expr->names(), (std::vector<std::string>{"a", "context", "tokens"}));
  EXPECT_EQ(Expr::constant(-5).text(), "-5");
  EXPECT_EQ(*Expr::constant(INT64_MIN).evaluate({}), INT64_MIN);
  EXPECT_TRUE(Expr().names().empty());
}

TEST(Expr, SubstituteBindsAndFolds) {
  EXPECT_EQ(substituted("ceildiv(tokens, block_m) * (heads / 8)",
                        {{"block_m", int64_t(32)}, {"heads", int64_t(24)}}),
            "ceildiv(tokens, 32) * 3");
  EXPECT_EQ(substituted("kind == 'x' ? tokens : 1 / 0", {{"kind", std::string("x")}}), "tokens");
  EXPECT_EQ(substituted("tokens - (a - b)", {{"a", int64_t(1)}, {"b", int64_t(3)}}),
            "tokens - (-2)");
  EXPECT_EQ(substituted("flag && tokens", {{"flag", int64_t(0)}}), "0");
  EXPECT_EQ(substituted("tokens - (context - 1)", {}), "tokens - (context - 1)");
  EXPECT_EQ(substituted("1 / 0", {}), "1 / 0");
  EXPECT_EQ(substituted("name == 'y'", {{"name", std::string("it's")}}),
            "formula \"name == 'y'\": the text of name holds a quote");
}

namespace {

/// A random formula that uses every operator.
std::string randomFormula(std::mt19937 &random, int depth) {
  auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  auto sub = [&] { return randomFormula(random, depth - 1); };
  static const char *names[] = {"a", "b", "zero", "big"};
  static const char *operators[] = {
      "+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "&&", "||"};
  if (depth == 0 || pick(5) == 0)
    return pick(2) ? names[pick(4)] : std::to_string(pick(20));
  switch (pick(6)) {
  case 0:
    return fmt::format("({})", sub());
  case 1:
    return fmt::format("{}{}", pick(2) ? "!" : "-", sub());
  case 2:
    return fmt::format("({} ? {} : {})", sub(), sub(), sub());
  case 3: {
    static const char *functions[] = {"min", "max", "ceildiv"};
    return fmt::format("{}({}, {})", functions[pick(3)], sub(), sub());
  }
  default:
    return fmt::format("{} {} {}", sub(), operators[pick(13)], sub());
  }
}

} // namespace

TEST(Expr, SubstitutionKeepsTheValueOfRandomFormulas) {
  std::mt19937 random(71);
  int defined = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = randomFormula(random, 4);
    Result<Expr> expr = Expr::parse(text);
    ASSERT_TRUE(expr) << text << ": " << expr.error().message;
    Result<int64_t> direct = expr->evaluate(exampleScope);
    ExprScope half = {{"a", int64_t(7)}, {"zero", int64_t(0)}};
    Result<Expr> bound = expr->substitute(half);
    ASSERT_TRUE(bound) << text;
    Result<int64_t> late = bound->evaluate(exampleScope);
    Result<Expr> reparsed = Expr::parse(bound->text());
    ASSERT_TRUE(reparsed) << bound->text();
    Result<int64_t> again = reparsed->evaluate(exampleScope);
    if (direct) {
      ++defined;
      ASSERT_TRUE(late && again) << text << " -> " << bound->text();
      ASSERT_EQ(*direct, *late) << text << " -> " << bound->text();
      ASSERT_EQ(*direct, *again) << text << " -> " << bound->text();
    } else {
      ASSERT_FALSE(again) << text << " -> " << bound->text();
    }
  }
  EXPECT_GT(defined, 10000);
}

TEST(Expr, RandomTextNeverCrashesTheParser) {
  std::mt19937 random(72);
  static const std::string alphabet = "ab1 9+-*/%<>=!&|?:(),'minaxceildiv_\t\n\x80";
  int parsed = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text;
    for (size_t length = random() % 24; text.size() < length;)
      text += alphabet[random() % alphabet.size()];
    Result<Expr> expr = Expr::parse(text);
    if (!expr) {
      EXPECT_FALSE(expr.error().message.empty());
      continue;
    }
    ++parsed;
    (void)expr->evaluate(exampleScope);
    (void)expr->substitute(exampleScope);
  }
  EXPECT_GT(parsed, 1000);
}
