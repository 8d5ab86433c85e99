#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "kql/bind/request_properties.h"
#include "kql/sql/expr.h"
#include "types/column_batch.h"

// The way from KQL text to SQL. This room knows schemas, never storage: what a query reads is named as
// numbered sources, which the query engine provides.
namespace rivulet::catalog {
class Catalog;
}  // namespace rivulet::catalog

namespace rivulet::kql {

// A conjunct `column op constant` of a filter that stands directly over a table. It serves to leave out
// storage that cannot hold a match; the SQL filters all the same.
struct ColumnBound {
  enum class Op { kLess, kLessEqual, kEqual, kGreaterEqual, kGreater };
  // ingestion_time(); no column of a table has this id.
  static constexpr uint32_t kIngestionTime = 0xFFFFFFFE;
  uint32_t column_id = 0;
  Op op = Op::kEqual;
  Literal value;  // of the column's type, never null
};

// A row matters only if its text in the column holds one of these as a whole: each maximal run of ASCII letters
// and digits of the one is then, but for its case, such a run of the other.
struct TermCondition {
  uint32_t column_id = 0;
  std::vector<std::string> any_of;
};

// What a query reads. In the SQL, source number i is the relation `s<i>` with columns `c<column_id>`
// in the types that expr.h gives, and with `sys_time` (BIGINT ticks of ingestion) and `sys_seq` (BIGINT
// commit sequence) where `needs_system_columns`, and with `sys_extent` (UUID of the extent, zero in the tail),
// `sys_tags` (JSON array) and `sys_row` (BIGINT number in the extent's file) where `needs_extent_columns`.
struct Source {
  enum class Kind {
    kTable,
    kInput,   // BindOptions::input; column i of it is `c<i>`
    kUnion,   // all rows of `parts`; column i is `c<i>` and has the type `types[i]`
    kCursor,  // one row: column c0 is the snapshot's sequence as text, the database cursor
    kNone,    // the SQL does not name it
  };
  // A table of a union. However many there are, they are one relation: SQL with a SELECT for each of
  // thousands of tables would take longer to plan than to run.
  struct Part {
    static constexpr uint32_t kAbsent = 0;         // null, or the empty string
    static constexpr uint32_t kName = 0xFFFFFFFF;  // `name`, as withsource wants it
    uint64_t table = 0;
    std::string name;
    std::vector<uint32_t> column_ids;  // of the table, for each column of the union
  };
  Kind kind = Kind::kTable;
  uint64_t table = 0;  // catalog::TableId
  std::vector<Part> parts;
  std::vector<ScalarType> types;
  // Those that the SQL names, ascending; empty when it only counts rows.
  std::vector<uint32_t> column_ids;
  std::vector<ColumnBound> bounds;   // all of them hold for every row that matters
  std::vector<TermCondition> terms;  // all of them, too
  // Rows whose commit sequence is not after this do not matter (cursor_after).
  int64_t after_sequence = 0;
  bool needs_system_columns = false;
  bool needs_extent_columns = false;
};

// What `render` asks for: an annotation, Rivulet draws nothing itself.
struct Visualization {
  std::string kind;  // "timechart", …; empty when the statement has no render
  // Properties by their KQL names ("title", "xcolumn", "series", "ycolumns", "kind", "legend", …).
  std::map<std::string, std::string> properties;
};

// A tabular statement, ready to run.
struct BoundStatement {
  std::string name;  // "PrimaryResult" or the name that `as` gave
  std::vector<ResultColumn> columns;
  // One SELECT whose result columns are `columns` in order. It starts with SELECT, so a WITH clause that
  // defines the sources can be put before it; it ends in ORDER BY where the rows have an order.
  std::string sql;
  std::vector<Source> sources;
  Visualization visualization;
  bool is_sorted = false;        // by the client's own sort, top, …
  RequestProperties properties;  // the request's, with what `set` statements changed
};

// Runs a statement while binding and returns its rows. Needed for operators whose columns depend on data
// (evaluate bag_unpack, pivot, …) and for scalars that must be known to bind. Throws as a query would.
using ProbeFunction = std::function<ResultTable(const BoundStatement&)>;

struct BindOptions {
  std::string database;  // that names without a database belong to
  Ticks now = 0;         // now() of the whole query
  // Values for `declare query_parameters`, as KQL literals ("datetime(2020-01-01)", "'text'").
  std::map<std::string, std::string> parameters;
  RequestProperties properties;  // `set` statements of the text go on from them
  // When set, the text starts with the operators of a pipeline ("| where …") over a relation of this
  // schema, the result of a management command; further statements may follow after a semicolon.
  const std::vector<ResultColumn>* input = nullptr;
  ProbeFunction probe;  // may be empty: what needs it is refused then
  // Called at every step; throws what ends the binding of a query that is over. May be empty.
  std::function<void()> check_stop;
};

// Parses and binds a query: one statement for each tabular expression in the text, in order. Throws
// syntax_error, semantic_error, not_supported and the catalog's "not found" errors. Thread-safe; the
// catalog must outlive the call only.
std::vector<BoundStatement> bind_query(std::string_view text, const catalog::Catalog& catalog,
                                       const BindOptions& options);

}  // namespace rivulet::kql
