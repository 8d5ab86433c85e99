// .drop extent(s), and the tags of extents.

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/source_rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

using ExtentPtr = std::shared_ptr<const store::ExtentView>;
using TablePtr = std::shared_ptr<const catalog::Table>;

uint64_t extent_bytes(const store::ExtentView& extent) {
  return extent.size_bytes + extent.index_size_bytes;
}
uint64_t data_bytes(const store::ExtentView& extent) {
  return extent.original_size_bytes;
}

// trim by: only as many as it takes until all extents of the tables are of no more than this size.
struct Trim {
  uint64_t (*size_of)(const store::ExtentView&) = extent_bytes;
  uint64_t bytes = 0;
};

// Which extents are meant. What is not set does not choose.
struct Choice {
  std::vector<TableName> tables;  // none: all of the database
  std::optional<std::set<Guid>> ids;
  std::optional<Ticks> created_before;
  Ticks created_from = INT64_MIN, created_to = INT64_MAX;
  std::optional<Trim> trim;
  size_t limit = SIZE_MAX;

  bool holds(const store::ExtentView& extent) const {
    return (!ids || ids->contains(extent.id)) &&
           (!created_before || extent.max_created < *created_before) &&
           extent.max_created >= created_from && extent.min_created <= created_to;
  }
};

struct Chosen {
  TablePtr table;
  ExtentPtr extent;
};

// The extents chosen, oldest first.
std::vector<Chosen> choose(const Services& services, const std::string& database,
                           const Choice& choice) {
  auto catalog = services.store.catalog();
  std::vector<TablePtr> tables;
  for (const TableName& name : choice.tables) {
    tables.push_back(need_table(*catalog, name.database, name.table));
  }
  if (tables.empty()) tables = need_database(*catalog, database)->tables();
  std::vector<catalog::TableId> ids;
  for (const TablePtr& table : tables) ids.push_back(table->id);
  auto snapshot = services.store.snapshot(ids);
  std::vector<Chosen> chosen;
  uint64_t bytes = 0;
  for (const TablePtr& table : tables) {
    auto data = snapshot->table(table->id);
    if (data == nullptr) continue;
    for (const ExtentPtr& extent : data->extents()) {
      if (choice.trim) bytes += choice.trim->size_of(*extent);
      if (choice.holds(*extent)) chosen.push_back({table, extent});
    }
  }
  std::stable_sort(chosen.begin(), chosen.end(), [](const Chosen& a, const Chosen& b) {
    return a.extent->max_created < b.extent->max_created;
  });
  if (choice.trim) {
    size_t count = 0;
    for (; count < chosen.size() && bytes > choice.trim->bytes; ++count) {
      bytes -= choice.trim->size_of(*chosen[count].extent);
    }
    chosen.resize(count);
  }
  if (chosen.size() > choice.limit) chosen.resize(choice.limit);
  return chosen;
}

// Runs `attempt` until none of the extents that it replaces was gone already.
void until_current(const std::function<void()>& attempt) {
  constexpr int kAttempts = 20;
  for (int i = 0; i < kAttempts; ++i) {
    try {
      attempt();
      return;
    } catch (const store::ReplaceOutdated&) {
      // Others changed the extents meanwhile: look again.
    }
  }
  throw throttled("The extents keep changing; retry later");
}

void remove(const Services& services, const std::vector<Chosen>& chosen) {
  std::map<catalog::TableId, store::Replace> replaces;
  for (const Chosen& item : chosen) {
    store::Replace& replace = replaces[item.table->id];
    replace.table = item.table->id;
    replace.removed.push_back(item.extent->id);
  }
  store::Transaction transaction;
  for (auto& [table, replace] : replaces) transaction.replace.push_back(std::move(replace));
  if (!transaction.replace.empty()) services.store.commit(std::move(transaction));
}

