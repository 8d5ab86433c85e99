#include "commands/reader.h"

#include "commands/text.h"
#include "common/error.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

using kql::Token;

// The words of a token: a name, or a literal that is written as one ("true", "10d").
bool is_wordlike(const Token& token) {
  return token.kind == Token::Kind::kName ||
         (token.kind == Token::Kind::kLiteral && !token.is_string());
}

}  // namespace

std::optional<std::string> Properties::find(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return std::nullopt;
}

bool Properties::flag(std::string_view name, bool otherwise) const {
  auto value = find(name);
  if (!value) return otherwise;
  auto parsed = parse_bool(*value);
  if (!parsed) throw bad_request("Property '" + std::string(name) + "' must be true or false");
  return *parsed;
}

std::optional<int64_t> Properties::datetime(std::string_view name) const {
  auto value = find(name);
  if (!value) return std::nullopt;
  std::string_view bare = trim(*value);
  if (bare.starts_with("datetime(") && bare.ends_with(")")) {
    bare = trim(bare.substr(9, bare.size() - 10));
  }
  auto ticks = parse_datetime(bare);
  if (!ticks) {
    throw bad_request("Property '" + std::string(name) + "' must be a datetime, and is " + *value);
  }
  return ticks;
}

void Properties::check_known(std::span<const std::string_view> known) const {
  for (const auto& [key, value] : items_) {
    bool is_known = false;
    for (std::string_view candidate : known)
      is_known = is_known || equals_ignoring_case(key, candidate);
    if (is_known) continue;
    std::string message = "Property '" + key + "' is not known to this command, which takes";
    for (std::string_view candidate : known) message += " " + std::string(candidate);
    throw bad_request(message);
  }
}

std::pair<std::string, size_t> CommandReader::scan_word() {
  if (!is_wordlike(tokens_.peek())) return {"", 0};
  std::string word = lower_case(tokens_.peek().text);
  size_t count = 1;
  while (tokens_.peek(count).is("-") && !tokens_.peek(count).has_space_before &&
         is_wordlike(tokens_.peek(count + 1)) && !tokens_.peek(count + 1).has_space_before) {
    word += "-" + lower_case(tokens_.peek(count + 1).text);
    count += 2;
  }
  return {std::move(word), count};
}

std::string CommandReader::peek_word() {
  return scan_word().first;
}

bool CommandReader::try_word(std::string_view word) {
  auto [found, count] = scan_word();
  if (found != word) return false;
  reset(mark() + count);
  return true;
}

void CommandReader::expect_word(std::string_view word) {
  if (!try_word(word)) fail_expected("'" + std::string(word) + "'");
}

std::string CommandReader::word(std::string_view what) {
  auto [found, count] = scan_word();
  if (count == 0) fail_expected(what);
  reset(mark() + count);
  return found;
}

bool CommandReader::at_name() {
  return tokens_.at_name() || is_wordlike(tokens_.peek()) || at_string();
}

std::string CommandReader::name(std::string_view what) {
  if (tokens_.at_name()) return tokens_.read_name(what);
  if (at_string()) return string_literal(what);
  if (!is_wordlike(tokens_.peek())) fail_expected(what);
  return std::string(tokens_.next().text);
}

EntityName CommandReader::entity_name(std::string_view what) {
  EntityName entity;
  if (try_symbol("*")) {
    entity.is_wildcard = true;
    return entity;
  }
  do {
    entity.parts.push_back(name(what));
  } while (try_symbol("."));
  return entity;
}

std::vector<std::string> CommandReader::name_list(std::string_view what) {
  std::vector<std::string> names;
  expect_symbol("(");
  do {
    std::string read = at_symbol("*") ? "" : name(what);
    while (try_symbol("*")) {
      read += '*';
      if (at_name()) read += name(what);
    }
    names.push_back(std::move(read));
  } while (try_symbol(","));
  expect_symbol(")");
  return names;
}

std::string CommandReader::one_string(std::string_view what) {
  if (!at_string()) fail_expected(what);
  return std::get<std::string>(tokens_.next().literal.value);
}

std::vector<ColumnSpec> CommandReader::column_list() {
  std::vector<ColumnSpec> columns;
  expect_symbol("(");
  do {
    ColumnSpec column;
    column.name = name("the name of a column");
    expect_symbol(":");
    column.type = scalar_type();
    columns.push_back(std::move(column));
  } while (try_symbol(","));
  expect_symbol(")");
  return columns;
}

