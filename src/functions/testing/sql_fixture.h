#pragma once

#include <gtest/gtest.h>

#include <string>

#include "duckdb/api.h"
#include "functions/register.h"
#include "kql/sql/failure_mark.h"

namespace rivulet::functions {

// An in-memory DuckDB with every k_* function, for tests.
class SqlFixture : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(duckdb_open(nullptr, &database_), DuckDBSuccess);
    ASSERT_EQ(duckdb_connect(database_, &connection_), DuckDBSuccess);
    register_functions(connection_);
  }
  static void TearDownTestSuite() {
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
  }

  // The first cell of the answer as text, "NULL", or "error: …".
  static std::string query(const std::string& sql) {
    duckdb_result result;
    std::string text;
    if (duckdb_query(connection_, sql.c_str(), &result) != DuckDBSuccess) {
      text = std::string("error: ") + duckdb_result_error(&result);
      if (size_t mark = text.find(kql::kFailureMark); mark != std::string::npos)
        text.erase(mark, kql::kFailureMark.size());
    } else if (duckdb_row_count(&result) == 0) {
      text = "no row";
    } else {
      char* value = duckdb_value_varchar(&result, 0, 0);
      text = value == nullptr ? "NULL" : value;
      duckdb_free(value);
    }
    duckdb_destroy_result(&result);
    return text;
  }
  static std::string evaluate(const std::string& expression) {
    return query("SELECT (" + expression + ")::VARCHAR");
  }

  static inline duckdb_database database_ = nullptr;
  static inline duckdb_connection connection_ = nullptr;
};

}  // namespace rivulet::functions
