// .show extents, and .show table data statistics.

#include <algorithm>
#include <map>
#include <set>

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

using TablePtr = std::shared_ptr<const catalog::Table>;

// A condition on the tags of an extent.
struct TagFilter {
  bool is_negated = false;
  bool is_whole = false;  // has: the whole tag; contains: a part of it
  std::string text;

  bool holds(const std::vector<std::string>& tags) const {
    bool found = false;
    for (const std::string& tag : tags) {
      found = found || (is_whole ? equals_ignoring_case(tag, text)
                                 : lower_case(tag).find(lower_case(text)) != std::string::npos);
    }
    return found != is_negated;
  }
};

struct Selection {
  std::set<Guid> ids;  // empty: all
  std::vector<TagFilter> tags;
};

// [(id, …)] [hot] [where tags has "x" and …]
Selection read_selection(CommandReader& reader) {
  Selection selection;
  if (reader.try_symbol("(")) {
    do {
      selection.ids.insert(reader.guid("the id of an extent"));
    } while (reader.try_symbol(","));
    reader.expect_symbol(")");
  }
  reader.try_word("hot");  // all data is on the local disk
  if (reader.at_word("metadata")) throw not_supported(".show extents metadata");
  if (reader.try_word("where")) {
    do {
      reader.expect_word("tags");
      TagFilter filter;
      filter.is_negated = reader.try_symbol("!");
      std::string word = reader.word("has or contains");
      if (word != "has" && word != "contains") reader.fail_expected("has or contains");
      filter.is_whole = word == "has";
      filter.text = reader.string_literal("a tag");
      selection.tags.push_back(std::move(filter));
    } while (reader.try_word("and"));
  }
  reader.properties();
  return selection;
}

ResultTable list_extents(const Services& services, const Selection& selection,
                         const std::vector<std::pair<std::string, TablePtr>>& tables) {
  constexpr auto kString = ScalarType::kString;
  constexpr auto kReal = ScalarType::kReal;
  constexpr auto kLong = ScalarType::kLong;
  ResultTable answer = make_answer({{"ExtentId", ScalarType::kGuid},
                                    {"DatabaseName", kString},
                                    {"TableName", kString},
                                    {"MaxCreatedOn", ScalarType::kDateTime},
                                    {"OriginalSize", kReal},
                                    {"ExtentSize", kReal},
                                    {"CompressedSize", kReal},
                                    {"IndexSize", kReal},
                                    {"Blocks", kLong},
                                    {"Segments", kLong},
                                    {"ExtentContainerId", kString},
                                    {"RowCount", kLong},
                                    {"MinCreatedOn", ScalarType::kDateTime},
                                    {"Tags", kString},
                                    {"Kind", kString},
                                    {"DeletedRowCount", kLong}});
  std::vector<catalog::TableId> ids;
  for (const auto& [database, table] : tables) ids.push_back(table->id);
  auto snapshot = services.store.snapshot(ids);
  for (const auto& [database, table] : tables) {
    auto data = snapshot->table(table->id);
    if (data == nullptr) continue;
    for (const auto& extent : data->extents()) {
      if (!selection.ids.empty() && !selection.ids.contains(extent->id)) continue;
      bool is_selected = true;
      for (const TagFilter& filter : selection.tags)
        is_selected = is_selected && filter.holds(extent->tags);
      if (!is_selected) continue;
      std::string tags;
      for (const std::string& tag : extent->tags) tags += (tags.empty() ? "" : "\r\n") + tag;
      append_row(answer, {extent->id, database, table->name, extent->max_created,
                          static_cast<double>(extent->original_size_bytes),
                          static_cast<double>(extent->size_bytes + extent->index_size_bytes),
                          static_cast<double>(extent->size_bytes),
                          static_cast<double>(extent->index_size_bytes), Cell(), Cell(), "",
                          static_cast<int64_t>(extent->row_count), extent->min_created, tags,
                          "Parquet", 0});
    }
  }
  return answer;
}

using Tables = std::vector<std::pair<std::string, TablePtr>>;

void add_tables(Tables& tables, const catalog::Database& database) {
  for (const auto& table : database.tables()) tables.emplace_back(database.name, table);
}

Action show_table_extents(CommandContext& context) {
  std::vector<TableName> names;
  if (context.lists.empty()) {
    names.push_back(table_name(context, context.names[0]));
  } else {
    for (const std::string& name : context.lists[0])
      names.push_back({context.request.database, name});
  }
  return [&services = context.services, names, selection = read_selection(context.reader)] {
    Tables tables;
    auto catalog = services.store.catalog();
    for (const TableName& name : names) {
      tables.emplace_back(name.database, need_table(*catalog, name.database, name.table));
    }
    return list_extents(services, selection, tables);
  };
}

Action show_database_extents(CommandContext& context) {
  std::vector<std::string> names{database_name(context)};
  if (!context.lists.empty()) names = context.lists[0];
  return [&services = context.services, names, selection = read_selection(context.reader)] {
    Tables tables;
    auto catalog = services.store.catalog();
    for (const std::string& name : names) add_tables(tables, *need_database(*catalog, name));
    return list_extents(services, selection, tables);
  };
}

