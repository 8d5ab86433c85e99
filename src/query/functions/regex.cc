#include <re2/re2.h>
#include <memory>
#include <stdexcept>

#include "query/functions/families.h"
#include "query/functions/json.h"
#include "query/functions/utf8.h"

// Functions of regular expressions (RE2, as Kusto's).
namespace rivulet::query {

namespace {

constexpr int64_t kMaxPatternMemory = int64_t{8} << 20;
constexpr size_t kMaxTextBytes = size_t{64} << 20;

std::unique_ptr<re2::RE2> compile(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxPatternMemory);
  auto regex =
      std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!regex->ok()) {
    throw std::invalid_argument("the regular expression '" + std::string(pattern) +
                                "' is not valid: " + regex->error());
  }
  return regex;
}

const re2::RE2& cached_regex(std::string_view pattern) {
  thread_local CachedByText<std::unique_ptr<re2::RE2>> cache;
  return *cache.get(pattern, compile);
}

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const re2::StringPiece& text) {
  return {text.data(), text.size()};
}

bool matches(std::string_view text, std::string_view pattern) {
  return re2::RE2::PartialMatch(piece(text), cached_regex(pattern));
}

// The text of a capture group in the first match (0: the whole match).
std::optional<std::string> extract(std::string_view pattern, int64_t group, std::string_view text) {
  const re2::RE2& regex = cached_regex(pattern);
  if (group < 0 || group > regex.NumberOfCapturingGroups()) return std::nullopt;
  std::vector<re2::StringPiece> groups(group + 1);
  if (!regex.Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, groups.data(),
                   static_cast<int>(groups.size()))) {
    return std::nullopt;
  }
  return std::string(view(groups[group]));
}

// Calls visit(groups) for each match that follows the one before.
template <typename Visit>
void for_each_match(const re2::RE2& regex, std::string_view text, size_t begin, Visit&& visit) {
  std::vector<re2::StringPiece> groups(regex.NumberOfCapturingGroups() + 1);
  size_t at = begin;
  while (at <= text.size() && regex.Match(piece(text), at, text.size(), re2::RE2::UNANCHORED,
                                          groups.data(), static_cast<int>(groups.size()))) {
    if (!visit(groups)) return;
    const size_t end = groups[0].data() - text.data() + groups[0].size();
    at = groups[0].empty() ? character_offset(text, 1, end) : end;
    if (groups[0].empty() && end >= text.size()) return;
  }
}

// Every match: of one group its text, of several an array each. `wanted` holds group numbers or names.
std::optional<Json> extract_all(std::string_view pattern, std::optional<std::string_view> wanted,
                                std::string_view text) {
  const re2::RE2& regex = cached_regex(pattern);
  std::vector<int> numbers;
  if (wanted) {
    for (const std::string_view element : json_elements(*wanted)) {
      if (const auto number = json_long(element)) {
        if (*number < 0 || *number > regex.NumberOfCapturingGroups()) continue;
        numbers.push_back(static_cast<int>(*number));
      } else {
        const auto& names = regex.NamedCapturingGroups();
        const auto found = names.find(json_text(element));
        if (found != names.end()) numbers.push_back(found->second);
      }
    }
  } else {
    for (int i = 1; i <= regex.NumberOfCapturingGroups(); ++i) numbers.push_back(i);
    if (numbers.empty()) {
      throw std::invalid_argument("extract_all(): the regular expression has no capture group");
    }
  }
  JsonArray out;
  bool any = false;
  for_each_match(regex, text, 0, [&](const std::vector<re2::StringPiece>& groups) {
    any = true;
    if (numbers.size() == 1) {
      out.add_string(view(groups[numbers[0]]));
    } else {
      JsonArray match;
      for (const int number : numbers) match.add_string(view(groups[number]));
      out.add(match.finish().text);
    }
    return true;
  });
  if (!any) return std::nullopt;
  return out.finish();
}

std::string replace_regex(std::string_view text, std::string_view pattern,
                          std::string_view rewrite) {
  const re2::RE2& regex = cached_regex(pattern);
  std::string out;
  size_t copied = 0;
  for_each_match(regex, text, 0, [&](const std::vector<re2::StringPiece>& groups) {
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
        if (number < groups.size()) out += view(groups[number]);
      } else {
        if (next != '\\') out += '\\';
        out += next;
      }
    }
    if (out.size() > kMaxTextBytes)
      throw std::length_error("a string result is longer than 64 MiB");
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
  for_each_match(cached_regex(pattern), text.substr(0, end), begin,
                 [&](const std::vector<re2::StringPiece>& groups) {
                   if (--occurrence > 0) return true;
                   found = count_characters(text.substr(0, groups[0].data() - text.data()));
                   return false;
                 });
  return found;
}

// How far a match that begins at the text's start reaches.
size_t leading_match(const re2::RE2& regex, std::string_view text) {
  re2::StringPiece match;
  return regex.Match(piece(text), 0, text.size(), re2::RE2::ANCHOR_START, &match, 1) ? match.size()
                                                                                     : 0;
}
const re2::RE2& cached_end_regex(std::string_view pattern) {
  thread_local CachedByText<std::unique_ptr<re2::RE2>> cache;
  return *cache.get(
      pattern, [](std::string_view text) { return compile("(?:" + std::string(text) + ")\\z"); });
}
size_t trailing_match(std::string_view pattern, std::string_view text) {
  re2::StringPiece match;
  const re2::RE2& regex = cached_end_regex(pattern);
  return regex.Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, &match, 1) ? match.size()
                                                                                   : 0;
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
  return re2::RE2::QuoteMeta(piece(text));
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

}  // namespace rivulet::query
