#pragma once

#include <string_view>
#include <vector>

#include "duckdb/api.h"

namespace rivulet::functions {

// Adds every k_* function to the database of the connection: they are then seen by all connections.
// Once a database. Throws RegistrationError.
void register_functions(duckdb_connection connection);

// The names that register_functions adds.
std::vector<std::string_view> function_names();

}  // namespace rivulet::functions
