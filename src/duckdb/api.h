#pragma once

// The one place that includes DuckDB's C header. The library is 1.5 and the pinned header is 1.4's: what only
// 1.5 has is declared here by hand.
#include <duckdb.h>

extern "C" {
// Called once for each thread that runs a call of a scalar function in a query; what it sets as the state is
// given to duckdb_scalar_function_get_state.
void duckdb_scalar_function_set_init(duckdb_scalar_function function,
                                     void (*init)(duckdb_init_info info));
void* duckdb_scalar_function_init_get_bind_data(duckdb_init_info info);
void duckdb_scalar_function_init_set_state(duckdb_init_info info, void* state,
                                           duckdb_delete_callback_t destroy);
void* duckdb_scalar_function_get_state(duckdb_function_info info);
}
