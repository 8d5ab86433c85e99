#include "functions/text/regex/machine.h"

#include <gtest/gtest.h>

#include "functions/text/regex/regex.h"

namespace rivulet::functions::regex {
namespace {

constexpr const char* kPatterns[] = {
    "",
    "a",
    "a|ab",
    "(a|ab)(c|bcd)(d*)",
    "(a*)*",
    "(a*)+",
    "(a*?)*?b",
    "(?:(a)|b)*",
    "((a)|(b))+?",
    "(a+)(b+)?",
    "a{2,3}",
    "a{2,3}?",
    "(?:a|b){0,2}(b|c)",
    "^ab",
    "b$",
    "(?m)^b|c$",
    "(?i)aB",
    "(?i)[^b]",
    "\\w+",
    "\\W",
    "(\\w)\\b",
    "\\B.",
    "[a-c&&b-d]+",
    "[^a-b]",
    "(?s).*",
    ".*?c",
    "(x)?(a)",
    "(é|e)+",
    "\\p{Lu}|\\d",
    "(?:a?\?)+c",
    "(|a)+",
    "(a|)+",
};
constexpr const char* kTexts[] = {"",    "a",    "ab",       "abc",       "abcd",   "aab",
                                  "bbb", "aaaa", "a b\nc",   "B",         "cabbac", "x1 Y2",
                                  "é",   "aéb",  "É e é ee", "ab\nbc\nc", "٣ a_",   "\r\na"};

// RE2 and the machine agree wherever RE2 can tell.
TEST(Machine, FindsWhatRe2Finds) {
  for (const char* pattern : kPatterns) {
    const Syntax syntax = parse(pattern);
    const Machine machine(syntax);
    const Regex regex(pattern);
    // Enough text that is not ASCII for the expression to come to RE2.
    const std::string much(size_t{1} << 15, '\x7f');
    regex.find(Subject(much + "\u00e9"), 0, false, {});
    for (const char* text : kTexts) {
      const Subject subject(text);
      for (const bool is_anchored : {false, true}) {
        for (size_t from = 0; from <= subject.text.size(); ++from) {
          if (from < subject.text.size() && (subject.text[from] & 0xC0) == 0x80) continue;
          std::vector<std::string_view> expected(static_cast<size_t>(syntax.groups) + 1),
              found(expected.size());
          const bool is_match = regex.find(subject, from, is_anchored, expected);
          ASSERT_EQ(machine.run(text, from, is_anchored, found), is_match)
              << pattern << " in '" << text << "' from " << from;
          if (!is_match) continue;
          EXPECT_EQ(found[0].data(), expected[0].data()) << pattern << " in '" << text << "'";
          for (size_t i = 0; i < found.size(); ++i) {
            EXPECT_EQ(found[i], expected[i])
                << "group " << i << " of " << pattern << " in '" << text << "' from " << from;
          }
        }
      }
    }
  }
}

TEST(Machine, TakesLinearTime) {
  const Syntax syntax = parse("(?:(?:a|a)*)*\\b{end}b");
  const std::string text(20'000, 'a');
  EXPECT_FALSE(Machine(syntax).run(text, 0, false, {}));
}

TEST(Machine, RefusesWhatIsTooMuch) {
  EXPECT_THROW(Machine(parse("(?:(?:\\w{100}){100}){100}")), std::length_error);
  const Machine machine(parse("\\w{1000}"));
  const std::string text(size_t{32} << 20, 'a');
  EXPECT_THROW(machine.run(text, 0, false, {}), std::length_error);
}

}  // namespace
}  // namespace rivulet::functions::regex
