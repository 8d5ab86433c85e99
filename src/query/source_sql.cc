#include "query/source_sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "common/error.h"
#include "duckdb/sql_text.h"
#include "extents/duckdb_engine.h"
#include "extents/term_filter.h"
#include "kql/sql/expr.h"
#include "kql/sql/union_sql.h"
#include "types/text.h"

namespace rivulet::query {
namespace {

using kql::ColumnBound;
using Op = ColumnBound::Op;

// Whether some value in [low, high] meets `op value`.
template <typename T>
bool overlaps(const T& low, const T& high, Op op, const T& value) {
  switch (op) {
    case Op::kLess:
      return low < value;
    case Op::kLessEqual:
      return low <= value;
    case Op::kEqual:
      return low <= value && value <= high;
    case Op::kGreaterEqual:
      return high >= value;
    case Op::kGreater:
      return high > value;
  }
  return true;
}

// The literal as a number, for the types whose statistics are integers.
std::optional<int64_t> integer_value(const kql::Literal& literal) {
  if (auto* v = std::get_if<bool>(&literal.value)) return *v;
  if (auto* v = std::get_if<int32_t>(&literal.value)) return *v;
  if (auto* v = std::get_if<int64_t>(&literal.value)) return *v;
  return std::nullopt;
}

// Whether a column that has this text (no other type has a value) in every row meets the bound.
bool absent_may_match(const ColumnBound& bound, std::string_view value) {
  auto* text = std::get_if<std::string>(&bound.value.value);
  if (bound.value.type != ScalarType::kString || text == nullptr) return false;
  return bound.op != Op::kEqual || *text == value;
}

bool may_match(const store::ExtentView& extent, const ColumnBound& bound) {
  if (bound.column_id == ColumnBound::kIngestionTime) {
    auto value = integer_value(bound.value);
    return !value || overlaps(extent.min_time, extent.max_time, bound.op, *value);
  }
  bool exists = std::find(extent.column_ids.begin(), extent.column_ids.end(), bound.column_id) !=
                extent.column_ids.end();
  if (!exists) return absent_may_match(bound, "");
  std::optional<store::ColumnStatistics> found = extent.statistics.find(bound.column_id);
  if (!found || found->type != bound.value.type) return true;
  // Nothing but nulls, or not known.
  if (!found->has_range) return found->null_count < extent.row_count;
  switch (found->type) {
    case ScalarType::kBool:
    case ScalarType::kInt:
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan: {
      auto value = integer_value(bound.value);
      return !value || overlaps(found->min_int, found->max_int, bound.op, *value);
    }
    case ScalarType::kReal: {
      auto* value = std::get_if<double>(&bound.value.value);
      return value == nullptr || overlaps(found->min_real, found->max_real, bound.op, *value);
    }
    case ScalarType::kString: {
      auto* value = std::get_if<std::string>(&bound.value.value);
      return value == nullptr || bound.op != Op::kEqual ||
             overlaps(found->min_text, found->max_text, bound.op, *value);
    }
    default:
      return true;
  }
}

// Whether the extent may hold a text that meets the condition.
bool may_match(const store::ExtentView& extent, const kql::TermCondition& condition) {
  const auto& present = extent.column_ids;
  bool exists = std::find(present.begin(), present.end(), condition.column_id) != present.end();
  auto may_hold = [&](auto&& test) {
    return std::any_of(condition.any_of.begin(), condition.any_of.end(), test);
  };
  if (!exists) return may_hold([](const std::string& text) { return !extents::has_terms(text); });
  auto terms = extent.terms();
  return terms == nullptr || may_hold([&](const std::string& text) {
           return terms->may_hold(condition.column_id, text);
         });
}

// The bounds on a column of 8-byte integers as ranges for the scan.
std::vector<ScanRange> scan_ranges(const std::vector<ColumnBound>& bounds) {
  std::vector<ScanRange> ranges;
  for (const ColumnBound& bound : bounds) {
    ScalarType type = bound.value.type;
    if (type != ScalarType::kDateTime && type != ScalarType::kLong && type != ScalarType::kTimeSpan)
      continue;
    auto value = integer_value(bound.value);
    if (!value) continue;
    auto range = std::find_if(ranges.begin(), ranges.end(),
                              [&](const ScanRange& r) { return r.column_id == bound.column_id; });
    if (range == ranges.end()) range = ranges.insert(ranges.end(), ScanRange{bound.column_id});
    switch (bound.op) {
      case Op::kLess:
        // An end that would overflow leaves the range empty or as it is; SQL filters in any case.
        if (*value != INT64_MIN) range->high = std::min(range->high, *value - 1);
        break;
      case Op::kLessEqual:
        range->high = std::min(range->high, *value);
        break;
      case Op::kEqual:
        range->low = std::max(range->low, *value);
        range->high = std::min(range->high, *value);
        break;
      case Op::kGreaterEqual:
        range->low = std::max(range->low, *value);
        break;
      case Op::kGreater:
        if (*value != INT64_MAX) range->low = std::max(range->low, *value + 1);
        break;
    }
  }
  return ranges;
}

// A table as a part of a source.
struct Part {
  std::shared_ptr<const store::TableSnapshot> table;
  std::vector<uint32_t> column_ids;  // as ScanPart's
  std::string name;
  std::vector<ColumnBound> bounds;  // on the table's columns
  std::vector<kql::TermCondition> terms;
};

// The column of the part's table; kName and kAbsent where it has none.
uint32_t table_column(const ScanColumn& column, const Part& part) {
  return part.column_ids.empty() ? column.column_id : part.column_ids[column.column_id];
}

// The columns as a file of the part has them, if it does.
std::vector<uint32_t> file_columns(const std::vector<ScanColumn>& columns, const Part& part) {
  std::vector<uint32_t> ids;
  for (const ScanColumn& column : columns) {
    switch (column.kind) {
      case ScanColumn::Kind::kColumn:
        ids.push_back(table_column(column, part));
        break;
      case ScanColumn::Kind::kIngestionTime:
        ids.push_back(extents::kTimeColumn);
        break;
      case ScanColumn::Kind::kSequence:
        ids.push_back(extents::kSequenceColumn);
        break;
    }
  }
  return ids;
}

// A column of the source as the extent has it.
std::string extent_column(const ScanColumn& column, const Part& part,
                          const store::ExtentView& extent) {
  std::string name = column_name(column);
  if (column.kind != ScanColumn::Kind::kColumn) {
    if (extent.has_system_columns) return name;
    bool is_time = column.kind == ScanColumn::Kind::kIngestionTime;
    return fmt::format("{}::BIGINT AS {}",
                       is_time ? extent.min_time : static_cast<int64_t>(extent.min_sequence), name);
  }
  uint32_t id = table_column(column, part);
  bool is_mapped = !part.column_ids.empty();
  if (is_mapped && id == kql::Source::Part::kName) {
    return duckdb::string_literal(part.name) + " AS " + name;
  }
  bool is_absent = is_mapped && id == kql::Source::Part::kAbsent;
  const auto& present = extent.column_ids;
  if (!is_absent && std::find(present.begin(), present.end(), id) != present.end()) {
    return is_mapped ? fmt::format("c{} AS {}", id, name) : name;
  }
  if (column.type == ScalarType::kString) return "'' AS " + name;
  return fmt::format("NULL::{} AS {}", duckdb::sql_type(column.type), name);
}

std::string tags_json(const std::vector<std::string>& tags) {
  std::string json = "[";
  for (const std::string& tag : tags) {
    if (json.size() > 1) json += ',';
    append_json_string(json, tag);
  }
  return json + "]";
}

// What reads the extents of all the parts: one SELECT for all those that are read in the same way.
class ExtentSelects {
 public:
  ExtentSelects(const std::vector<ScanColumn>& columns, bool has_extent_columns)
      : columns_(columns), has_extent_columns_(has_extent_columns) {}

