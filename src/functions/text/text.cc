#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/stringpiece.h>
#include <algorithm>
#include <unordered_map>
#include <vector>

#include "functions/families.h"
#include "functions/fold.h"
#include "functions/json/json.h"
#include "functions/utf8.h"
#include "types/text.h"

// Functions of strings; positions and lengths count characters.
namespace rivulet::functions {

namespace {

constexpr int64_t kMaxRepeats = 1024;

int64_t length(std::string_view text) {
  return count_characters(text);
}
int64_t size(std::string_view text) {
  return static_cast<int64_t>(text.size());
}

std::string substring(std::string_view text, int64_t start, int64_t count) {
  if (start < 0) start = std::max<int64_t>(0, count_characters(text) + start);
  if (count <= 0) return {};
  const size_t begin = character_offset(text, start);
  const size_t end = character_offset(text, count, begin);
  return std::string(text.substr(begin, end - begin));
}

// Where the occurrence begins, or -1. Null for an occurrence below 1 or a length below -1.
std::optional<int64_t> index_of(std::string_view text, std::string_view needle, int64_t start,
                                int64_t count, int64_t occurrence) {
  if (occurrence < 1 || count < -1) return std::nullopt;
  const int64_t characters = count_characters(text);
  if (start < 0) start = std::max<int64_t>(0, characters + start);
  if (start > characters) return -1;
  const size_t begin = character_offset(text, start);
  const size_t end = count < 0 ? text.size() : character_offset(text, count, begin);
  const std::string_view window = text.substr(0, end);
  size_t at = begin;
  while ((at = find_bytes(window, needle, at)) != std::string_view::npos) {
    if (--occurrence == 0) return count_characters(text.substr(0, at));
    at = character_offset(window, 1, at);
    if (needle.empty() && at >= window.size()) break;
  }
  return -1;
}

std::vector<std::string_view> split_parts(std::string_view text, std::string_view delimiter) {
  std::vector<std::string_view> parts;
  if (delimiter.empty()) {
    parts.push_back(text);
    return parts;
  }
  size_t begin = 0;
  while (true) {
    const size_t at = find_bytes(text, delimiter, begin);
    if (at == std::string_view::npos) break;
    count_work(kJsonStepWork);
    parts.push_back(text.substr(begin, at - begin));
    begin = at + delimiter.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

Json split(std::string_view text, std::string_view delimiter) {
  JsonArray out;
  for (const std::string_view part : split_parts(text, delimiter)) out.add_string(part);
  return out.finish();
}
Json split_at(std::string_view text, std::string_view delimiter, int64_t index) {
  JsonArray out;
  const auto parts = split_parts(text, delimiter);
  const int64_t count = static_cast<int64_t>(parts.size());
  if (index < 0) index += count;
  if (index >= 0 && index < count) out.add_string(parts[index]);
  return out.finish();
}

// What || of the engine does too, in memory that nobody counts.
std::string concatenate(Rest<std::string_view> values) {
  size_t size = 0;
  for (const auto& value : values) size += value.value_or("").size();
  check_text_size(size);
  std::string out;
  out.reserve(size);
  for (const auto& value : values) out += value.value_or("");
  return out;
}

std::string join(std::string_view delimiter, Rest<std::string_view> values) {
  std::string out;
  bool is_first = true;
  for (const auto& value : values) {
    if (!is_first) out += delimiter;
    is_first = false;
    out += value.value_or("");
    check_text_size(out.size());
  }
  return out;
}
std::string join_array(std::string_view array, std::string_view delimiter) {
  std::string out;
  bool is_first = true;
  for_each_element(array, [&](std::string_view element) {
    if (!is_first) out += delimiter;
    is_first = false;
    out += json_text(element);
    check_text_size(out.size());
    return true;
  });
  return out;
}

std::string replace_all(std::string_view text, std::string_view needle,
                        std::string_view replacement) {
  if (needle.empty()) return std::string(text);
  std::string out;
  size_t begin = 0;
  while (true) {
    const size_t at = find_bytes(text, needle, begin);
    if (at == std::string_view::npos) break;
    out += text.substr(begin, at - begin);
    out += replacement;
    check_text_size(out.size());
    begin = at + needle.size();
  }
  out += text.substr(begin);
  return out;
}
// A part of a text, and what stands in its place, where a lookup matched it.
struct Piece {
  std::string_view text;
  bool is_matched = false;
  std::string replacement;
};
// Every lookup searches what those before it have left. The replacements are an array of as many; a
// match stays as it is where its replacement is no string.
std::optional<std::string> replace_strings(std::string_view text, std::string_view lookups,
                                           std::string_view replacements) {
  const auto needles = json_elements(lookups);
  const auto rewrites = json_elements(replacements);
  check_search(needles.size(), text.size());
  std::vector<Piece> pieces = {{text}};
  for (size_t i = 0; i < needles.size(); ++i) {
    if (json_kind(needles[i]) != JsonKind::kString) continue;
    const std::string needle = json_text(needles[i]);
    if (needle.empty()) continue;
    const std::string_view rewrite = i < rewrites.size() ? rewrites[i] : std::string_view();
    const bool is_string = json_kind(rewrite) == JsonKind::kString;
    std::vector<Piece> next;
    for (Piece& piece : pieces) {
      count_work(2 * kJsonStepWork);
      if (piece.is_matched) {
        next.push_back(std::move(piece));
        continue;
      }
      size_t begin = 0;
      for (size_t at; (at = find_bytes(piece.text, needle, begin)) != std::string_view::npos;
           begin = at + needle.size()) {
        count_work(4 * kJsonStepWork + rewrite.size());
        next.push_back({piece.text.substr(begin, at - begin)});
        next.push_back({{}, true, is_string ? json_text(rewrite) : needle});
      }
      next.push_back({piece.text.substr(begin)});
    }
    pieces = std::move(next);
  }
  std::string out;
  for (const Piece& piece : pieces) {
    if (piece.is_matched) {
      out += piece.replacement;
    } else {
      out += piece.text;
    }
    check_text_size(out.size());
  }
  return out;
}

std::string reverse(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t end = text.size();
  while (end > 0) {
    count_work(4);
    size_t begin = end - 1;
    while (begin > 0 && is_continuation(text[begin])) --begin;
    out += text.substr(begin, end - begin);
    end = begin;
  }
  return out;
}

std::string repeat_string(std::string_view text, int64_t count, std::string_view delimiter) {
  std::string out;
  count = std::min(count, kMaxRepeats);
  for (int64_t i = 0; i < count; ++i) {
    count_work(delimiter.size() + text.size());
    if (i > 0) out += delimiter;
    out += text;
    check_text_size(out.size());
  }
  return out;
}

int64_t count_of(std::string_view text, std::string_view needle) {
  if (needle.empty()) return 0;
  int64_t count = 0;
  for (size_t at = 0; (at = find_bytes(text, needle, at)) != std::string_view::npos; ++at) ++count;
  return count;
}

int64_t compare(std::string_view a, std::string_view b) {
  const int order = a.compare(b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

// The characters of `text` found in `from` become those at the same place in `to` (its last character
// where `to` is shorter; nothing where it is empty).
std::string translate(std::string_view from, std::string_view to, std::string_view text) {
  std::unordered_map<uint32_t, size_t> places;  // of each character's first place in `from`
  const auto search = to_code_points(from);
  for (size_t i = 0; i < search.size(); ++i) places.try_emplace(search[i], i);
  const auto replacement = to_code_points(to);
  std::string out;
  for (const uint32_t c : to_code_points(text)) {
    count_work(kJsonStepWork);
    const auto found = places.find(c);
    if (found == places.end()) {
      append_code_point(out, c);
    } else if (!replacement.empty()) {
      append_code_point(out, replacement[std::min<size_t>(found->second, replacement.size() - 1)]);
    }
  }
  return out;
}

Json code_points(std::string_view text) {
  JsonArray out;
  for (const uint32_t c : to_code_points(text)) out.add_long(c);
  return out.finish();
}
void append_from_json(std::string& out, std::string_view value, int depth) {
  check_json_depth(depth);
  if (json_kind(value) == JsonKind::kArray) {
    for_each_element(value, [&](std::string_view element) {
      append_from_json(out, element, depth + 1);
      return true;
    });
  } else if (const auto code = json_long(value); code && *code > 0 && *code <= 0x10FFFF) {
    append_code_point(out, static_cast<uint32_t>(*code));
  }
}
std::string from_code_points(Rest<std::string_view> values) {
  std::string out;
  for (const auto& value : values) {
    if (value) append_from_json(out, *value, 0);
  }
  return out;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}
bool is_utf8(std::string_view text) {
  return is_valid_utf8(text);
}

template <bool kIsUpper>
std::string with_case(std::string_view text) {
  std::string out;
  UErrorCode status = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&out, static_cast<int32_t>(text.size()));
  const icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
  if (kIsUpper) {
    icu::CaseMap::utf8ToUpper("", 0, piece, sink, nullptr, status);
  } else {
    icu::CaseMap::utf8ToLower("", 0, piece, sink, nullptr, status);
  }
  return U_FAILURE(status) ? std::string(text) : out;
}

constexpr Udf kFunctions[] = {
    udf<length>("k_strlen"),
    udf<size>("k_string_size"),
    udf<substring>("k_substring"),
    udf<index_of>("k_indexof"),
    udf<split>("k_split"),
    udf<split_at>("k_split_at"),
    udf<concatenate>("k_strcat"),
    udf<join>("k_join"),
    udf<join_array>("k_join_array"),
    udf<replace_all>("k_replace_string"),
    udf<replace_strings>("k_replace_strings"),
    udf<reverse>("k_reverse"),
    udf<repeat_string>("k_strrep"),
    udf<count_of>("k_countof"),
    udf<compare>("k_strcmp"),
    udf<translate>("k_translate"),
    udf<code_points>("k_code_points"),
    udf<from_code_points>("k_from_code_points"),
    udf<is_ascii>("k_isascii"),
    udf<is_utf8>("k_isutf8"),
    udf<with_case<true>>("k_toupper"),
    udf<with_case<false>>("k_tolower"),
};

}  // namespace

std::span<const Udf> text_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