int64_t CommandReader::timespan(std::string_view what) {
  size_t start = mark();
  Token token = tokens_.next();
  if (token.kind == Token::Kind::kLiteral && token.literal.type == ScalarType::kTimeSpan &&
      !token.literal.is_null()) {
    return std::get<int64_t>(token.literal.value);
  }
  if (token.is_string()) {
    if (auto ticks = parse_timespan(std::get<std::string>(token.literal.value))) return *ticks;
  }
  reset(start);
  fail_expected(what);
}

int64_t CommandReader::whole_number(std::string_view what) {
  size_t start = mark();
  Token token = tokens_.next();
  if (token.kind == Token::Kind::kLiteral && token.literal.type == ScalarType::kLong &&
      !token.literal.is_null()) {
    return std::get<int64_t>(token.literal.value);
  }
  reset(start);
  fail_expected(what);
}

std::string CommandReader::datetime(std::string_view what) {
  size_t start = mark();
  Token token = tokens_.next();
  std::optional<Ticks> ticks;
  if (token.kind == Token::Kind::kLiteral && token.literal.type == ScalarType::kDateTime &&
      !token.literal.is_null()) {
    ticks = std::get<int64_t>(token.literal.value);
  } else if (token.is_string()) {
    ticks = parse_datetime(std::get<std::string>(token.literal.value));
  }
  if (!ticks) {
    reset(start);
    fail_expected(what);
  }
  std::string text;
  append_datetime(text, *ticks);
  return text;
}

bool CommandReader::boolean(std::string_view what) {
  if (try_word("true")) return true;
  if (try_word("false")) return false;
  fail_expected(what);
}

Guid CommandReader::guid(std::string_view what) {
  std::string_view text = tokens_.text();
  size_t start = consumed_end();
  while (start < text.size() && is_blank(text[start])) ++start;
  size_t end = start;
  while (end < text.size() && (is_hex_digit(text[end]) || text[end] == '-')) ++end;
  // A bare guid is no token of KQL, so it is cut out of the text.
  if (auto bare = parse_guid(text.substr(start, end - start))) {
    tokens_.take_raw(end);
    return *bare;
  }
  size_t before = mark();
  if (at_string()) {
    if (auto quoted = parse_guid(string_literal(what))) return *quoted;
    reset(before);
  }
  fail_expected(what);
}

Properties CommandReader::properties() {
  Properties properties;
  if (!try_word("with")) return properties;
  expect_symbol("(");
  if (try_symbol(")")) return properties;
  do {
    std::string key = name("the name of a property");
    expect_symbol("=");
    if (at_string()) {
      properties.add(std::move(key), string_literal("the value of a property"));
      continue;
    }
    size_t start = tokens_.peek().offset;
    int depth = 0;
    while (depth > 0 || (!at_symbol(",") && !at_symbol(")"))) {
      Token token = tokens_.next();
      if (token.kind == Token::Kind::kEnd) fail_expected("')'");
      if (token.is("(") || token.is("[") || token.is("{")) ++depth;
      if (token.is(")") || token.is("]") || token.is("}")) --depth;
    }
    if (consumed_end() <= start) fail_expected("the value of a property");
    std::string_view value = tokens_.text().substr(start, consumed_end() - start);
    properties.add(std::move(key), std::string(value));
  } while (try_symbol(","));
  expect_symbol(")");
  return properties;
}

std::string_view CommandReader::bracketed(std::string_view open, std::string_view close) {
  if (!at_symbol(open)) fail_expected("'" + std::string(open) + "'");
  size_t start = tokens_.peek().offset;
  int depth = 0;
  do {
    Token token = tokens_.next();
    if (token.kind == Token::Kind::kEnd) fail_expected("'" + std::string(close) + "'");
    if (token.is(open)) ++depth;
    if (token.is(close)) --depth;
  } while (depth > 0);
  return tokens_.text().substr(start, consumed_end() - start);
}

std::string_view CommandReader::take_rest() {
  std::string_view taken = rest();
  tokens_.take_raw(tokens_.text().size());
  return taken;
}

bool CommandReader::at_command_end() {
  return tokens_.at_end() || at_symbol("|") || at_symbol(";");
}

void CommandReader::fail(std::string_view message) {
  tokens_.fail(message, tokens_.peek().position);
}

}  // namespace rivulet::commands
