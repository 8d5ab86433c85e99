// .set, .append, .set-or-append and .set-or-replace: the rows of a query into a table.

#include <algorithm>

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/ingestion_properties.h"
#include "commands/operation_action.h"
#include "commands/rows.h"
#include "commands/schema.h"
#include "commands/source_rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "ingest/pipeline.h"

namespace rivulet::commands {
namespace {

using catalog::PutTable;
using catalog::Table;

enum class Mode { kSet, kAppend, kSetOrAppend, kSetOrReplace };

struct Target {
  Mode mode = Mode::kSet;
  TableName name;
  Properties properties;
  bool extends_schema = false;
  bool recreates_schema = false;
  ingest::ExtentProperties extent;
};

// What becomes of the table, from one catalog.
struct Plan {
  Table table;
  bool is_new = false;
  bool is_changed = false;  // the table must be put
  std::vector<uint32_t> column_ids;
};

std::vector<ColumnSpec> specs_of(const std::vector<ResultColumn>& columns) {
  std::vector<ColumnSpec> specs;
  for (const ResultColumn& column : columns) specs.push_back({column.name, column.type});
  return specs;
}

std::string types_of(const auto& columns) {
  std::string types;
  for (const auto& column : columns)
    types += (types.empty() ? "" : ",") + std::string(kusto_name(column.type));
  return types;
}

// Columns are matched by place and type, not by name.
void match_columns(Table& table, const Rows& rows, const Target& target) {
  bool fits = rows.columns.size() == table.columns.size() ||
              (target.extends_schema && rows.columns.size() > table.columns.size());
  for (size_t i = 0; fits && i < std::min(rows.columns.size(), table.columns.size()); ++i) {
    fits = rows.columns[i].type == table.columns[i].type;
  }
  if (!fits) {
    throw Error(ErrorKind::kSchemaMismatch,
                "Query schema does not match table schema. QuerySchema=('" +
                    types_of(rows.columns) + "'), TableSchema=('" + types_of(table.columns) + "')");
  }
  for (size_t i = table.columns.size(); i < rows.columns.size(); ++i) {
    const ResultColumn& column = rows.columns[i];
    check_entity_name("column", column.name);
    if (table.find_column(column.name) != nullptr) {
      throw entity_already_exists("Column", table.name + "." + column.name);
    }
    table.columns.edit().push_back({table.next_column_id++, column.name, column.type, ""});
  }
}

// The table, or null; throws when the mode wants it otherwise.
std::shared_ptr<const Table> need_target(const Catalog& catalog, const Target& target) {
  auto table = need_database(catalog, target.name.database)->find_table(target.name.table);
  if (table != nullptr && target.mode == Mode::kSet) {
    throw entity_already_exists("Table", target.name.table);
  }
  if (table == nullptr && target.mode == Mode::kAppend) {
    throw table_not_found(target.name.table, target.name.database);
  }
  return table;
}

Plan make_plan(const Catalog& catalog, const Target& target, const Rows& rows) {
  auto database = need_database(catalog, target.name.database);
  auto existing = need_target(catalog, target);
  Plan plan;
  if (existing == nullptr) {
    plan.table = new_table(catalog, *database, target.name.table, specs_of(rows.columns));
    plan.is_new = true;
  } else {
    plan.table = *existing;
    if (target.recreates_schema) {
      plan.table.columns = {};
      merge_columns(plan.table, specs_of(rows.columns));
    } else {
      match_columns(plan.table, rows, target);
    }
  }
  set_documentation(plan.table, target.properties);
  plan.is_changed = plan.is_new || plan.table.columns != existing->columns ||
                    plan.table.folder != existing->folder ||
                    plan.table.docstring != existing->docstring;
  for (const catalog::ColumnDef& column : plan.table.columns) plan.column_ids.push_back(column.id);
  return plan;
}

// Gives the extents, when the rows went straight into some; throws TagExists.
ingest::Extents commit_rows(const Services& services, const Target& target, const Rows& rows) {
  ingest::Extents extents;
  ingest::ingest(services.store, target.name.table, [&](ingest::Ingestion& ingestion) {
    Plan plan = make_plan(ingestion.catalog(), target, rows);
    extents =
        ingestion.add(plan.table, {plan.table.id, plan.column_ids, rows.batch}, target.extent);
    store::Transaction& transaction = ingestion.transaction();
    if (target.mode == Mode::kSetOrReplace) transaction.clear = {plan.table.id};
    transaction.alter = [&, id = plan.table.id](const Catalog& newest) -> Changes {
      Plan now = make_plan(newest, target, rows);
      // The id of a new table was given to another one.
      if (now.table.id != id) throw store::CatalogOutdated();
      if (!now.is_changed) return {};
      return {PutTable{std::move(now.table)}};
    };
  });
  return extents;
}

// What became of an ingestion.
struct Outcome {
  Rows rows;
  ingest::Extents extents;
  bool is_skipped = false;
};

ResultTable extents_answer(const Outcome& outcome) {
  ResultTable answer = make_answer({{"ExtentId", ScalarType::kGuid},
                                    {"OriginalSize", ScalarType::kLong},
                                    {"ExtentSize", ScalarType::kLong},
                                    {"ColumnSize", ScalarType::kLong},
                                    {"IndexSize", ScalarType::kLong},
                                    {"RowCount", ScalarType::kLong}});
  if (outcome.is_skipped) return answer;
  for (const auto& extent : outcome.extents) {
    auto size = static_cast<int64_t>(extent->size_bytes);
    auto index = static_cast<int64_t>(extent->index_size_bytes);
    append_row(answer, {extent->id, static_cast<int64_t>(extent->original_size_bytes), size + index,
                        size, index, static_cast<int64_t>(extent->row_count)});
  }
  if (!outcome.extents.empty()) return answer;
  // The rows are in the table's tail: no extent was made, which Kusto tells by the zero guid.
  auto size = static_cast<int64_t>(outcome.rows.batch->memory_bytes());
  auto rows = static_cast<int64_t>(outcome.rows.batch->row_count());
  append_row(answer, {Guid{}, size, 0, 0, 0, rows});
  return answer;
}

Action ingest(CommandContext& context, Mode mode, std::string_view kind, bool is_async) {
  CommandReader& reader = context.reader;
  Target target;
  target.mode = mode;
  target.name = {context.request.database, plain_name(context.names[0], "table")};
  target.properties = reader.properties();
  check_ingestion_properties(target.properties);
  target.extent = extent_properties(target.properties);
  target.extent.is_bulk = true;
  target.extends_schema = mode != Mode::kSet && target.properties.flag("extend_schema", false);
  target.recreates_schema =
      mode == Mode::kSetOrReplace && target.properties.flag("recreate_schema", false);
  reader.expect_symbol("<|");
  std::string source(trim(reader.take_rest()));
  if (source.empty()) reader.fail_expected("a query");
  auto work = [&services = context.services, request = context.request, target, source] {
    Outcome outcome;
    outcome.rows = run_source(services, request, source);
    try {
      outcome.extents = commit_rows(services, target, outcome.rows);
    } catch (const store::TagExists&) {
      outcome.is_skipped = true;
    }
    return extents_answer(outcome);
  };
  return [&services = context.services, target,
          run = operation_action(context, kind, target.name, is_async, std::move(work))] {
    need_target(*services.store.catalog(), target);  // said before the query runs
    return run();
  };
}

template <Mode kMode, bool kIsAsync>
Action ingest_of(CommandContext& context) {
  switch (kMode) {
    case Mode::kSet:
      return ingest(context, kMode, "TableSet", kIsAsync);
    case Mode::kAppend:
      return ingest(context, kMode, "TableAppend", kIsAsync);
    case Mode::kSetOrAppend:
      return ingest(context, kMode, "TableSetOrAppend", kIsAsync);
    case Mode::kSetOrReplace:
      return ingest(context, kMode, "TableSetOrReplace", kIsAsync);
  }
}

constexpr CommandForm kForms[] = {
    {"set <name>", "TableSet", true, ingest_of<Mode::kSet, false>},
    {"set async <name>", "TableSet", true, ingest_of<Mode::kSet, true>},
    {"append <name>", "TableAppend", true, ingest_of<Mode::kAppend, false>},
    {"append async <name>", "TableAppend", true, ingest_of<Mode::kAppend, true>},
    {"set-or-append <name>", "TableSetOrAppend", true, ingest_of<Mode::kSetOrAppend, false>},
    {"set-or-append async <name>", "TableSetOrAppend", true, ingest_of<Mode::kSetOrAppend, true>},
    {"set-or-replace <name>", "TableSetOrReplace", true, ingest_of<Mode::kSetOrReplace, false>},
    {"set-or-replace async <name>", "TableSetOrReplace", true,
     ingest_of<Mode::kSetOrReplace, true>},
};

}  // namespace

Forms query_ingestion_forms() {
  return kForms;
}

}  // namespace rivulet::commands
