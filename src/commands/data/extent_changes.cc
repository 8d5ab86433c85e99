// .drop extent(s), and the tags of extents.

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>

#include "commands/extent_choice.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

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
    if (order.must_exist) need_all(order.choice, chosen);
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

// Tags in lower case: case does not tell them apart.
using TagSet = std::unordered_set<std::string>;

TagSet tag_set(const std::vector<std::string>& tags) {
  TagSet set;
  for (const std::string& tag : tags) set.insert(lower_case(tag));
  return set;
}

std::vector<std::string> without(const std::vector<std::string>& tags, const TagSet& dropped) {
  std::vector<std::string> kept;
  for (const std::string& tag : tags) {
    if (!dropped.contains(lower_case(tag))) kept.push_back(tag);
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
    return [&services = context.services, choice, dropped = tag_set(tags)] {
      return retag(services, choice,
                   [&](const store::ExtentView& extent) { return without(extent.tags, dropped); });
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
      return found == dropped.end() ? extent.tags : without(extent.tags, tag_set(found->second));
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
      TagSet present = tag_set(merged);
      for (const std::string& tag : tags) {
        if (present.insert(lower_case(tag)).second) merged.push_back(tag);
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
