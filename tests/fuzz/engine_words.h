#pragma once

// What the query engine says in its own words or names: no error that a user meets may hold any of it.
namespace rivulet::fuzz {

// Regular expressions, as RE2 and Python read them alike: tests/engine_words.py takes the raw literals of this file.
inline constexpr const char* kEngineWords[] = {
    R"((?:Binder|Catalog|Parser|Conversion|Invalid Input|Out of Range|Out of Memory) Error:)",
    R"((?:Internal|INTERRUPT|IO) Error:)",
    R"(Possible solutions)",
    R"(exception_(?:type|message))",
    R"(FROM clause)",
    R"(Candidate bindings)",
    R"(LINE \d+:)",
    R"((?:STDDEV|VAR|COVAR)_(?:SAMP|POP))",
    R"(HUGEINT|VARCHAR|BIGINT)",
    R"(DuckDB|duckdb)",
    R"(\bk\d+\b)",
    R"(\bk_[a-z]+)",
    R"(read_parquet|rv_scan)",
    R"(rivulet!words)",
};

}  // namespace rivulet::fuzz
