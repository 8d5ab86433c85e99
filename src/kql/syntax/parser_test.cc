#include "kql/syntax/parser.h"

#include <gtest/gtest.h>

#include "common/error.h"

namespace rivulet::kql {
namespace {

std::string error_of(std::string_view text) {
  try {
    parse_query(text);
  } catch (const Error& error) {
    return error.message();
  }
  return "";
}

std::string repeat(std::string_view piece, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += piece;
  return text;
}

TEST(Parser, Precedence) {
  ExpressionPtr expression = parse_scalar("a or b and c == 1 + 2 * 3");
  EXPECT_EQ(expression->text, "or");
  const Expression& conjunction = *expression->arguments[1].value;
  EXPECT_EQ(conjunction.text, "and");
  const Expression& comparison = *conjunction.arguments[1].value;
  EXPECT_EQ(comparison.text, "==");
  EXPECT_EQ(comparison.arguments[1].value->text, "+");
}

TEST(Parser, ChainsOfAndAndOrAreFlat) {
  ExpressionPtr expression = parse_scalar("a and b and c and d");
  EXPECT_EQ(expression->arguments.size(), 4u);
  EXPECT_NO_THROW(parse_scalar("x" + repeat(" or x", 20'000)));
}

TEST(Parser, StringOperators) {
  EXPECT_EQ(parse_scalar("a !has_cs 'x'")->text, "!has_cs");
  EXPECT_EQ(parse_scalar("a in~ ('x', 'y')")->text, "in~");
  EXPECT_EQ(parse_scalar("a !in~ ('x')")->text, "!in~");
  EXPECT_EQ(parse_scalar("a matches regex 'x'")->text, "matches regex");
  EXPECT_EQ(parse_scalar("a !between (1 .. 2)")->arguments.size(), 3u);
}

TEST(Parser, StatementsAndFunctions) {
  Script script = parse_query(
      "let f = (a: long, T: (x: string)) { T | where x == a }; let n = 5; T | take n; print 1;");
  ASSERT_EQ(script.statements.size(), 4u);
  EXPECT_TRUE(script.statements[0].function->parameters[1].is_tabular);
  EXPECT_EQ(script.statements[2].pipeline->operators.front().name, "take");
  auto function = parse_function("(a: long = 3)", "{ print a }");
  EXPECT_NE(function->parameters[0].default_value, nullptr);
}

TEST(Parser, AnOptionIsNoCall) {
  Script script = parse_query("T | join kind=inner (U) on k");
  const auto& join = std::get<JoinOperator>(script.statements[0].pipeline->operators[0].body);
  EXPECT_EQ(join.options[0].text, "inner");
}

TEST(Parser, ErrorsSayWhereAndWhatIsExpected) {
  EXPECT_NE(error_of("T | where").find("Expected an expression"), std::string::npos);
  EXPECT_NE(error_of("T | frobnicate x").find("'frobnicate' is not an operator"),
            std::string::npos);
  EXPECT_NE(error_of("T | summarize count( by x").find("line:position=1:"), std::string::npos);
  EXPECT_NE(error_of("").find("Expected a query"), std::string::npos);
  EXPECT_NE(error_of("T | take 5 5"), "");
  EXPECT_NE(error_of("T | fork (take 1)").find("fork operator"), std::string::npos);
}

TEST(Parser, DeepTextEndsInAnError) {
  EXPECT_NE(error_of("print " + repeat("(", 100'000)), "");
  EXPECT_NE(error_of("print " + repeat("-", 100'000) + "1"), "");
  EXPECT_NE(error_of("print x" + repeat("[0]", 100'000)), "");
  EXPECT_NE(error_of("print " + repeat("f(", 100'000)), "");
  EXPECT_NE(error_of("print 1" + repeat("+1", 100'000)), "");
  EXPECT_NE(error_of(repeat("T | join (", 10'000)), "");
}

}  // namespace
}  // namespace rivulet::kql
