#include "query/source_sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "common/error.h"
#include "kql/expr.h"

namespace rivulet::query {
namespace {

constexpr size_t kVectorSize = 2048;

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

bool may_match(const store::ExtentView& extent, const ColumnBound& bound) {
  bool exists = std::find(extent.column_ids.begin(), extent.column_ids.end(), bound.column_id) !=
                extent.column_ids.end();
  if (!exists) {
    // Null meets no bound; an absent string is the empty one.
    auto* text = std::get_if<std::string>(&bound.value.value);
    if (bound.value.type != ScalarType::kString || text == nullptr) return false;
    return bound.op != Op::kEqual || text->empty();
  }
  for (const store::ColumnStatistics& statistics : extent.statistics) {
    if (statistics.column_id != bound.column_id) continue;
    if (statistics.type != bound.value.type) return true;
    // Nothing but nulls, or not known.
    if (!statistics.has_range) return statistics.null_count < extent.row_count;
    switch (statistics.type) {
      case ScalarType::kBool:
      case ScalarType::kInt:
      case ScalarType::kLong:
      case ScalarType::kDateTime:
      case ScalarType::kTimeSpan: {
        auto value = integer_value(bound.value);
        return !value || overlaps(statistics.min_int, statistics.max_int, bound.op, *value);
      }
      case ScalarType::kReal: {
        auto* value = std::get_if<double>(&bound.value.value);
        return value == nullptr ||
               overlaps(statistics.min_real, statistics.max_real, bound.op, *value);
      }
      case ScalarType::kString: {
        auto* value = std::get_if<std::string>(&bound.value.value);
        return value == nullptr || bound.op != Op::kEqual ||
               overlaps(statistics.min_text, statistics.max_text, bound.op, *value);
      }
      default:
        return true;
    }
  }
  return true;
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

void append_quoted(std::string& out, std::string_view text) {
  out += '\'';
  for (char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  out += '\'';
}

struct ExtentGroup {
  const store::ExtentView* shape = nullptr;  // an extent of the group: which columns there are
  bool needs_sequence_filter = false;
  std::vector<const store::ExtentView*> extents;
};

void append_extents(std::string& sql, const ExtentGroup& group,
                    const std::vector<ScanColumn>& columns, store::Sequence sequence) {
  sql += "SELECT ";
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) sql += ", ";
    const ScanColumn& column = columns[i];
    const auto& present = group.shape->column_ids;
    if (column.kind != ScanColumn::Kind::kColumn ||
        std::find(present.begin(), present.end(), column.column_id) != present.end()) {
      sql += column_name(column);
    } else if (column.type == ScalarType::kString) {
      fmt::format_to(std::back_inserter(sql), "'' AS {}", column_name(column));
    } else {
      fmt::format_to(std::back_inserter(sql), "NULL::{} AS {}", kql::sql_type(column.type),
                     column_name(column));
    }
  }
  if (columns.empty()) sql += "false AS nothing";
  sql += " FROM read_parquet([";
  for (size_t i = 0; i < group.extents.size(); ++i) {
    if (i > 0) sql += ", ";
    append_quoted(sql, group.extents[i]->path.string());
  }
  sql += "], hive_partitioning = false)";
  if (group.needs_sequence_filter)
    fmt::format_to(std::back_inserter(sql), " WHERE sys_seq <= {}", sequence);
}

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

}  // namespace

InputChunks::InputChunks(std::shared_ptr<const ResultTable> table) : table_(std::move(table)) {
  const ColumnBatch& rows = table_->rows;
  for (uint32_t i = 0; i < rows.column_count(); ++i) column_ids_.push_back(i);
  for (size_t first = 0; first < rows.row_count(); first += kVectorSize) {
    auto& views = views_.emplace_back();
    for (size_t i = 0; i < rows.column_count(); ++i) {
      ColumnView view = rows.column(i).view();
      view.cells = static_cast<const char*>(view.cells) + first * cell_size(view.type);
      if (view.validity != nullptr) view.validity += first / 64;
      views.push_back(view);
    }
    store::ChunkView chunk;
    chunk.row_count = static_cast<uint32_t>(std::min(kVectorSize, rows.row_count() - first));
    chunk.column_ids = column_ids_;
    chunk.columns = views;  // the views' own memory does not move when views_ grows
    chunks_.push_back(chunk);
  }
}

bool may_match(const store::ExtentView& extent, const std::vector<ColumnBound>& bounds) {
  return std::all_of(bounds.begin(), bounds.end(),
                     [&](const ColumnBound& bound) { return may_match(extent, bound); });
}

ComposedStatement compose(const kql::BoundStatement& statement, const store::Snapshot& snapshot,
                          const std::shared_ptr<const InputChunks>& input, uint64_t registration) {
  ComposedStatement composed;
  if (statement.sources.empty()) return composed;
  auto sources = std::make_shared<ScanSources>();
  std::string& sql = composed.with;
  sql = "WITH ";
  for (size_t slot = 0; slot < statement.sources.size(); ++slot) {
    const kql::Source& source = statement.sources[slot];
    if (slot > 0) sql += ", ";
    fmt::format_to(std::back_inserter(sql), "s{} AS NOT MATERIALIZED (", slot);
    ScanSource& scan = sources->slots.emplace_back();

    if (source.kind == kql::Source::Kind::kInput) {
      if (input == nullptr)
        throw internal_error("A query over an input table was started without one.");
      scan.chunks = &input->chunks();
      scan.row_count = input->row_count();
      scan.owner = input;
      composed.row_count += scan.row_count;
      auto columns = scan_columns(source, [&](uint32_t id) { return input->type(id); });
      sql += "SELECT * FROM " + scan_sql(registration, slot, columns) + ")";
      continue;
    }

    std::shared_ptr<const store::TableSnapshot> table = snapshot.table(source.table);
    if (table == nullptr)
      throw internal_error("A query reads a table that its snapshot does not hold.");
    auto columns = scan_columns(source, [&](uint32_t id) {
      for (const auto& column : table->table().columns) {
        if (column.id == id) return column.type;
      }
      throw internal_error("A query names a column that its table does not have.");
    });
    scan.chunks = &table->chunks();
    for (const auto& chunk : table->chunks()) scan.row_count += chunk.row_count;
    scan.ranges = scan_ranges(source.bounds);
    scan.owner = table;
    composed.row_count += scan.row_count;

    // Extents by the columns they have, so that each group is one read_parquet.
    std::map<std::pair<std::vector<uint32_t>, bool>, ExtentGroup> groups;
    for (const auto& extent : table->extents()) {
      ++composed.extents_total;
      if (extent->min_sequence > snapshot.sequence() || !may_match(*extent, source.bounds))
        continue;
      ++composed.extents_scanned;
      composed.row_count += extent->row_count;
      bool needs_filter = extent->max_sequence > snapshot.sequence();
      ExtentGroup& group = groups[{extent->column_ids, needs_filter}];
      group.shape = extent.get();
      group.needs_sequence_filter = needs_filter;
      group.extents.push_back(extent.get());
    }
    // An empty table is an empty scan.
    bool is_first = true;
    if (scan.row_count > 0 || groups.empty()) {
      sql += "SELECT * FROM " + scan_sql(registration, slot, columns);
      is_first = false;
    }
    for (const auto& [key, group] : groups) {
      if (!is_first) sql += " UNION ALL ";
      append_extents(sql, group, columns, snapshot.sequence());
      is_first = false;
    }
    sql += ")";
  }
  sql += ' ';
  composed.sources = std::move(sources);
  return composed;
}

}  // namespace rivulet::query
