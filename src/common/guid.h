#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rivulet {

// A 128-bit identifier, and the value of Kusto's guid type. The first hexadecimal digit of the text
// form is the highest nibble of `hi`.
struct Guid {
  uint64_t hi = 0;
  uint64_t lo = 0;

  friend auto operator<=>(const Guid&, const Guid&) = default;
};

// A random (version 4) guid. Thread-safe.
Guid new_guid();
// Lower case with hyphens: "74be27de-1e4e-49d9-b579-fe0b331d3642".
std::string to_string(const Guid& guid);
// Takes the forms that .NET takes: with or without hyphens, in braces or parentheses, any case.
std::optional<Guid> parse_guid(std::string_view text);

}  // namespace rivulet
