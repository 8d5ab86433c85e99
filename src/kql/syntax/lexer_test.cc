#include "kql/syntax/lexer.h"

#include <gtest/gtest.h>

#include "common/clock.h"
#include "common/error.h"
#include "kql/syntax/token_reader.h"

namespace rivulet::kql {
namespace {

std::string string_of(std::string_view text) {
  TokenReader reader(text);
  return reader.read_string("a string");
}

TEST(Lexer, StringLiterals) {
  EXPECT_EQ(string_of("'a\\'b'"), "a'b");
  EXPECT_EQ(string_of("\"a\\tb\""), "a\tb");
  EXPECT_EQ(string_of("@'C:\\x''y'"), "C:\\x'y");
  EXPECT_EQ(string_of("```two\nlines```"), "two\nlines");
  EXPECT_EQ(string_of("'one' \"two\""), "onetwo");
  EXPECT_EQ(string_of("'\\u00e9'"), "\xC3\xA9");
  EXPECT_TRUE(Lexer("h'secret'").next().is_obfuscated);
  EXPECT_THROW(tokenize("'open"), Error);
  EXPECT_THROW(tokenize("'a\\qb'"), Error);
}

TEST(Lexer, Numbers) {
  EXPECT_EQ(std::get<int64_t>(Lexer("0x1F").next().literal.value), 31);
  EXPECT_EQ(std::get<double>(Lexer("1.5e3").next().literal.value), 1500);
  EXPECT_EQ(std::get<int64_t>(Lexer("90m").next().literal.value), 90 * kTicksPerMinute);
  EXPECT_EQ(Lexer("1.5h").next().literal.type, ScalarType::kTimeSpan);
  EXPECT_EQ(std::get<int64_t>(Lexer("1tick").next().literal.value), 1);
  // A range of numbers is not a real.
  std::vector<Token> tokens = tokenize("1..3");
  ASSERT_EQ(tokens.size(), 4u);
  EXPECT_EQ(tokens[1].text, "..");
  EXPECT_THROW(tokenize("99999999999999999999"), Error);
}

TEST(Lexer, TypedLiterals) {
  Token token = Lexer("datetime(1970-01-01 00:00:01)").next();
  ASSERT_EQ(token.kind, Token::Kind::kLiteral);
  EXPECT_EQ(std::get<int64_t>(token.literal.value), kUnixEpochTicks + kTicksPerSecond);
  EXPECT_TRUE(Lexer("int(null)").next().literal.is_null());
  EXPECT_EQ(std::get<int64_t>(Lexer("datetime(1970, 1, 2)").next().literal.value),
            kUnixEpochTicks + kTicksPerDay);
  EXPECT_EQ(Lexer("long").next().kind, Token::Kind::kName);
  EXPECT_THROW(tokenize("guid(12)"), Error);
  EXPECT_THROW(tokenize("datetime(2020-01-01"), Error);
}

TEST(Lexer, DynamicLiterals) {
  auto json = [](std::string_view text) {
    return std::get<std::string>(Lexer(text).next().literal.value);
  };
  EXPECT_EQ(json("dynamic({ 'a': [1, 2.5, null], \"b\": 'x)' })"),
            R"json({"a":[1,2.5,null],"b":"x)"})json");
  EXPECT_EQ(json("dynamic([1d, datetime(2020-01-01)])"),
            R"(["1.00:00:00","2020-01-01T00:00:00.0000000Z"])");
  EXPECT_EQ(json("dynamic([dynamic({\"a\":null}), real(1), guid(null)])"),
            R"([{"a":null},1.0,null])");
  EXPECT_THROW(tokenize("dynamic({a:1})"), Error);
  EXPECT_THROW(tokenize("dynamic([1)"), Error);
  // However deep they are, one in the other.
  for (std::string_view open : {"[", "dynamic(", "{'a':"}) {
    std::string text = "dynamic(";
    for (int i = 0; i < 100'000; ++i) text += open;
    text += "1";
    text.append(100'000, open == "[" ? ']' : open == "dynamic(" ? ')' : '}');
    EXPECT_THROW(tokenize(text + ")"), Error) << open;
  }
}

TEST(Lexer, CommentsAndDirectivesArePassedOver) {
  std::vector<Token> tokens = tokenize("#connect cluster('x')\na // b\n| c");
  ASSERT_EQ(tokens.size(), 4u);
  EXPECT_EQ(tokens[0].text, "a");
  EXPECT_EQ(tokens[1].position.line, 3);
  EXPECT_EQ(tokens[2].position.column, 3);
}

TEST(TokenReader, Names) {
  TokenReader reader("['my table'] mv-expand plain");
  EXPECT_EQ(reader.read_name("a name"), "my table");
  EXPECT_TRUE(reader.accept_hyphenated("mv-expand"));
  EXPECT_EQ(reader.read_name("a name"), "plain");
  EXPECT_THROW(reader.read_name("a name"), Error);
}

TEST(Lexer, SecretsAreHidden) {
  EXPECT_EQ(hide_secrets("print 'hat', high"), "print 'hat', high");
  EXPECT_EQ(hide_secrets("T | where x == h'secret' | take 1"), "T | where x == h'****' | take 1");
  EXPECT_EQ(hide_secrets("f(H@\"sec\"\"ret\", 'h', h\"s\\\"ecret\")"), "f(h'****', 'h', h'****')");
  EXPECT_EQ(hide_secrets("h```sec\nret```, 'oh\\'h', x"), "h'****', 'oh\\'h', x");
  EXPECT_EQ(hide_secrets("// h'comment'\nh'a\nsecret'"), "// h'comment'\nh'****'");
  // Not KQL up to its end.
  EXPECT_EQ(hide_secrets("a h'secret' b h'secret"), "a h'****' b h'****'");
  EXPECT_EQ(hide_secrets("a \x01 h'secret' b"), "a \x01 h'****'");
  EXPECT_EQ(hide_secrets("a h'secret' b 'c"), "a h'****' b 'c");
}

}  // namespace
}  // namespace rivulet::kql
