#pragma once

// The one place that includes DuckDB's C header, and the few functions of the 1.5 library that the
// pinned 1.4 header does not declare yet.
#include <duckdb.h>
