#include "commands/extent_choice.h"

#include <algorithm>

#include "common/error.h"

namespace rivulet::commands {

uint64_t extent_bytes(const store::ExtentView& extent) {
  return extent.size_bytes + extent.index_size_bytes;
}
uint64_t data_bytes(const store::ExtentView& extent) {
  return extent.original_size_bytes;
}

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

void need_all(const Choice& choice, const std::vector<Chosen>& chosen) {
  std::set<Guid> missing = *choice.ids;
  for (const Chosen& item : chosen) missing.erase(item.extent->id);
  if (!missing.empty()) throw entity_not_found("Extent", to_string(*missing.begin()));
}

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

Properties read_range(CommandReader& reader, Choice& choice,
                      std::initializer_list<std::string_view> others) {
  Properties properties = reader.properties();
  std::vector<std::string_view> known{"extentCreatedOnFrom", "extentCreatedOnTo"};
  known.insert(known.end(), others.begin(), others.end());
  properties.check_known(known);
  if (auto from = properties.datetime("extentCreatedOnFrom")) choice.created_from = *from;
  if (auto to = properties.datetime("extentCreatedOnTo")) choice.created_to = *to;
  return properties;
}

}  // namespace rivulet::commands