  void add(const Part& part, const store::ExtentView& extent) {
    std::string select = "SELECT ";
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) select += ", ";
      select += extent_column(columns_[i], part, extent);
    }
    if (columns_.empty()) select += "false AS nothing";
    if (has_extent_columns_) {
      // The name of the file is <guid>.parquet.
      select += ", left(right(filename, 44), 36)::UUID AS sys_extent, ";
      select += duckdb::string_literal(tags_json(extent.tags));
      select += " AS sys_tags, file_row_number AS sys_row";
    }
    // Files of one read_parquet have the same columns of the same types.
    std::string shape = extent.has_system_columns ? "" : "bare ";
    for (uint32_t id : extent.column_ids) {
      fmt::format_to(std::back_inserter(shape), "{}:{} ", id, type_number(part.table->table(), id));
    }
    groups_[{std::move(select), std::move(shape)}].push_back(&extent);
  }

  // The files that they read stay while `copies` are held.
  void append_to(std::vector<std::string>& selects, std::vector<objects::LocalCopy>& copies) const {
    for (const auto& [key, extents] : groups_) {
      std::string sql = key.first + " FROM read_parquet([";
      for (size_t i = 0; i < extents.size(); ++i) {
        if (i > 0) sql += ", ";
        copies.push_back(extents[i]->local_copy());
        sql += duckdb::string_literal(copies.back()->string());
      }
      sql += "], hive_partitioning = false";
      if (has_extent_columns_) sql += ", filename = true, file_row_number = true";
      sql += ")";
      selects.push_back(std::move(sql));
    }
  }