// What a .drop does; `must_exist` refuses ids that are not there.
struct Drop {
  std::string database;
  Choice choice;
  bool is_whatif = false;
  bool must_exist = false;
};

ResultTable drop(const Services& services, const Drop& order) {
  std::vector<Chosen> chosen;
  until_current([&] {
    chosen = choose(services, order.database, order.choice);
    if (order.must_exist) {
      std::set<Guid> missing = *order.choice.ids;
      for (const Chosen& item : chosen) missing.erase(item.extent->id);
      if (!missing.empty()) throw entity_not_found("Extent", to_string(*missing.begin()));
    }
    if (!order.is_whatif) remove(services, chosen);
  });
  ResultTable answer = make_answer({{"ExtentId", ScalarType::kString},
                                    {"TableName", ScalarType::kString},
                                    {"CreatedOn", ScalarType::kDateTime}});
  for (const Chosen& item : chosen) {
    append_row(answer, {to_string(item.extent->id), item.table->name, item.extent->min_created});
  }
  return answer;
}

Action drop_action(CommandContext& context, Choice choice, bool is_whatif, bool must_exist) {
  Drop order{context.request.database, std::move(choice), is_whatif, must_exist};
  return [&services = context.services, order] { return drop(services, order); };
}

TableName read_table(CommandContext& context) {
  return table_name(context, context.reader.entity_name("a table"));
}

// "extentsize 10 GB"
Trim read_trim(CommandReader& reader) {
  Trim trim;
  if (reader.try_word("datasize")) {
    trim.size_of = data_bytes;
  } else if (!reader.try_word("extentsize")) {
    reader.fail_expected("extentsize or datasize");
  }
  auto count = static_cast<uint64_t>(reader.whole_number("a size"));
  int shift = reader.try_word("mb") ? 20 : reader.try_word("gb") ? 30 : 0;
  if (shift == 0 && !reader.try_word("bytes")) reader.fail_expected("MB, GB or bytes");
  // A size past all that there can be trims nothing.
  trim.bytes = count > UINT64_MAX >> shift ? UINT64_MAX : count << shift;
  return trim;
}

// .drop extent id [from T]
Action drop_extent(CommandContext& context) {
  Choice choice;
  choice.ids.emplace().insert(context.reader.guid("the id of an extent"));
  if (context.reader.try_word("from")) choice.tables = {read_table(context)};
  return drop_action(context, std::move(choice), false, true);
}

Guid guid_cell(const Rows& rows, size_t column, size_t row) {
  ColumnView view = rows.batch->column(column).view();
  std::optional<Guid> guid;
  if (view.type == ScalarType::kGuid && !view.is_null(row)) {
    guid = view.cell<GuidCell>(row).guid();
  } else if (view.type == ScalarType::kString) {
    guid = parse_guid(view.text(row));
  }
  if (!guid) throw bad_request("The column 'ExtentId' of the query must hold guids");
  return *guid;
}

std::set<Guid> extent_ids(const Rows& rows) {
  std::set<Guid> ids;
  size_t column = rows.find("ExtentId");
  for (size_t row = 0; row < rows.batch->row_count(); ++row) {
    ids.insert(guid_cell(rows, column, row));
  }
  return ids;
}

