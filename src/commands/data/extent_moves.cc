// .move extents and .replace extents.

#include <algorithm>
#include <map>

#include "commands/extent_choice.h"
#include "commands/form.h"
#include "commands/operation_action.h"
#include "commands/rows.h"
#include "commands/text.h"
#include "common/error.h"

namespace rivulet::commands {
namespace {

// Extents that go into the target from other tables of the database, and extents of the target that go.
struct Move {
  std::string database;
  std::string target;
  bool is_whole_table = false;  // with the rows that are in no extent yet
  Choice moved;
  std::optional<Choice> dropped;
};

// All columns of the source must be in the target, by name and type: their numbers there, by those of the target.
std::map<uint32_t, uint32_t> matched_columns(const catalog::Table& source,
                                             const catalog::Table& target) {
  std::map<uint32_t, uint32_t> matched;
  for (const catalog::ColumnDef& column : source.columns) {
    const catalog::ColumnDef* same = target.find_column(column.name);
    if (same == nullptr || same->type != column.type) {
      throw bad_request("Column '" + column.name + "' (" + std::string(kusto_name(column.type)) +
                        ") of table '" + source.name + "' is not in table '" + target.name +
                        "' with the same name and type: extents cannot be moved there");
    }
    matched.emplace(same->id, column.id);
  }
  return matched;
}

void check_found(const Choice& choice, const std::vector<Chosen>& chosen) {
  if (!choice.ids) return;
  if (choice.ids->contains(Guid{})) {
    throw bad_request(
        "Some of the rows are in no extent yet, so they cannot be moved by their "
        "extent: use '.move extents all from table …'");
  }
  need_all(choice, chosen);
}

ResultTable moves_answer() {
  return make_answer({{"OriginalExtentId", ScalarType::kString},
                      {"ResultExtentId", ScalarType::kString},
                      {"Details", ScalarType::kString}});
}

// One attempt; throws store::ReplaceOutdated when the extents changed meanwhile.
ResultTable move_once(const Services& services, const Move& move) {
  auto target = need_table(*services.store.catalog(), move.database, move.target);
  std::vector<Chosen> moved = choose(services, move.database, move.moved);
  check_found(move.moved, moved);
  std::vector<Chosen> dropped;
  if (move.dropped) {
    dropped = choose(services, move.database, *move.dropped);
    check_found(*move.dropped, dropped);
    for (const Chosen& item : dropped) {
      const Guid& id = item.extent->id;
      bool is_moved = std::any_of(moved.begin(), moved.end(),
                                  [&](const Chosen& other) { return other.extent->id == id; });
      if (!is_moved) continue;
      throw bad_request("Extent " + to_string(id) + " is both to be dropped from table '" +
                        target->name + "' and to be moved into it: nothing was done");
    }
  }
  // What is in the target is where it shall be.
  std::erase_if(moved, [&](const Chosen& item) { return item.table->id == target->id; });

  ResultTable answer = moves_answer();
  std::map<catalog::TableId, store::Replace> replaces;
  auto replace_of = [&](catalog::TableId table) -> store::Replace& {
    store::Replace& replace = replaces[table];
    replace.table = table;
    return replace;
  };
  for (const Chosen& item : dropped) {
    replace_of(target->id).removed.push_back(item.extent->id);
    append_row(answer, {to_string(item.extent->id), "", ""});
  }
  for (const Chosen& item : moved) {
    auto extent =
        services.store.move_extent(*target, item.extent, matched_columns(*item.table, *target));
    append_row(answer, {to_string(item.extent->id), to_string(extent->id), ""});
    replace_of(item.table->id).removed.push_back(item.extent->id);
    replace_of(target->id).added.push_back(std::move(extent));
  }
  store::Transaction transaction;
  for (auto& [table, replace] : replaces) transaction.replace.push_back(std::move(replace));
  if (!transaction.replace.empty()) services.store.commit(std::move(transaction));
  return answer;
}

ResultTable carry_out(const Services& services, const Move& move) {
  if (move.is_whole_table) {
    const TableName& source = move.moved.tables.front();
    auto table = need_table(*services.store.catalog(), source.database, source.table);
    matched_columns(*table, *need_table(*services.store.catalog(), move.database, move.target));
    services.store.seal({&table->id, 1});
  }
  ResultTable answer = moves_answer();
  until_current([&] { answer = move_once(services, move); });
  return answer;
}

// The target of the command, in the database of the request.
Move read_target(CommandContext& context) {
  CommandReader& reader = context.reader;
  reader.expect_word("table");
  Move move;
  move.database = context.request.database;
  move.target = reader.name("the name of a table");
  return move;
}

void read_properties(CommandReader& reader, Move& move) {
  Properties properties = read_range(reader, move.moved, {"setNewIngestionTime"});
  if (properties.flag("setNewIngestionTime", false)) {
    throw not_supported("the property setNewIngestionTime");
  }
}

// .move [async] extents all from table S to table T
// .move [async] extents from table S to table T (ids)
// .move [async] extents to table T <| query
template <bool kIsAsync>
Action move_extents(CommandContext& context) {
  CommandReader& reader = context.reader;
  bool is_whole_table = reader.try_word("all");
  std::string source;
  if (is_whole_table || reader.at_word("from")) {
    reader.expect_word("from");
    reader.expect_word("table");
    source = reader.name("the name of a table");
  }
  reader.expect_word("to");
  Move move = read_target(context);
  move.is_whole_table = is_whole_table;
  if (!source.empty()) move.moved.tables = {{move.database, source}};
  read_properties(reader, move);
  std::string query;
  if (source.empty()) {
    reader.expect_symbol("<|");
    query = trim(reader.take_rest());
  } else if (!is_whole_table) {
    reader.expect_symbol("(");
    move.moved.ids.emplace();
    do {
      move.moved.ids->insert(reader.guid("the id of an extent"));
    } while (reader.try_symbol(","));
    reader.expect_symbol(")");
  }
  auto work = [&services = context.services, request = context.request, move, query]() mutable {
    need_table(*services.store.catalog(), move.database, move.target);
    if (!query.empty()) move.moved.ids = extent_ids(run_source(services, request, query));
    return carry_out(services, move);
  };
  return operation_action(context, "ExtentsMove", {move.database, move.target}, kIsAsync,
                          std::move(work));
}

// "{ query }" without its brackets.
std::string braced_query(CommandReader& reader) {
  std::string_view text = reader.bracketed("{", "}");
  return std::string(trim(text.substr(1, text.size() - 2)));
}

// .replace [async] extents in table T <| { extents to drop }, { extents to move }
template <bool kIsAsync>
Action replace_extents(CommandContext& context) {
  CommandReader& reader = context.reader;
  reader.expect_word("in");
  Move move = read_target(context);
  read_properties(reader, move);
  reader.expect_symbol("<|");
  std::string to_drop = braced_query(reader);
  reader.expect_symbol(",");
  std::string to_move = braced_query(reader);
  auto work = [&services = context.services, request = context.request, move, to_drop,
               to_move]() mutable {
    move.dropped.emplace();
    move.dropped->tables = {{move.database, move.target}};
    move.dropped->ids = extent_ids(run_source(services, request, to_drop));
    move.moved.ids = extent_ids(run_source(services, request, to_move));
    return carry_out(services, move);
  };
  return operation_action(context, "ExtentsReplace", {move.database, move.target}, kIsAsync,
                          std::move(work));
}

constexpr CommandForm kForms[] = {
    {"move extents", "ExtentsMove", true, move_extents<false>},
    {"move async extents", "ExtentsMove", true, move_extents<true>},
    {"replace extents", "ExtentsReplace", true, replace_extents<false>},
    {"replace async extents", "ExtentsReplace", true, replace_extents<true>},
};

}  // namespace

Forms extent_move_forms() {
  return kForms;
}

}  // namespace rivulet::commands