Action show_cluster_extents(CommandContext& context) {
  return [&services = context.services, selection = read_selection(context.reader)] {
    Tables tables;
    for (const auto& database : services.store.catalog()->databases())
      add_tables(tables, *database);
    return list_extents(services, selection, tables);
  };
}

// Which extents statistics are asked of.
struct StatisticsScope {
  Ticks from = INT64_MIN, to = INT64_MAX;
  bool includes_cold = false;
};

ResultTable data_statistics(const Services& services, const TableName& name,
                            const StatisticsScope& scope) {
  constexpr auto kString = ScalarType::kString;
  constexpr auto kReal = ScalarType::kReal;
  constexpr auto kLong = ScalarType::kLong;
  ResultTable answer = make_answer({{"ColumnName", kString},
                                    {"ColumnType", kString},
                                    {"ColumnId", ScalarType::kGuid},
                                    {"OriginalSize", kLong},
                                    {"ExtentSize", kLong},
                                    {"CompressionRatio", kReal},
                                    {"DataCompressedSize", kLong},
                                    {"SharedIndexSize", kLong},
                                    {"IndexSize", kLong},
                                    {"IndexSizePercent", kReal},
                                    {"StorageEngineVersion", kString},
                                    {"PresentRowCount", kLong},
                                    {"DeletedRowCount", kLong},
                                    {"SamplePercent", kReal},
                                    {"IncludeColdData", ScalarType::kBool},
                                    {"MaxDistinctCount", kLong}});
  auto table = need_table(*services.store.catalog(), name.database, name.table);
  auto data = services.store.snapshot({&table->id, 1})->table(table->id);
  if (data == nullptr) return answer;
  struct Sums {
    uint64_t original = 0, compressed = 0, max_distinct = 0;
  };
  std::map<uint32_t, Sums> columns;
  uint64_t rows = 0, index = 0;
  for (const auto& extent : data->extents()) {
    if (extent->max_created < scope.from || extent->min_created > scope.to) continue;
    rows += extent->row_count;
    index += extent->index_size_bytes;
    for (const auto& column : extent->statistics.columns()) {
      Sums& sums = columns[column.column_id];
      sums.original += column.original_size_bytes;
      sums.compressed += column.size_bytes;
      sums.max_distinct = std::max(sums.max_distinct, column.distinct_count);
    }
  }
  for (const auto& column : table->columns) {
    const Sums& sums = columns[column.id];
    auto compressed = static_cast<int64_t>(sums.compressed);
    Cell ratio;
    if (compressed > 0) {
      ratio = static_cast<double>(sums.original) / static_cast<double>(compressed);
    }
    // The index is shared by the columns of texts: there is none of a column alone.
    append_row(answer,
               {column.name, std::string(kusto_name(column.type)), Guid{0, column.id},
                static_cast<int64_t>(sums.original), compressed, ratio, compressed,
                static_cast<int64_t>(index), 0, 0.0, "Parquet", static_cast<int64_t>(rows), 0,
                100.0, scope.includes_cold ? 1 : 0, static_cast<int64_t>(sums.max_distinct)});
  }
  return answer;
}

// .show table T data statistics [with (samplepercent=N, scope="all", from=…, to=…)]
Action show_data_statistics(CommandContext& context) {
  TableName name = table_name(context, context.names[0]);
  Properties properties = context.reader.properties();
  properties.check_known({"samplepercent", "scope", "from", "to"});
  StatisticsScope scope;
  scope.from = properties.datetime("from").value_or(scope.from);
  scope.to = properties.datetime("to").value_or(scope.to);
  std::string wanted = lower_case(properties.find("scope").value_or("hotcache"));
  if (wanted != "all" && wanted != "hotcache") {
    throw bad_request("scope must be \"hotcache\" or \"all\", and is " + wanted);
  }
  scope.includes_cold = wanted == "all";
  // A hint: the statistics are there, and cost the same for all data.
  std::string percent = properties.find("samplepercent").value_or("1");
  auto number = parse_long(percent);
  if (!number || *number < 0 || *number > 100) {
    throw bad_request("samplepercent must be a whole number from 0 to 100, and is " + percent);
  }
  return [&services = context.services, name, scope] {
    return data_statistics(services, name, scope);
  };
}

constexpr CommandForm kForms[] = {
    {"show table <name> data statistics", "TableDataStatisticsShow", false, show_data_statistics},
    {"show table <name> extents", "TableExtentsShow", false, show_table_extents},
    {"show tables <names> extents", "TableExtentsShow", false, show_table_extents},
    {"show database extents", "DatabaseExtentsShow", false, show_database_extents},
    {"show database <name> extents", "DatabaseExtentsShow", false, show_database_extents},
    {"show databases <names> extents", "DatabaseExtentsShow", false, show_database_extents},
    {"show extents", "DatabaseExtentsShow", false, show_database_extents},
    {"show cluster extents", "ClusterExtentsShow", false, show_cluster_extents},
};

}  // namespace

Forms extent_forms() {
  return kForms;
}

}  // namespace rivulet::commands