 private:
  // 0 for a column that the table has no more.
  static unsigned type_number(const catalog::Table& table, uint32_t column_id) {
    for (const auto& column : table.columns) {
      if (column.id == column_id) return static_cast<unsigned>(column.type);
    }
    return 0;
  }

  const std::vector<ScanColumn>& columns_;
  const bool has_extent_columns_;
  std::map<std::pair<std::string, std::string>, std::vector<const store::ExtentView*>> groups_;
};

std::vector<ScanColumn> scan_columns(const kql::Source& source,
                                     const std::function<ScalarType(uint32_t)>& type_of) {
  std::vector<ScanColumn> columns;
  for (uint32_t id : source.column_ids) {
    columns.push_back({ScanColumn::Kind::kColumn, id, type_of(id)});
  }
  if (source.needs_system_columns) {
    columns.push_back({ScanColumn::Kind::kIngestionTime});
    columns.push_back({ScanColumn::Kind::kSequence});
  }
  return columns;
}

std::shared_ptr<const store::TableSnapshot> table_of(const store::Snapshot& snapshot, uint64_t id) {
  auto table = snapshot.table(id);
  if (table == nullptr)
    throw internal_error("A query reads a table that its snapshot does not hold.");
  return table;
}

// Bounds on a union's columns as bounds on a part's; nothing when the part cannot hold a match.
std::optional<std::vector<ColumnBound>> part_bounds(const kql::Source::Part& part,
                                                    const std::vector<ColumnBound>& bounds) {
  std::vector<ColumnBound> result;
  for (const ColumnBound& bound : bounds) {
    if (bound.column_id == ColumnBound::kIngestionTime) {
      result.push_back(bound);
      continue;
    }
    uint32_t id = part.column_ids[bound.column_id];
    if (id == kql::Source::Part::kName || id == kql::Source::Part::kAbsent) {
      std::string_view value = id == kql::Source::Part::kName ? part.name : std::string_view();
      if (!absent_may_match(bound, value)) return std::nullopt;
      continue;
    }
    result.push_back(bound);
    result.back().column_id = id;
  }
  return result;
}

// The same for conditions on terms; what a part has no column for is left out.
std::vector<kql::TermCondition> part_terms(const kql::Source::Part& part,
                                           const std::vector<kql::TermCondition>& terms) {
  std::vector<kql::TermCondition> result;
  for (const kql::TermCondition& condition : terms) {
    uint32_t id = part.column_ids[condition.column_id];
    if (id == kql::Source::Part::kName || id == kql::Source::Part::kAbsent) continue;
    result.push_back({id, condition.any_of});
  }
  return result;
}

std::vector<Part> parts_of(const kql::Source& source, const store::Snapshot& snapshot) {
  std::vector<Part> parts;
  if (source.kind == kql::Source::Kind::kTable) {
    parts.push_back({table_of(snapshot, source.table), {}, "", source.bounds, source.terms});
    return parts;
  }
  for (const kql::Source::Part& part : source.parts) {
    auto bounds = part_bounds(part, source.bounds);
    if (!bounds) continue;
    parts.push_back({table_of(snapshot, part.table), part.column_ids, part.name, std::move(*bounds),
                     part_terms(part, source.terms)});
  }
  return parts;
}

ScalarType table_column_type(const catalog::Table& table, uint32_t id) {
  for (const auto& column : table.columns) {
    if (column.id == id) return column.type;
  }
  throw internal_error("A query names a column that its table does not have.");
}

