#include "commands/schema.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "commands/rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

constexpr size_t kMaxColumns = 10'000;  // of a table

void append_member(std::string& json, std::string_view key, std::string_view value) {
  if (json.back() != '{') json += ',';
  append_json_string(json, key);
  json += ':';
  append_json_string(json, value);
}

Error wrong_type(const catalog::Table& table, const catalog::ColumnDef& column, ScalarType type) {
  return bad_request("Column '" + column.name + "' of table '" + table.name + "' has type " +
                     std::string(kusto_name(column.type)) + ", not " +
                     std::string(kusto_name(type)) +
                     ": use '.alter column' to change the type of a column");
}

void check_column_count(size_t count, std::string_view table) {
  if (count <= kMaxColumns) return;
  throw bad_request("Table '" + std::string(table) + "' would have " + std::to_string(count) +
                    " columns, and may have " + std::to_string(kMaxColumns) +
                    ": keep rarer values in a dynamic column");
}

}  // namespace

std::string schema_json(const catalog::Table& table) {
  std::string json = "{";
  append_member(json, "Name", table.name);
  json += ",\"OrderedColumns\":[";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const catalog::ColumnDef& column = table.columns[i];
    json += i == 0 ? "{" : ",{";
    append_member(json, "Name", column.name);
    append_member(json, "Type", clr_name(column.type));
    append_member(json, "CslType", kusto_name(column.type));
    if (!column.docstring.empty()) append_member(json, "DocString", column.docstring);
    json += '}';
  }
  return json + "]}";
}

std::string schema_csl(const catalog::Table& table) {
  std::string csl;
  for (const catalog::ColumnDef& column : table.columns) {
    if (!csl.empty()) csl += ", ";
    csl += quoted_name(column.name) + ":" + std::string(kusto_name(column.type));
  }
  return csl;
}

ResultTable schema_answer() {
  return make_answer({{"TableName", ScalarType::kString},
                      {"Schema", ScalarType::kString},
                      {"DatabaseName", ScalarType::kString},
                      {"Folder", ScalarType::kString},
                      {"DocString", ScalarType::kString}});
}

void append_schema_row(ResultTable& answer, const catalog::Table& table,
                       const std::string& database, std::string schema) {
  append_row(answer, {table.name, std::move(schema), database, table.folder, table.docstring});
}

ResultTable schema_json_answer(const catalog::Table& table, const std::string& database) {
  ResultTable answer = schema_answer();
  append_schema_row(answer, table, database, schema_json(table));
  return answer;
}

ResultTable tables_answer() {
  return make_answer({{"TableName", ScalarType::kString},
                      {"DatabaseName", ScalarType::kString},
                      {"Folder", ScalarType::kString},
                      {"DocString", ScalarType::kString}});
}

void append_tables_row(ResultTable& answer, const catalog::Table& table,
                       const std::string& database) {
  append_row(answer, {table.name, database, table.folder, table.docstring});
}

namespace {

// Checks the names, and that none stands twice.
void check_columns(const std::vector<ColumnSpec>& columns) {
  std::set<std::string_view> seen;
  for (const ColumnSpec& column : columns) {
    check_entity_name("column", column.name);
    if (!seen.insert(column.name).second) {
      throw bad_request("Column '" + column.name + "' stands twice in the list of columns");
    }
  }
}

// Adds those that are not there.
void add_columns(catalog::Table& table, const std::vector<ColumnSpec>& columns) {
  check_column_count(columns.size(), table.name);
  check_columns(columns);
  std::vector<catalog::ColumnDef>& present = table.columns.edit();
  std::unordered_map<std::string, size_t> places;
  for (const catalog::ColumnDef& column : present) places.emplace(column.name, places.size());
  for (const ColumnSpec& spec : columns) {
    auto [place, is_new] = places.emplace(spec.name, present.size());
    if (is_new) {
      present.push_back({table.next_column_id++, spec.name, spec.type, ""});
    } else if (const auto& column = present[place->second]; column.type != spec.type) {
      throw wrong_type(table, column, spec.type);
    }
  }
}

}  // namespace

catalog::Table new_table(const catalog::Catalog& catalog, const catalog::Database& database,
                         const std::string& name, const std::vector<ColumnSpec>& columns) {
  check_entity_name("table", name);
  catalog::Table table;
  table.id = catalog.next_table_id();
  table.database_id = database.id;
  table.guid = new_guid();
  table.name = name;
  merge_columns(table, columns);
  return table;
}

void merge_columns(catalog::Table& table, const std::vector<ColumnSpec>& columns) {
  add_columns(table, columns);
  check_column_count(table.columns.size(), table.name);
}

void set_columns(catalog::Table& table, const std::vector<ColumnSpec>& columns) {
  add_columns(table, columns);
  std::unordered_map<std::string_view, const catalog::ColumnDef*> by_name;
  for (const catalog::ColumnDef& column : table.columns) by_name.emplace(column.name, &column);
  std::vector<catalog::ColumnDef> ordered;
  for (const ColumnSpec& spec : columns) ordered.push_back(*by_name.at(spec.name));
  table.columns = std::move(ordered);
}

void set_documentation(catalog::Table& table, const Properties& properties) {
  if (auto folder = properties.find("folder")) table.folder = *folder;
  if (auto docstring = properties.find("docstring")) table.docstring = *docstring;
}

}  // namespace rivulet::commands
