#include "extents/testing/extents_fixture.h"

#include <stdexcept>

#include "duckdb/api.h"

namespace rivulet::extents::testing {

catalog::Table table_of(const std::vector<ScalarType>& types) {
  catalog::Table table;
  table.id = 1;
  for (ScalarType type : types)
    table.columns.edit().push_back({table.next_column_id++, "", type, ""});
  return table;
}

std::vector<std::vector<std::string>> query(const std::string& sql) {
  duckdb_database database;
  duckdb_connection connection;
  duckdb_result result;
  if (duckdb_open(nullptr, &database) == DuckDBError ||
      duckdb_connect(database, &connection) == DuckDBError) {
    throw std::runtime_error("DuckDB did not open");
  }
  std::vector<std::vector<std::string>> rows;
  // Cast by the engine: duckdb_value_varchar does not know every type.
  std::string as_text = "SELECT COLUMNS(*)::VARCHAR FROM (" + sql + ")";
  if (duckdb_query(connection, as_text.c_str(), &result) == DuckDBError) {
    throw std::runtime_error(duckdb_result_error(&result));
  }
  for (idx_t row = 0; row < duckdb_row_count(&result); ++row) {
    auto& out = rows.emplace_back();
    for (idx_t column = 0; column < duckdb_column_count(&result); ++column) {
      char* text = duckdb_value_varchar(&result, column, row);
      out.emplace_back(text == nullptr ? "NULL" : text);
      duckdb_free(text);
    }
  }
  duckdb_destroy_result(&result);
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return rows;
}

}  // namespace rivulet::extents::testing