// What a source of tables reads, as a SELECT.
std::string table_source(const kql::Source& source, const store::Snapshot& snapshot,
                         uint64_t registration, size_t slot, ScanSource& scan,
                         ComposedStatement& composed) {
  std::vector<Part> parts = parts_of(source, snapshot);
  auto columns = scan_columns(source, [&](uint32_t id) {
    if (source.kind == kql::Source::Kind::kUnion) return source.types.at(id);
    return table_column_type(parts.front().table->table(), id);
  });
  ExtentSelects extents(columns, source.needs_extent_columns);
  uint64_t extent_rows = 0;
  auto after = static_cast<store::Sequence>(source.after_sequence);
  for (Part& part : parts) {
    auto read = std::make_shared<const std::vector<uint32_t>>(file_columns(columns, part));
    for (const auto& extent : part.table->extents()) {
      ++composed.extents_total;
      if (extent->max_sequence <= after || !query::may_match(*extent, part.bounds, part.terms)) {
        continue;
      }
      composed.extents.push_back({extent, read});
      extent_rows += extent->row_count;
      extents.add(part, *extent);
    }
    std::span<const store::ChunkView> chunks = part.table->chunks();
    auto first = std::partition_point(chunks.begin(), chunks.end(), [&](const auto& chunk) {
      return static_cast<store::Sequence>(chunk.sequences[chunk.row_count - 1]) <= after;
    });
    scan.add({part.column_ids, part.name, scan_ranges(part.bounds)}, {first, chunks.end()});
    for (const auto& run : part.table->runs()) {
      if (run->last_sequence() > after) scan.add(run);
    }
    scan.owners.push_back(part.table);
  }
  composed.row_count += scan.row_count + extent_rows;
  std::vector<std::string> selects;
  extents.append_to(selects, composed.copies);
  // An empty source is an empty scan.
  if (scan.row_count > 0 || selects.empty()) {
    const char* extent_columns =
        source.needs_extent_columns
            ? ", '00000000-0000-0000-0000-000000000000'::UUID AS sys_extent, '[]' AS sys_tags, "
              "NULL::BIGINT AS sys_row"
            : "";
    selects.push_back(
        fmt::format("SELECT *{} FROM {}", extent_columns, scan_sql(registration, slot, columns)));
  }
  return kql::union_sql(selects);
}

std::vector<uint32_t> column_indexes(size_t count) {
  std::vector<uint32_t> indexes(count);
  std::iota(indexes.begin(), indexes.end(), 0);
  return indexes;
}

}  // namespace

InputChunks::InputChunks(std::shared_ptr<const ResultTable> table)
    : table_(std::move(table)),
      chunks_(column_indexes(table_->columns.size()),
              std::shared_ptr<const ColumnBatch>(table_, &table_->rows)) {}

bool may_match(const store::ExtentView& extent, const std::vector<ColumnBound>& bounds,
               const std::vector<kql::TermCondition>& terms) {
  auto may_meet = [&](const auto& condition) { return may_match(extent, condition); };
  return std::all_of(bounds.begin(), bounds.end(), may_meet) &&
         std::all_of(terms.begin(), terms.end(), may_meet);
}

ComposedStatement compose(const kql::BoundStatement& statement, const store::Snapshot& snapshot,
                          const std::shared_ptr<const InputChunks>& input, uint64_t registration) {
  ComposedStatement composed;
  if (statement.sources.empty()) return composed;
  auto sources = std::make_shared<ScanSources>();
  std::string& sql = composed.with;
  for (size_t slot = 0; slot < statement.sources.size(); ++slot) {
    const kql::Source& source = statement.sources[slot];
    ScanSource& scan = sources->slots.emplace_back();
    if (source.kind == kql::Source::Kind::kNone) continue;
    fmt::format_to(std::back_inserter(sql), "{} s{} AS NOT MATERIALIZED (",
                   sql.empty() ? "WITH" : ",", slot);
    if (source.kind == kql::Source::Kind::kCursor) {
      fmt::format_to(std::back_inserter(sql), "SELECT '{}' AS c0", snapshot.sequence());
    } else if (source.kind == kql::Source::Kind::kInput) {
      if (input == nullptr)
        throw internal_error("A query over an input table was started without one.");
      scan.add({}, input->chunks());
      scan.owners.push_back(input);
      composed.row_count += scan.row_count;
      auto columns = scan_columns(source, [&](uint32_t id) { return input->type(id); });
      sql += "SELECT * FROM " + scan_sql(registration, slot, columns);
    } else {
      sql += table_source(source, snapshot, registration, slot, scan, composed);
    }
    sql += ")";
  }
  sql += ' ';
  composed.sources = std::move(sources);
  return composed;
}

}  // namespace rivulet::query