// .drop extents [whatif] <| query, .drop extents (ids) [from T],
// .drop extents [older N days|hours] from (T | tables (T, …) | all tables)
//     [trim by (extentsize|datasize) N (MB|GB|bytes)] [limit N]
Action drop_extents(CommandContext& context, bool is_pretended) {
  CommandReader& reader = context.reader;
  bool is_whatif = reader.try_word("whatif") || is_pretended;
  Choice choice;
  if (reader.try_symbol("<|")) {
    std::string source(trim(reader.take_rest()));
    return [&services = context.services, request = context.request, source, is_whatif] {
      Drop order{request.database, {}, is_whatif, false};
      order.choice.ids = extent_ids(run_source(services, request, source));
      return drop(services, order);
    };
  }
  if (reader.try_symbol("(")) {
    choice.ids.emplace();
    do {
      choice.ids->insert(reader.guid("the id of an extent"));
    } while (reader.try_symbol(","));
    reader.expect_symbol(")");
    if (reader.try_word("from")) choice.tables = {read_table(context)};
    return drop_action(context, std::move(choice), is_whatif, true);
  }
  if (reader.try_word("older")) {
    int64_t count = reader.whole_number("a number of days or hours");
    bool is_days = reader.try_word("days") || reader.try_word("day");
    if (!is_days && !reader.try_word("hours") && !reader.try_word("hour")) {
      reader.fail_expected("days or hours");
    }
    Ticks unit = is_days ? kTicksPerDay : kTicksPerHour;
    choice.created_before =
        count > context.request.now / unit ? 0 : context.request.now - count * unit;
  }
  reader.expect_word("from");
  if (reader.try_word("all")) {
    reader.expect_word("tables");
  } else if (size_t start = reader.mark(); reader.try_word("tables") && reader.at_symbol("(")) {
    for (const std::string& name : reader.name_list("a table")) {
      choice.tables.push_back({context.request.database, name});
    }
  } else {
    reader.reset(start);  // a table may be called "tables"
    choice.tables = {read_table(context)};
  }
  if (reader.try_word("trim")) {
    reader.expect_word("by");
    choice.trim = read_trim(reader);
  }
  if (reader.try_word("limit")) {
    choice.limit = static_cast<size_t>(reader.whole_number("a number of extents"));
  }
  return drop_action(context, std::move(choice), is_whatif, false);
}

// What becomes of the tags of an extent.
using Retag = std::function<std::vector<std::string>(const store::ExtentView&)>;

// An extent is a file and a description that never change: other tags make another extent of its rows.
ResultTable retag(const Services& services, const Choice& choice, const Retag& tags_of) {
  ResultTable answer = make_answer({{"OriginalExtentId", ScalarType::kString},
                                    {"ResultExtentId", ScalarType::kString},
                                    {"ResultExtentTags", ScalarType::kString},
                                    {"Details", ScalarType::kString}});
  until_current([&] {
    ResultTable rows = make_answer(answer.columns);
    store::Transaction transaction;
    std::shared_ptr<const catalog::Catalog> catalog = services.store.catalog();
    for (const Chosen& item : choose(services, "", choice)) {
      std::vector<std::string> tags = tags_of(*item.extent);
      if (tags == item.extent->tags) continue;
      if (transaction.replace.empty()) transaction.replace.emplace_back().table = item.table->id;
      store::Replace& replace = transaction.replace.front();
      auto extent = services.store.rewrite_extent(*item.table, item.extent, {});
      extent->tags = tags;
      replace.removed.push_back(item.extent->id);
      replace.added.push_back(extent);
      std::string text;
      for (const std::string& tag : tags) text += (text.empty() ? "" : "\r\n") + tag;
      append_row(rows, {to_string(item.extent->id), to_string(extent->id), text, ""});
    }
    if (!transaction.replace.empty()) services.store.commit(std::move(transaction));
    answer = std::move(rows);
  });
  return answer;
}

std::vector<std::string> read_tags(CommandReader& reader) {
  std::vector<std::string> tags;
  reader.expect_symbol("(");
  do {
    tags.push_back(reader.string_literal("a tag"));
  } while (reader.try_symbol(","));
  reader.expect_symbol(")");
  return tags;
}

void read_range(CommandReader& reader, Choice& choice) {
  Properties properties = reader.properties();
  properties.check_known({"extentCreatedOnFrom", "extentCreatedOnTo"});
  if (auto from = properties.datetime("extentCreatedOnFrom")) choice.created_from = *from;
  if (auto to = properties.datetime("extentCreatedOnTo")) choice.created_to = *to;
}

