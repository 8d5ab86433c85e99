#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

namespace rivulet::client {

// A v1 or v2 answer as a client reads it. The tables point into it.
class Answer {
 public:
  struct Table {
    std::vector<std::string> columns;
    std::vector<std::string> types;
    std::vector<simdjson::dom::array> rows;
  };

  // Throws ClientError for what is no answer of a Kusto server.
  explicit Answer(std::string_view json);

  // Results without the tables that describe them.
  const std::vector<Table>& results() const { return results_; }
  // What went wrong while the answer was made; empty when it is whole.
  const std::string& error() const { return error_; }

 private:
  void read_table(const simdjson::dom::element& table);
  void read_v1(const simdjson::dom::element& root);
  void read_v2(const simdjson::dom::array& frames);

  simdjson::dom::parser parser_;
  std::vector<Table> results_;
  std::string error_;
};

// Aligned columns under their names, for people.
std::string as_text_table(const Answer::Table& table);
// With a line of column names.
std::string as_csv(const Answer::Table& table);
// One object a line.
std::string as_json_lines(const Answer::Table& table);

}  // namespace rivulet::client
