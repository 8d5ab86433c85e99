// .delete table records: rows that a predicate chooses.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/operation_action.h"
#include "commands/rows.h"
#include "commands/source_rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "kql/syntax/parser.h"

namespace rivulet::commands {
namespace {

struct Deletion {
  TableName table;
  std::string predicate;
  bool is_whatif = false;
};

// What Kusto asks of the predicate: the table itself, and extend, where and project.
void check_predicate(const Deletion& deletion) {
  kql::Script script = kql::parse_query(deletion.predicate);
  auto refuse = [](const std::string& what) {
    throw bad_request("The predicate of .delete table records " + what);
  };
  if (script.statements.size() != 1 || script.statements[0].kind != kql::Statement::Kind::kQuery) {
    refuse("must be one query");
  }
  const kql::Pipeline& pipeline = *script.statements[0].pipeline;
  const auto* source =
      pipeline.source ? std::get_if<kql::ExpressionPtr>(&*pipeline.source) : nullptr;
  if (source == nullptr || (*source)->kind != kql::Expression::Kind::kName ||
      (*source)->text != deletion.table.table) {
    refuse("must begin with the table '" + deletion.table.table + "'");
  }
  bool has_where = false;
  for (const kql::Operator& item : pipeline.operators) {
    bool is_where = std::holds_alternative<kql::WhereOperator>(item.body);
    const auto* project = std::get_if<kql::ProjectOperator>(&item.body);
    has_where = has_where || is_where;
    if (!is_where &&
        (project == nullptr || (project->form != "project" && project->form != "extend"))) {
      refuse("can only use extend, where and project, and has '" + item.name + "'");
    }
  }
  if (!has_where) refuse("must have a where");
}

using ByExtent = std::map<Guid, std::vector<int64_t>>;

// The rows up to and including a sequence that match, by extent; those of the tail stand under the zero guid.
ByExtent matching_rows(const Services& services, const CommandRequest& request,
                       const Deletion& deletion, store::Sequence up_to) {
  Rows rows = run_source(services, request,
                         fmt::format("{}\n| where cursor_before_or_at('{}')\n"
                                     "| project extent_id(), __extent_row()",
                                     deletion.predicate, up_to));
  ColumnView ids = rows.batch->column(0).view(), numbers = rows.batch->column(1).view();
  ByExtent matching;
  for (size_t row = 0; row < rows.batch->row_count(); ++row) {
    matching[ids.cell<GuidCell>(row).guid()].push_back(
        numbers.is_null(row) ? 0 : numbers.cell<int64_t>(row));
  }
  for (auto& [extent, deleted] : matching) std::sort(deleted.begin(), deleted.end());
  return matching;
}

ResultTable deletion_answer() {
  return make_answer({{"TableName", ScalarType::kString},
                      {"OriginalExtentId", ScalarType::kGuid},
                      {"ResultExtentId", ScalarType::kGuid},
                      {"RecordsMatchPredicate", ScalarType::kLong}});
}

// One attempt; throws store::ReplaceOutdated when the extents changed meanwhile.
ResultTable delete_rows(const Services& services, const CommandRequest& request,
                        const Deletion& deletion, store::Sequence up_to) {
  auto table = need_table(*services.store.catalog(), deletion.table.database, deletion.table.table);
  ByExtent matching = matching_rows(services, request, deletion, up_to);
  ResultTable answer = deletion_answer();
  auto append = [&](const Guid& original, const Guid& result, size_t count) {
    append_row(answer, {table->name, original, result, static_cast<int64_t>(count)});
  };
  if (deletion.is_whatif) {
    for (const auto& [extent, rows] : matching) append(extent, Guid{}, rows.size());
    return answer;
  }
  if (matching.contains(Guid{})) {
    services.store.seal({&table->id, 1});
    throw store::ReplaceOutdated();
  }
  auto snapshot = services.store.snapshot({&table->id, 1});
  auto data = snapshot->table(table->id);
  if (data == nullptr) throw store::ReplaceOutdated();
  store::Transaction transaction;
  store::Replace& replace = transaction.replace.emplace_back();
  replace.table = table->id;
  for (const auto& extent : data->extents()) {
    auto rows = matching.find(extent->id);
    if (rows == matching.end()) continue;
    size_t count = rows->second.size();
    auto rest = services.store.rewrite_extent(data->table(), extent, std::move(rows->second));
    replace.removed.push_back(extent->id);
    append(extent->id, rest == nullptr ? Guid{} : rest->id, count);
    if (rest != nullptr) replace.added.push_back(std::move(rest));
  }
  if (replace.removed.size() < matching.size()) throw store::ReplaceOutdated();
  if (!matching.empty()) services.store.commit(std::move(transaction));
  return answer;
}

ResultTable delete_records(const Services& services, const CommandRequest& request,
                           const Deletion& deletion) {
  constexpr int kAttempts = 20;
  auto table = need_table(*services.store.catalog(), deletion.table.database, deletion.table.table);
  // Rows that come from now on stay: else the tail of a table that is being fed would be sealed again and again.
  store::Sequence up_to = services.store.snapshot({&table->id, 1})->sequence();
  std::shared_ptr<void> held = services.store.hold_merges(table->id);
  for (int i = 0; i < kAttempts; ++i) {
    try {
      return delete_rows(services, request, deletion, up_to);
    } catch (const store::ReplaceOutdated&) {
      // The tail was sealed, or extents were merged: look again.
    }
  }
  throw throttled("The extents of table '" + deletion.table.table + "' keep changing; retry later");
}

template <bool kIsAsync>
Action delete_action(CommandContext& context) {
  CommandReader& reader = context.reader;
  Deletion deletion;
  deletion.table = table_name(context, context.names[0]);
  Properties properties = reader.properties();
  properties.check_known({"whatif"});
  deletion.is_whatif = properties.flag("whatif", false);
  reader.expect_symbol("<|");
  deletion.predicate = trim(reader.take_rest());
  check_predicate(deletion);
  CommandRequest inner = context.request;
  inner.database = deletion.table.database;
  auto work = [&services = context.services, inner, deletion] {
    return delete_records(services, inner, deletion);
  };
  return [&services = context.services, deletion,
          run = operation_action(context, "TableDeleteRecords", deletion.table, kIsAsync,
                                 std::move(work))] {
    need_table(*services.store.catalog(), deletion.table.database, deletion.table.table);
    return run();
  };
}

constexpr CommandForm kForms[] = {
    {"delete table <name> records", "TableDeleteRecords", true, delete_action<false>},
    {"delete async table <name> records", "TableDeleteRecords", true, delete_action<true>},
};

}  // namespace

Forms soft_delete_forms() {
  return kForms;
}

}  // namespace rivulet::commands
