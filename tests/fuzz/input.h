#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <re2/re2.h>

#include "catalog/catalog.h"
#include "common/error.h"
#include "engine_words.h"
#include "ingest/ingest.h"
#include "types/column_batch.h"
#include "types/text.h"

// What the fuzz targets share.
namespace rivulet::fuzz {

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Takes the first byte away; 0 at the end.
inline uint8_t take_byte(std::string_view& input) {
  if (input.empty()) return 0;
  auto byte = static_cast<uint8_t>(input.front());
  input.remove_prefix(1);
  return byte;
}

// Ends the process, as a fault of memory would.
inline void require(bool condition, std::string_view what) {
  if (condition) return;
  std::cerr << "does not hold: " << what << std::endl;
  std::abort();
}

// What holds of every error that a user meets: it is no fault of ours, and has none of the engine's words but those
// that the input has.
inline void require_presentable(const Error& error, std::string_view input) {
  static const RE2 kWords(fmt::format("({})", fmt::join(kEngineWords, "|")), RE2::Latin1);
  require(error.kind() != ErrorKind::kInternal, "no fault of ours: " + error.message());
  std::string word;
  for (re2::StringPiece rest(error.message()); RE2::FindAndConsume(&rest, kWords, &word);) {
    require(input.find(word) != std::string_view::npos,
            fmt::format("no error says {}: {}", word, error.message()));
  }
}

// A table T with a column of each type: a bool, b int, …
inline catalog::Table table_of_every_type() {
  catalog::Table table;
  table.id = 1;
  table.database_id = 1;
  table.name = "T";
  for (uint32_t i = 1; i <= 10; ++i) {
    table.columns.edit().push_back(
        {i, std::string(1, static_cast<char>('a' + i - 1)), static_cast<ScalarType>(i), ""});
  }
  table.next_column_id = 11;
  return table;
}

// Every cell as text and as JSON, which must be valid.
inline void read_cells(const ColumnView& column, size_t rows) {
  std::string text, json, compact;
  for (size_t row = 0; row < rows; ++row) {
    text.clear();
    append_cell_text(text, column, row);
    json.clear();
    append_cell_json(json, column, row);
    compact.clear();
    require(append_compact_json(compact, json), "a cell's JSON is valid");
  }
}

// Parses rows for the table, which may be refused, and reads every cell of what came out.
inline void ingest_and_read(std::string_view body, const catalog::Table& table,
                            const ingest::ParseOptions& options) {
  try {
    store::Append append = ingest::parse(body, table, options);
    for (size_t i = 0; i < append.rows->column_count(); ++i) {
      const Column& column = append.rows->column(i);
      require(column.size() == append.rows->row_count(), "columns are of one length");
      read_cells(column.view(), column.size());
    }
  } catch (const Error& error) {
    require_presentable(error, body);
  }
}

}  // namespace rivulet::fuzz