bool has_tag(const std::vector<std::string>& tags, const std::string& tag) {
  return std::any_of(tags.begin(), tags.end(), [&](const std::string& candidate) {
    return equals_ignoring_case(candidate, tag);
  });
}

std::vector<std::string> without(const std::vector<std::string>& tags,
                                 const std::vector<std::string>& dropped) {
  std::vector<std::string> kept;
  for (const std::string& tag : tags) {
    if (!has_tag(dropped, tag)) kept.push_back(tag);
  }
  return kept;
}

// .drop table T extent tags ('a', …), or <| query of ExtentId and Tags
Action drop_tags(CommandContext& context) {
  CommandReader& reader = context.reader;
  Choice choice;
  choice.tables = {table_name(context, context.names[0])};
  std::vector<std::string> tags;
  if (reader.at_symbol("(")) tags = read_tags(reader);
  read_range(reader, choice);
  if (!tags.empty()) {
    return [&services = context.services, choice, tags] {
      return retag(services, choice,
                   [&](const store::ExtentView& extent) { return without(extent.tags, tags); });
    };
  }
  reader.expect_symbol("<|");
  std::string source(trim(reader.take_rest()));
  return [&services = context.services, request = context.request, choice, source]() mutable {
    Rows rows = run_source(services, request, source);
    size_t id = rows.find("ExtentId"), tag = rows.find("Tags");
    if (!is_text(rows.columns[tag].type)) {
      throw bad_request("The column 'Tags' of the query must be a string");
    }
    std::map<Guid, std::vector<std::string>> dropped;
    for (size_t row = 0; row < rows.batch->row_count(); ++row) {
      std::string text(rows.batch->column(tag).view().text(row));
      std::vector<std::string>& of_extent = dropped[guid_cell(rows, id, row)];
      // As .show extents lists them, or one.
      for (size_t start = 0; start <= text.size();) {
        size_t end = std::min(text.find("\r\n", start), text.size());
        of_extent.push_back(text.substr(start, end - start));
        start = end + 2;
      }
    }
    return retag(services, choice, [&](const store::ExtentView& extent) {
      auto found = dropped.find(extent.id);
      return found == dropped.end() ? extent.tags : without(extent.tags, found->second);
    });
  };
}

// .alter[-merge] table T extent tags ('a', …) <| query of ExtentId
template <bool kMerges>
Action alter_tags(CommandContext& context) {
  CommandReader& reader = context.reader;
  Choice choice;
  choice.tables = {table_name(context, context.names[0])};
  std::vector<std::string> tags = read_tags(reader);
  read_range(reader, choice);
  reader.expect_symbol("<|");
  std::string source(trim(reader.take_rest()));
  return [&services = context.services, request = context.request, choice, tags, source]() mutable {
    choice.ids = extent_ids(run_source(services, request, source));
    return retag(services, choice, [&](const store::ExtentView& extent) {
      if (!kMerges) return tags;
      std::vector<std::string> merged = extent.tags;
      for (const std::string& tag : tags) {
        if (!has_tag(merged, tag)) merged.push_back(tag);
      }
      return merged;
    });
  };
}

constexpr CommandForm kForms[] = {
    {"drop extent", "ExtentsDrop", true, drop_extent},
    {"drop extents", "ExtentsDrop", true,
     [](CommandContext& context) { return drop_extents(context, false); }},
    {"drop-pretend extents", "ExtentsDropPretend", false,
     [](CommandContext& context) { return drop_extents(context, true); }},
    {"drop table <name> extent tags", "ExtentTagsDrop", true, drop_tags},
    {"alter table <name> extent tags", "ExtentTagsAlter", true, alter_tags<false>},
    {"alter-merge table <name> extent tags", "ExtentTagsAlter", true, alter_tags<true>},
};

}  // namespace

Forms extent_change_forms() {
  return kForms;
}

}  // namespace rivulet::commands
