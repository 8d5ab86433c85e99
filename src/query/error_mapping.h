#pragma once

#include <string_view>

#include "common/error.h"
#include "duckdb/api.h"
#include "functions/query_control.h"

namespace rivulet::query {

// The Error a client sees for a failure of the engine: what the data caused is a bad request, a lack of
// memory says so, an interrupt is the reason why the query was stopped, and the rest is a fault of ours:
// logged with the engine's message and `sql` (with neither, when the SQL is empty), and told without either.
Error query_error(duckdb_error_type type, std::string_view message,
                  functions::QueryControl::Stop stop, std::string_view sql);
bool is_out_of_memory(duckdb_error_type type, std::string_view message);
// Whether it may come of a file that the engine reads.
bool is_of_a_file(duckdb_error_type type, std::string_view message);

}  // namespace rivulet::query
