#pragma once

#include <unicode/uniset.h>

#include <optional>
#include <string_view>

// Sets of characters, by ICU's tables.
namespace rivulet::functions::regex {

constexpr UChar32 kLastCharacter = 0x10FFFF;

// \w: letters, marks, decimal digits, connectors and the joiners.
const icu::UnicodeSet& word_characters();
// \d and \s.
const icu::UnicodeSet& digit_characters();
const icu::UnicodeSet& space_characters();

// "alpha" of [:alpha:]; nothing for what is none.
std::optional<icu::UnicodeSet> ascii_class(std::u32string_view name);
// "Greek" of \p{Greek}, "sc=Greek"; nothing for what is none.
std::optional<icu::UnicodeSet> property_class(std::u32string_view name);

// A copy that can be changed, which a copy of a frozen set cannot.
icu::UnicodeSet thawed(const icu::UnicodeSet& set);

// Adds all that differ from the set's characters in case only.
void add_other_cases(icu::UnicodeSet& set);
void add_other_ascii_cases(icu::UnicodeSet& set);

}  // namespace rivulet::functions::regex
