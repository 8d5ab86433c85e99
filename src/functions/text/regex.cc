#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "functions/families.h"
#include "functions/json/json.h"
#include "functions/text/regex/regex.h"
#include "functions/utf8.h"

// Functions of regular expressions.
namespace rivulet::functions {

namespace {

// What one match is counted as: it may read the text to its end.
constexpr size_t kMatchWork = 1 << 14;

using regex::Regex;
using regex::Subject;
using Groups = std::vector<std::string_view>;

const Regex& cached_regex(std::string_view pattern) {
  thread_local CachedByText<std::unique_ptr<Regex>> cache;
  return *cache.get(pattern, [](std::string_view text) { return std::make_unique<Regex>(text); });
}

bool matches(std::string_view text, std::string_view pattern) {
  return cached_regex(pattern).find(Subject(text), 0, false, {});
}

// The text of a capture group in the first match (0: the whole match).
std::optional<std::string> extract(std::string_view pattern, int64_t group, std::string_view text) {
  const Regex& regex = cached_regex(pattern);
  if (group < 0 || group > regex.groups()) return std::nullopt;
  Groups groups(group + 1);
  if (!regex.find(Subject(text), 0, false, groups)) return std::nullopt;
  return std::string(groups[group]);
}

// Calls visit(groups) for each match that follows the one before. An empty one where that ended is none.
template <typename Visit>
void for_each_match(const Regex& regex, std::string_view text, size_t begin, Visit&& visit) {
  Groups groups(static_cast<size_t>(regex.groups()) + 1);
  const Subject subject(text);
  size_t at = begin;
  std::optional<size_t> last_end;
  while (at <= text.size() && regex.find(subject, at, false, groups)) {
    count_work(kMatchWork);
    const size_t end = groups[0].data() - text.data() + groups[0].size();
    if (!groups[0].empty() || end != last_end) {
      if (!visit(groups)) return;
      last_end = end;
      at = end;
      if (!groups[0].empty()) continue;
    }
    if (end >= text.size()) return;
    at = character_offset(text, 1, end);
  }
}

// Every match: of one group its text, of several an array each. `wanted` holds group numbers or names.
std::optional<Json> extract_all(std::string_view pattern, std::optional<std::string_view> wanted,
                                std::string_view text) {
  const Regex& regex = cached_regex(pattern);
  std::vector<int> numbers;
  if (wanted) {
    for (const std::string_view element : json_elements(*wanted)) {
      if (const auto number = json_long(element)) {
        if (*number < 0 || *number > regex.groups()) continue;
        numbers.push_back(static_cast<int>(*number));
      } else {
        const std::string name = json_text(element);
        for (const auto& [known, group] : regex.names()) {
          if (known == name) numbers.push_back(group);
        }
      }
    }
  } else {
    for (int i = 1; i <= regex.groups(); ++i) numbers.push_back(i);
    if (numbers.empty()) {
      throw std::invalid_argument("extract_all(): the regular expression has no capture group");
    }
  }
  JsonArray out;
  bool any = false;
  for_each_match(regex, text, 0, [&](const Groups& groups) {
    any = true;
    if (numbers.size() == 1) {
      out.add_string(groups[numbers[0]]);
    } else {
      JsonArray match;
      for (const int number : numbers) match.add_string(groups[number]);
      out.add(match.finish().text);
    }
    return true;
  });
  if (!any) return std::nullopt;
  return out.finish();
}

std::string replace_regex(std::string_view text, std::string_view pattern,
                          std::string_view rewrite) {
  const Regex& regex = cached_regex(pattern);
  std::string out;
  size_t copied = 0;
  for_each_match(regex, text, 0, [&](const Groups& groups) {
    const size_t begin = groups[0].data() - text.data();
    out += text.substr(copied, begin - copied);
    for (size_t i = 0; i < rewrite.size(); ++i) {
      if (rewrite[i] != '\\' || i + 1 >= rewrite.size()) {
        out += rewrite[i];
        continue;
      }
      const char next = rewrite[++i];
      if (next >= '0' && next <= '9') {
        const size_t number = next - '0';
        if (number < groups.size()) out += groups[number];
      } else {
        if (next != '\\') out += '\\';
        out += next;
      }
    }
    check_text_size(out.size());
    copied = begin + groups[0].size();
    return true;
  });
  out += text.substr(copied);
  return out;
}

int64_t count_of_regex(std::string_view text, std::string_view pattern) {
  int64_t count = 0;
  for_each_match(cached_regex(pattern), text, 0, [&](const auto&) {
    ++count;
    return true;
  });
  return count;
}

std::optional<int64_t> index_of_regex(std::string_view text, std::string_view pattern,
                                      int64_t start, int64_t count, int64_t occurrence) {
  if (occurrence < 1 || count < -1 || start < 0) return std::nullopt;
  const int64_t characters = count_characters(text);
  if (start > characters) return -1;
  const size_t begin = character_offset(text, start);
  const size_t end = count < 0 ? text.size() : character_offset(text, count, begin);
  int64_t found = -1;
  for_each_match(cached_regex(pattern), text.substr(0, end), begin, [&](const Groups& groups) {
    if (--occurrence > 0) return true;
    found = count_characters(text.substr(0, groups[0].data() - text.data()));
    return false;
  });
  return found;
}

// How far a match that begins at the text's start reaches.
size_t leading_match(const Regex& regex, std::string_view text) {
  std::string_view match;
  return regex.find(Subject(text), 0, true, {&match, 1}) ? match.size() : 0;
}
size_t trailing_match(std::string_view pattern, std::string_view text) {
  thread_local CachedByText<std::unique_ptr<Regex>> cache;
  const Regex& regex = *cache.get(
      pattern, [](std::string_view wanted) { return std::make_unique<Regex>(wanted, true); });
  std::string_view match;
  return regex.find(Subject(text), 0, false, {&match, 1}) ? match.size() : 0;
}

std::string trim_start(std::string_view pattern, std::string_view text) {
  text.remove_prefix(leading_match(cached_regex(pattern), text));
  return std::string(text);
}
std::string trim_end(std::string_view pattern, std::string_view text) {
  text.remove_suffix(trailing_match(pattern, text));
  return std::string(text);
}
std::string trim(std::string_view pattern, std::string_view text) {
  text.remove_prefix(leading_match(cached_regex(pattern), text));
  text.remove_suffix(trailing_match(pattern, text));
  return std::string(text);
}

std::string quote(std::string_view text) {
  return re2::RE2::QuoteMeta({text.data(), text.size()});
}

constexpr Udf kFunctions[] = {
    udf<matches>("k_matches_regex"),
    udf<extract>("k_extract"),
    udf<extract_all>("k_extract_all"),
    udf<replace_regex>("k_replace_regex"),
    udf<count_of_regex>("k_countof_regex"),
    udf<index_of_regex>("k_indexof_regex"),
    udf<trim_start>("k_trim_start"),
    udf<trim_end>("k_trim_end"),
    udf<trim>("k_trim"),
    udf<quote>("k_regex_quote"),
};

}  // namespace

std::span<const Udf> regex_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
