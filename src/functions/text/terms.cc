#include <unicode/uchar.h>
#include <unicode/utf8.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "functions/families.h"
#include "functions/fold.h"
#include "functions/json/json.h"
#include "functions/udf.h"
#include "kql/syntax/literal.h"
#include "types/text.h"

// The string operators: whole terms (has and its kin), parts (contains, startswith, …), with and without
// regard to case. A term is a maximal run of letters and digits, of any script.
namespace rivulet::functions {

namespace {

bool is_term_byte_ascii(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Whether a letter or digit ends just before `at`, or begins there.
bool term_before(std::string_view text, size_t at) {
  if (at == 0) return false;
  const unsigned char last = text[at - 1];
  if (last < 0x80) return is_term_byte_ascii(last);
  int32_t i = static_cast<int32_t>(at);
  UChar32 c;
  U8_PREV(reinterpret_cast<const uint8_t*>(text.data()), 0, i, c);
  return c > 0 && u_isalnum(c);
}
bool term_after(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  const unsigned char first = text[at];
  if (first < 0x80) return is_term_byte_ascii(first);
  int32_t i = static_cast<int32_t>(at);
  UChar32 c;
  U8_NEXT(reinterpret_cast<const uint8_t*>(text.data()), i, static_cast<int32_t>(text.size()), c);
  return c > 0 && u_isalnum(c);
}

enum class Edges { kBoth, kStart, kEnd };

// Whether `needle` occurs in `text` between the borders of terms.
template <auto kFind>
bool has_term(std::string_view text, std::string_view needle, Edges edges) {
  if (needle.empty()) return true;
  // A border is only missing where both sides of it belong to one term.
  const bool starts_in_term = edges != Edges::kEnd && term_after(needle, 0);
  const bool ends_in_term = edges != Edges::kStart && term_before(needle, needle.size());
  size_t at = 0;
  while ((at = kFind(text, needle, at)) != std::string_view::npos) {
    const size_t end = at + needle.size();
    if (!(starts_in_term && term_before(text, at)) && !(ends_in_term && term_after(text, end))) {
      return true;
    }
    ++at;
  }
  return false;
}

template <Edges kEdges>
bool has_cs(std::string_view text, std::string_view needle) {
  return has_term<find_bytes>(text, needle, kEdges);
}

// Without regard to case. An ASCII needle is looked for in the text as it stands, any other in the
// folded text.
bool has_folded(std::string_view text, const FoldedNeedle& needle, Edges edges) {
  if (needle.is_ascii()) return has_term<find_ascii_folded>(text, needle.folded(), edges);
  thread_local Folder fold_text;
  return has_term<find_bytes>(fold_text(text), needle.folded(), edges);
}
template <Edges kEdges>
bool has(std::string_view text, std::string_view needle) {
  thread_local FoldedNeedle folded;
  folded.set(needle);
  return has_folded(text, folded, kEdges);
}

bool contains_cs(std::string_view text, std::string_view needle) {
  return find_bytes(text, needle, 0) != std::string_view::npos;
}
bool contains(std::string_view text, std::string_view needle) {
  thread_local FoldedNeedle folded;
  folded.set(needle);
  if (folded.is_ascii())
    return find_ascii_folded(text, folded.folded(), 0) != std::string_view::npos;
  thread_local Folder fold_text;
  return contains_cs(fold_text(text), folded.folded());
}
bool starts_with(std::string_view text, std::string_view needle) {
  thread_local FoldedNeedle folded;
  folded.set(needle);
  const std::string_view wanted = folded.folded();
  if (folded.is_ascii()) return find_ascii_folded(text.substr(0, wanted.size()), wanted, 0) == 0;
  thread_local Folder fold_text;
  return fold_text(text).starts_with(wanted);
}
bool ends_with(std::string_view text, std::string_view needle) {
  thread_local FoldedNeedle folded;
  folded.set(needle);
  const std::string_view wanted = folded.folded();
  if (folded.is_ascii()) {
    return text.size() >= wanted.size() &&
           find_ascii_folded(text.substr(text.size() - wanted.size()), wanted, 0) == 0;
  }
  thread_local Folder fold_text;
  return fold_text(text).ends_with(wanted);
}
bool equals(std::string_view a, std::string_view b) {
  thread_local FoldedNeedle folded;
  folded.set(b);
  if (folded.is_ascii())
    return a.size() == b.size() && find_ascii_folded(a, folded.folded(), 0) == 0;
  thread_local Folder fold_a;
  return fold_a(a) == folded.folded();
}
std::string fold(std::string_view text) {
  Folder folder;
  return std::string(folder(text));
}

// The strings of a JSON array (of a nested array, its elements).
std::vector<FoldedNeedle> folded_terms(std::string_view array) {
  std::vector<FoldedNeedle> terms;
  const auto add = [&](std::string_view value) { terms.emplace_back().set(json_text(value)); };
  if (json_kind(array) != JsonKind::kArray) {
    add(array);
    return terms;
  }
  for_each_element(array, [&](std::string_view element) {
    if (json_kind(element) == JsonKind::kArray) {
      for_each_element(element, [&](std::string_view inner) {
        add(inner);
        return true;
      });
    } else {
      add(element);
    }
    return true;
  });
  return terms;
}

const std::vector<FoldedNeedle>& cached_terms(std::string_view array) {
  return kept_by_call<CachedByText<std::vector<FoldedNeedle>>>().get(
      array, [](std::string_view text) {
        std::vector<FoldedNeedle> terms = folded_terms(text);
        hold_in_call(3 * text.size() + terms.capacity() * sizeof(FoldedNeedle));
        return terms;
      });
}

int64_t has_any_index(std::string_view text, std::string_view array) {
  const auto& terms = cached_terms(array);
  check_search(terms.size(), text.size());
  const auto found = std::find_if(terms.begin(), terms.end(), [&](const FoldedNeedle& term) {
    return has_folded(text, term, Edges::kBoth);
  });
  return found == terms.end() ? -1 : found - terms.begin();
}
bool has_any(std::string_view text, std::string_view array) {
  return has_any_index(text, array) >= 0;
}
bool has_all(std::string_view text, std::string_view array) {
  const auto& terms = cached_terms(array);
  check_search(terms.size(), text.size());
  return std::all_of(terms.begin(), terms.end(), [&](const FoldedNeedle& term) {
    return has_folded(text, term, Edges::kBoth);
  });
}

// Whether the text is what the pattern says, in which a '*' stands for any text. Each part between two stars is taken
// where it first stands: no other place leaves more for the parts behind it.
bool like_cs(std::string_view text, std::string_view pattern) {
  size_t star = pattern.find('*');
  if (star == std::string_view::npos) return text == pattern;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  text.remove_prefix(star);
  pattern.remove_prefix(star + 1);
  while ((star = pattern.find('*')) != std::string_view::npos) {
    const size_t at = text.find(pattern.substr(0, star));
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + star);
    pattern.remove_prefix(star + 1);
  }
  return text.ends_with(pattern);
}
bool like(std::string_view text, std::string_view pattern) {
  return like_cs(fold(text), fold(pattern));
}

// A value as it is compared: equal numbers have one spelling, and strings one case where asked.
std::string comparable(std::string_view value, bool ignores_case) {
  switch (json_kind(value)) {
    case JsonKind::kReal: {
      const auto whole = json_long(value);
      std::string out;
      if (whole && static_cast<double>(*whole) == json_double(value)) {
        append_json_long(out, *whole);
        return out;
      }
      return std::string(value);
    }
    case JsonKind::kString:
      return '"' + (ignores_case ? fold(json_text(value)) : json_text(value));
    default:
      return std::string(value);
  }
}

// The other form of an element: of a text the number or bool that it spells, of any other value its text. Empty when
// there is none.
std::string other_form(std::string_view element) {
  switch (json_kind(element)) {
    case JsonKind::kString: {
      const std::string text = json_text(element);
      std::string number;
      if (const auto whole = kql::parse_whole(text)) {
        append_json_long(number, *whole);
      } else if (const auto real = parse_real(text); real && std::isfinite(*real)) {
        append_real(number, *real);
      } else if (const auto flag = parse_bool(text)) {
        number = *flag ? "true" : "false";
      }
      return number;
    }
    case JsonKind::kLong:
    case JsonKind::kReal:
    case JsonKind::kBool:
      return '"' + std::string(element);
    default:
      return {};
  }
}

// What a member of a set takes beside its text.
constexpr size_t kSetNodeBytes = 64;

template <bool kIgnoresCase, bool kTakesEitherForm>
bool in_array(std::string_view value, std::string_view array) {
  auto& cache = kept_by_call<CachedByText<std::unordered_set<std::string>>>();
  const auto& values = cache.get(array, [](std::string_view text) {
    std::unordered_set<std::string> set;
    for_each_element(text, [&](std::string_view element) {
      set.insert(comparable(element, kIgnoresCase));
      if (kTakesEitherForm) set.insert(other_form(element));
      if (set.size() % 1'024 == 0) hold_in_call(2 * text.size() + set.size() * kSetNodeBytes);
      return true;
    });
    hold_in_call(2 * text.size() + set.size() * kSetNodeBytes);
    return set;
  });
  return values.contains(comparable(value, kIgnoresCase));
}

// The elements of a list as the binder packs it: the texts between the separators, as Ts.
template <typename T, bool kFolds>
std::unordered_set<T> unpacked(std::string_view text) {
  constexpr char kSeparator = '\x01';
  std::unordered_set<T> set;
  while (true) {
    const size_t end = std::min(text.find(kSeparator), text.size());
    const std::string_view element = text.substr(0, end);
    count_work(kJsonStepWork + element.size());
    if constexpr (kFolds) {
      set.insert(std::string(Folder()(element)));
    } else if constexpr (std::is_arithmetic_v<T>) {
      T value = 0;
      std::from_chars(element.data(), element.data() + element.size(), value);
      set.insert(value);
    } else {
      set.insert(element);
    }
    if (end == text.size()) return set;
    text.remove_prefix(end + 1);
  }
}
template <typename T, typename Element, bool kFolds = false>
bool among(T value, std::string_view list) {
  auto& cache = kept_by_call<CachedByText<std::unordered_set<Element>>>();
  const auto& elements = cache.get(list, [](std::string_view text) {
    hold_in_call(2 * text.size());
    auto set = unpacked<Element, kFolds>(text);
    hold_in_call(2 * text.size() + set.size() * kSetNodeBytes);
    return set;
  });
  if constexpr (kFolds) {
    thread_local Folder fold;
    return elements.contains(std::string(fold(value)));
  } else {
    return elements.contains(value);
  }
}

constexpr Udf kFunctions[] = {
    udf<among<std::string_view, std::string_view>>("k_among"),
    udf<among<std::string_view, std::string, true>>("k_among_folded"),
    udf<among<int64_t, int64_t>>("k_among_long"),
    udf<among<double, double>>("k_among_real"),
    udf<has<Edges::kBoth>>("k_has"),
    udf<has_cs<Edges::kBoth>>("k_has_cs"),
    udf<has<Edges::kStart>>("k_has_prefix"),
    udf<has_cs<Edges::kStart>>("k_has_prefix_cs"),
    udf<has<Edges::kEnd>>("k_has_suffix"),
    udf<has_cs<Edges::kEnd>>("k_has_suffix_cs"),
    udf<contains>("k_contains"),
    udf<contains_cs>("k_contains_cs"),
    udf<starts_with>("k_starts_with"),
    udf<ends_with>("k_ends_with"),
    udf<equals>("k_equals_ci"),
    udf<fold>("k_fold"),
    udf<like>("k_like"),
    udf<like_cs>("k_like_cs"),
    udf<has_any>("k_has_any"),
    udf<has_all>("k_has_all"),
    udf<has_any_index>("k_has_any_index"),
    udf<in_array<false, false>>("k_in_array"),
    udf<in_array<true, false>>("k_in_array_ci"),
    udf<in_array<false, true>>("k_in_elements"),
    udf<in_array<true, true>>("k_in_elements_ci"),
};

}  // namespace

std::span<const Udf> term_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
