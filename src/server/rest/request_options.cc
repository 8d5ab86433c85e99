#include "server/rest/request_options.h"

#include <fmt/format.h>

#include "common/error.h"
#include "server/http/request.h"
#include "types/json.h"
#include "types/text.h"

namespace rivulet::server {
namespace {

void set_option(kql::RequestProperties& properties, std::string_view name, std::string_view value) {
  kql::Literal literal{ScalarType::kDynamic, std::string(value)};
  const JsonKind kind = json_kind(value);
  if (kind == JsonKind::kNull) return;
  if (kind == JsonKind::kBool) literal = {ScalarType::kBool, value == "true"};
  if (kind == JsonKind::kString) literal = {ScalarType::kString, json_text(value)};
  if (is_json_number(value)) {
    std::optional<int64_t> whole = kind == JsonKind::kLong ? json_long(value) : std::nullopt;
    literal = whole ? kql::Literal{ScalarType::kLong, *whole}
                    : kql::Literal{ScalarType::kReal, json_double(value).value_or(0)};
  }
  kql::set_property(properties, name, literal, kql::PropertyOrigin::kRequest);
}

// Null is as good as none.
void check_object(std::string_view json, std::string_view name) {
  const JsonKind kind = json_kind(json);
  if (kind != JsonKind::kObject && kind != JsonKind::kNull) {
    throw bad_request(fmt::format("The request's '{}' are not a JSON object.", name));
  }
}

void read_properties(std::string_view properties, QueryBody& body) {
  check_object(properties, "properties");
  for_each_member(properties, [&body](std::string_view key, std::string_view members) {
    std::string name = json_text(key);
    if (equals_ignoring_case(name, "ClientRequestId")) {
      body.client_request_id = json_text(members);
    } else if (equals_ignoring_case(name, "Options")) {
      check_object(members, name);
      for_each_member(members, [&body](std::string_view option, std::string_view value) {
        set_option(body.options.properties, json_text(option), value);
        return true;
      });
    } else if (equals_ignoring_case(name, "Parameters")) {
      check_object(members, name);
      for_each_member(members, [&body](std::string_view parameter, std::string_view value) {
        body.options.parameters[json_text(parameter)] = json_text(value);
        return true;
      });
    }
    return true;
  });
}

}  // namespace

void parse_properties(std::string_view text, QueryBody& body) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
  std::string json;
  if (auto fault = read_json(json, text)) {
    throw bad_request(fmt::format("The request's 'properties' are not valid JSON: {}, at byte {}.",
                                  fault->why, fault->offset));
  }
  read_properties(json, body);
}

QueryBody parse_query_body(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!is_valid_utf8(text)) throw bad_request("The request body is not valid UTF-8.");
  std::string json;
  if (auto fault = read_json(json, text)) {
    throw bad_request(fmt::format("The request body is not a JSON object: {}, at byte {}.",
                                  fault->why, fault->offset));
  }
  if (json_kind(json) != JsonKind::kObject) {
    throw bad_request("The request body is not a JSON object.");
  }
  QueryBody body;
  bool has_text = false;
  for_each_member(json, [&](std::string_view key, std::string_view value) {
    std::string name = json_text(key);
    if (equals_ignoring_case(name, "db")) {
      body.database = json_text(value);
    } else if (equals_ignoring_case(name, "csl")) {
      if (json_kind(value) != JsonKind::kString)
        throw bad_request("The request's 'csl' is not a string.");
      body.text = json_text(value);
      has_text = true;
    } else if (equals_ignoring_case(name, "properties")) {
      if (json_kind(value) == JsonKind::kString) {
        parse_properties(json_text(value), body);
      } else {
        read_properties(value, body);
      }
    }
    return true;
  });
  if (!has_text) throw bad_request("The request body has no 'csl' with the text of the query.");
  return body;
}

QueryBody parse_query_target(const Target& target) {
  QueryBody body;
  std::optional<std::string> text = target.parameter("csl");
  if (!text) throw bad_request("The request has no parameter 'csl' with the text of the query.");
  if (!is_valid_utf8(*text)) throw bad_request("The parameter 'csl' is not valid UTF-8.");
  body.text = std::move(*text);
  body.database = target.parameter("db").value_or("");
  if (auto properties = target.parameter("properties")) parse_properties(*properties, body);
  return body;
}

}  // namespace rivulet::server
