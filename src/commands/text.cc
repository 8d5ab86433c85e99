#include "commands/text.h"

#include "common/error.h"

namespace rivulet::commands {
namespace {

constexpr size_t kMaxNameCharacters = 1024;

bool is_letter_or_digit(char c) {
  return text::is_letter(c) || text::is_digit(c);
}
bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = text::to_lower(c);
  return lower;
}

std::string quoted_name(std::string_view name) {
  bool is_bare = !name.empty() && !(name.front() >= '0' && name.front() <= '9');
  for (char c : name) is_bare = is_bare && (is_letter_or_digit(c) || c == '_');
  return is_bare ? std::string(name) : "[" + quoted_string(name) + "]";
}

std::string quoted_string(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    switch (c) {
      case '\'':
        quoted += "\\'";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      default:
        quoted += c;
    }
  }
  return quoted + "'";
}

void check_entity_name(std::string_view kind, std::string_view name) {
  auto fail = [&](std::string_view why) {
    throw invalid_entity_name(name, "the name of a " + std::string(kind) + " " + std::string(why));
  };
  size_t characters = 0;
  for (char c : name) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++characters;
    if (is_ascii(c) && !is_letter_or_digit(c) && c != '_' && c != ' ' && c != '.' && c != '-') {
      fail("may hold letters, digits, underscores, spaces, dots and dashes only");
    }
  }
  if (characters == 0) fail("must not be empty");
  if (characters > kMaxNameCharacters) fail("may have at most 1024 characters");
  // To whoever resolves an address these are the folder and the one above it.
  if (name == "." || name == "..") fail("must not be '.' or '..': no address can carry it");
  if (name.starts_with("__") || name.ends_with("__")) {
    fail("must not start or end with two underscores, which are reserved");
  }
}

}  // namespace rivulet::commands
