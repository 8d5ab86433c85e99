#include "client/result_printer.h"

#include <algorithm>

#include <fmt/format.h>

#include "client/http_client.h"
#include "types/text.h"

namespace rivulet::client {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

std::string cell_text(const element& cell) {
  std::string_view text;
  if (cell.get(text) == simdjson::SUCCESS) return std::string(text);
  if (cell.is_null()) return "";
  return simdjson::minify(cell);
}

// Columns on a terminal, near enough: one for each code point.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// The text without what would break its line.
std::string on_one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text;
}

void append_padded(std::string& out, std::string_view text, size_t width, bool is_right) {
  size_t blanks = width - std::min(width, width_of(text));
  if (is_right) out.append(blanks, ' ');
  out += text;
  if (!is_right) out.append(blanks, ' ');
}

void end_line(std::string& out) {
  while (out.ends_with(' ')) out.pop_back();
  out += '\n';
}

std::string first_error_message(const object& holder) {
  for (std::string_view key : {"OneApiErrors", "Exceptions"}) {
    array errors;
    if (holder[key].get(errors) != simdjson::SUCCESS || errors.size() == 0) continue;
    element first = errors.at(0);
    std::string_view message;
    if (first.get(message) == simdjson::SUCCESS) return std::string(message);
    if (first["error"]["@message"].get(message) == simdjson::SUCCESS) return std::string(message);
    return simdjson::minify(first);
  }
  return {};
}

}  // namespace

Answer::Answer(std::string_view json) {
  element root;
  if (auto error = parser_.parse(json.data(), json.size()).get(root)) {
    throw ClientError(fmt::format("the answer is not JSON: {}", simdjson::error_message(error)));
  }
  array frames;
  if (root.get(frames) == simdjson::SUCCESS) {
    read_v2(frames);
  } else {
    read_v1(root);
  }
}

void Answer::read_table(const element& table) {
  Table result;
  array columns;
  array rows;
  if (table["Columns"].get(columns) != simdjson::SUCCESS ||
      table["Rows"].get(rows) != simdjson::SUCCESS) {
    throw ClientError("the answer holds a table without columns or rows");
  }
  for (element column : columns) {
    result.columns.push_back(cell_text(column["ColumnName"].value()));
    result.types.push_back(cell_text(column["ColumnType"].value()));
  }
  for (element row : rows) {
    array cells;
    object failure;
    if (row.get(cells) == simdjson::SUCCESS) {
      result.rows.push_back(cells);
    } else if (row.get(failure) == simdjson::SUCCESS && error_.empty()) {
      error_ = first_error_message(failure);
    }
  }
  results_.push_back(std::move(result));
}

void Answer::read_v1(const element& root) {
  array tables;
  if (root["Tables"].get(tables) != simdjson::SUCCESS)
    throw ClientError("the answer holds no tables");
  size_t count = tables.size();
  if (count <= 2) {
    if (count > 0) read_table(tables.at(0));
  } else {
    // The last table tells what the others are.
    array contents;
    if (tables.at(count - 1)["Rows"].get(contents) != simdjson::SUCCESS) return;
    for (element row : contents) {
      int64_t ordinal = 0;
      if (cell_text(row.at(1).value()) == "QueryResult" &&
          row.at(0).get(ordinal) == simdjson::SUCCESS) {
        read_table(tables.at(static_cast<size_t>(ordinal)));
      }
    }
  }
  object holder;
  if (error_.empty() && root.get(holder) == simdjson::SUCCESS) error_ = first_error_message(holder);
}

void Answer::read_v2(const array& frames) {
  for (element frame : frames) {
    std::string_view type;
    std::string_view kind;
    if (frame["FrameType"].get(type) != simdjson::SUCCESS) continue;
    if (type == "DataTable" && frame["TableKind"].get(kind) == simdjson::SUCCESS &&
        kind == "PrimaryResult") {
      read_table(frame);
    } else if (type == "DataSetCompletion" && error_.empty()) {
      error_ = first_error_message(frame.get_object().value());
    }
  }
}

std::string as_text_table(const Answer::Table& table) {
  constexpr size_t kWidest = 120;
  std::vector<std::vector<std::string>> cells;
  std::vector<size_t> widths;
  std::vector<bool> is_number;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    widths.push_back(width_of(table.columns[i]));
    const std::string& type = table.types[i];
    is_number.push_back(type == "int" || type == "long" || type == "real" || type == "decimal");
  }
  for (const array& row : table.rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (element cell : row) {
      line.push_back(on_one_line(cell_text(cell)));
      size_t column = line.size() - 1;
      if (column < widths.size())
        widths[column] = std::min(kWidest, std::max(widths[column], width_of(line.back())));
    }
  }
  std::string out;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    append_padded(out, table.columns[i], widths[i], is_number[i]);
    out += "  ";
  }
  end_line(out);
  for (size_t width : widths) {
    out.append(width, '-');
    out += "  ";
  }
  end_line(out);
  for (const auto& line : cells) {
    for (size_t i = 0; i < line.size() && i < widths.size(); ++i) {
      append_padded(out, line[i], widths[i], is_number[i]);
      out += "  ";
    }
    end_line(out);
  }
  return out;
}

std::string as_csv(const Answer::Table& table) {
  std::string out;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) out += ',';
    append_csv_field(out, table.columns[i]);
  }
  out += '\n';
  for (const array& row : table.rows) {
    bool is_first = true;
    for (element cell : row) {
      if (!is_first) out += ',';
      is_first = false;
      append_csv_field(out, cell_text(cell));
    }
    out += '\n';
  }
  return out;
}

std::string as_json_lines(const Answer::Table& table) {
  std::string out;
  for (const array& row : table.rows) {
    size_t column = 0;
    for (element cell : row) {
      out += column == 0 ? "{" : ",";
      append_json_string(
          out, column < table.columns.size() ? table.columns[column] : std::to_string(column));
      out += ':';
      out += simdjson::minify(cell);
      ++column;
    }
    out += column == 0 ? "{}\n" : "}\n";
  }
  return out;
}

}  // namespace rivulet::client
