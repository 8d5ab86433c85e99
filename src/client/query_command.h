#pragma once

#include <string>

namespace rivulet::client {

struct QueryArguments {
  std::string server = "http://127.0.0.1:8080";
  std::string database = "NetDefaultDB";
  std::string format = "table";
  std::string token;
  std::string text;
};

// `rivulet query`: sends the text, prints the results. 0, or 1 for an error that the server or the
// connection gave.
int run_query(const QueryArguments& arguments);

}  // namespace rivulet::client
