#pragma once

// The one place that includes DuckDB's C header. The library is 1.5 and the pinned header is 1.4's: a
// function that only 1.5 has is declared here by hand when one is needed; none is so far.
#include <duckdb.h>
