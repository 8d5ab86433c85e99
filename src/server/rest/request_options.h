#pragma once

#include <map>
#include <string>
#include <string_view>

#include "kql/bind/request_properties.h"
#include "server/http/target.h"

namespace rivulet::server {

// What a query or command sends beside its text.
struct RequestOptions {
  kql::RequestProperties properties;
  std::map<std::string, std::string> parameters;
};

// A query or command as its body, or the URL of a GET, gives it.
struct QueryBody {
  std::string database;  // as sent: may be empty
  std::string text;
  std::string client_request_id;  // of the properties, where clients without headers put it
  RequestOptions options;
};

// Throws bad_request for what is no such JSON, and what kql::set_property throws. Options that no property has the
// name of are ignored: clients send their own.
QueryBody parse_query_body(std::string_view json);
QueryBody parse_query_target(const Target& target);
// `properties` as text: {"Options":{…},"Parameters":{…}}.
void parse_properties(std::string_view json, QueryBody& body);

}  // namespace rivulet::server
