#include "kql/json_strings.h"

#include "kql/lexer.h"

namespace rivulet::kql {

bool read_json_strings(std::string_view json, std::vector<std::string>& strings) {
  if (json.size() < 2 || json.front() != '[' || json.back() != ']') return false;
  Lexer lexer(json.substr(1, json.size() - 2));
  Token token = lexer.next();
  while (token.kind != Token::Kind::kEnd) {
    if (!token.is_string()) return false;
    strings.push_back(std::get<std::string>(token.literal.value));
    token = lexer.next();
    if (token.kind == Token::Kind::kEnd) break;
    if (!token.is(",")) return false;
    token = lexer.next();
  }
  return true;
}

}  // namespace rivulet::kql
