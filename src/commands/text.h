#pragma once

#include <string>
#include <string_view>

#include "types/shortened.h"
#include "types/text_scanner.h"

// Small helpers for the text of commands and their answers.
namespace rivulet::commands {

using text::equals_ignoring_case;
using text::is_blank;
using text::trim;

inline bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// ASCII letters only.
std::string lower_case(std::string_view text);

// The name as it must be written in KQL: bare, or ['quoted'].
std::string quoted_name(std::string_view name);
// A string literal of KQL with the text as its value.
std::string quoted_string(std::string_view text);

// Kusto's rules for the names of entities: 1 to 1,024 characters, letters, digits, '_', ' ', '.' and
// '-', no '__' at an end. `kind` reads like "table". Throws invalid_entity_name.
void check_entity_name(std::string_view kind, std::string_view name);

}  // namespace rivulet::commands
