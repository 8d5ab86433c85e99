#include "functions/text/regex/characters.h"

#include <algorithm>
#include <stdexcept>

namespace rivulet::functions::regex {

namespace {

icu::UnicodeSet set_of(const char16_t* pattern) {
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeSet set(icu::UnicodeString(pattern), status);
  if (U_FAILURE(status)) throw std::logic_error("ICU lacks a class of characters");
  return set;
}
icu::UnicodeSet frozen(icu::UnicodeSet set) {
  set.freeze();
  return set;
}

struct AsciiClass {
  std::u32string_view name;
  const char16_t* pattern;
};
constexpr AsciiClass kAsciiClasses[] = {
    {U"alnum", u"[0-9A-Za-z]"},
    {U"alpha", u"[A-Za-z]"},
    {U"ascii", u"[\\u0000-\\u007F]"},
    {U"blank", u"[\\u0009\\u0020]"},
    {U"cntrl", u"[\\u0000-\\u001F\\u007F]"},
    {U"digit", u"[0-9]"},
    {U"graph", u"[\\u0021-\\u007E]"},
    {U"lower", u"[a-z]"},
    {U"print", u"[\\u0020-\\u007E]"},
    {U"punct", u"[\\u0021-\\u002F\\u003A-\\u0040\\u005B-\\u0060\\u007B-\\u007E]"},
    {U"space", u"[\\u0009-\\u000D\\u0020]"},
    {U"upper", u"[A-Z]"},
    {U"word", u"[0-9A-Za-z_]"},
    {U"xdigit", u"[0-9A-Fa-f]"},
};

}  // namespace

const icu::UnicodeSet& word_characters() {
  static const icu::UnicodeSet set =
      frozen(set_of(u"[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]"));
  return set;
}
const icu::UnicodeSet& digit_characters() {
  static const icu::UnicodeSet set = frozen(set_of(u"[\\p{Nd}]"));
  return set;
}
const icu::UnicodeSet& space_characters() {
  static const icu::UnicodeSet set = frozen(set_of(u"[\\p{White_Space}]"));
  return set;
}

std::optional<icu::UnicodeSet> ascii_class(std::u32string_view name) {
  for (const AsciiClass& known : kAsciiClasses) {
    if (known.name == name) return set_of(known.pattern);
  }
  return std::nullopt;
}

std::optional<icu::UnicodeSet> property_class(std::u32string_view name) {
  const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [](char32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::u32string_view(U"_=:. -").find(c) != std::u32string_view::npos;
  });
  if (!is_name) return std::nullopt;
  icu::UnicodeString pattern(u"[\\p{");
  for (const char32_t c : name) pattern.append(static_cast<UChar32>(c == ':' ? U'=' : c));
  pattern.append(u"}]");
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeSet set(pattern, status);
  if (U_FAILURE(status)) return std::nullopt;
  return set;
}

icu::UnicodeSet thawed(const icu::UnicodeSet& set) {
  icu::UnicodeSet copy;
  copy.addAll(set);
  return copy;
}

void add_other_cases(icu::UnicodeSet& set) {
  set.closeOver(USET_CASE_INSENSITIVE);
  set.removeAllStrings();
}
void add_other_ascii_cases(icu::UnicodeSet& set) {
  for (UChar32 upper = 'A'; upper <= 'Z'; ++upper) {
    const UChar32 lower = upper | 0x20;
    if (set.contains(upper) || set.contains(lower)) set.add(upper).add(lower);
  }
}

}  // namespace rivulet::functions::regex
