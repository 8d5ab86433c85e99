#include "sources/text_encoding.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <unicode/ucnv.h>

#include "common/error.h"
#include "types/text_scanner.h"

namespace rivulet::sources {
namespace {

using text::equals_ignoring_case;

struct CloseConverter {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};

// The names by which ICU means another byte order than .NET, or none.
constexpr std::array<std::pair<std::string_view, const char*>, 7> kNames = {{
    {"utf-16", "UTF-16LE"},
    {"utf16", "UTF-16LE"},
    {"unicode", "UTF-16LE"},
    {"ucs-2", "UTF-16LE"},
    {"iso-10646-ucs-2", "UTF-16LE"},
    {"unicodeFFFE", "UTF-16BE"},
    {"utf-32", "UTF-32LE"},
}};

// ICU's name of the encoding; empty when it knows none.
std::string icu_name(std::string_view encoding) {
  for (const auto& [name, known] : kNames) {
    if (equals_ignoring_case(encoding, name)) return known;
  }
  // Others could name a file, or an option of a converter.
  bool is_name =
      encoding.size() < UCNV_MAX_CONVERTER_NAME_LENGTH && std::ranges::all_of(encoding, [](char c) {
        return text::is_letter(c) || text::is_digit(c) || c == '-' || c == '_';
      });
  std::string name(is_name ? encoding : "");
  UErrorCode status = U_ZERO_ERROR;
  return !name.empty() && ucnv_countAliases(name.c_str(), &status) > 0 ? name : "";
}

}  // namespace

bool is_utf8_name(std::string_view encoding) {
  return std::ranges::any_of(
      std::array<std::string_view, 5>{"", "utf-8", "utf8", "us-ascii", "ascii"},
      [&](std::string_view name) { return equals_ignoring_case(encoding, name); });
}

std::string to_utf8(std::string_view encoding, std::string_view bytes) {
  UErrorCode status = U_ZERO_ERROR;
  std::string name = icu_name(encoding);
  std::unique_ptr<UConverter, CloseConverter> converter;
  if (!name.empty()) converter.reset(ucnv_open(name.c_str(), &status));
  if (converter == nullptr || U_FAILURE(status)) {
    if (status == U_MEMORY_ALLOCATION_ERROR) throw std::bad_alloc();
    throw bad_request(fmt::format("The encoding '{}' is not known.", encoding.substr(0, 100)));
  }
  // One byte becomes one character at most, or all of those of a sequence one.
  std::string out(3 * bytes.size(), '\0');
  for (;;) {
    constexpr size_t kMax = std::numeric_limits<int32_t>::max();
    if (out.size() > kMax) throw payload_too_large("The event is too large for its encoding.");
    status = U_ZERO_ERROR;
    int32_t size =
        ucnv_toAlgorithmic(UCNV_UTF8, converter.get(), out.data(), static_cast<int32_t>(out.size()),
                           bytes.data(), static_cast<int32_t>(bytes.size()), &status);
    if (status != U_BUFFER_OVERFLOW_ERROR) {
      if (U_FAILURE(status)) {
        throw bad_request(
            fmt::format("The event cannot be read as {}: {}.", name, u_errorName(status)));
      }
      out.resize(static_cast<size_t>(size));
      return out;
    }
    out.resize(static_cast<size_t>(size));
  }
}

}  // namespace rivulet::sources
