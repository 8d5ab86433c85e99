// The bytes of a change in the log and in checkpoints: docs/catalog-records.md.
#include <charconv>
#include <stdexcept>

#include <fmt/format.h>

#include "catalog/catalog.h"
#include "types/json.h"
#include "types/text.h"

namespace rivulet::catalog {
namespace {

// Goes up when a record can no longer be read by a program that knows only the older one; a member that
// may be absent needs no new version.
constexpr unsigned kVersion = 1;

[[noreturn]] void damaged(std::string_view why) {
  throw std::runtime_error(fmt::format("damaged catalog record: {}", why));
}

class Encoder {
 public:
  std::string encode(const Change& change) {
    out_ = "{";
    number("v", kVersion);
    std::visit([&](const auto& kind) { put(kind); }, change);
    return std::move(out_) + "}";
  }

 private:
  void key(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    append_json_string(out_, name);
    out_ += ':';
  }
  void number(std::string_view name, uint64_t value) {
    key(name);
    out_ += std::to_string(value);
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(out_, value);
  }
  // A member that is left out when it is empty.
  void optional_text(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  template <typename Items, typename Put>
  void put_objects(std::string_view name, const Items& items, const Put& put_members) {
    key(name);
    out_ += '[';
    for (const auto& item : items) {
      if (out_.back() != '[') out_ += ',';
      out_ += '{';
      put_members(item);
      out_ += '}';
    }
    out_ += ']';
  }
  void put_policies(const Policies& policies) {
    if (policies.empty()) return;
    key("policies");
    out_ += '{';
    for (const auto& [name, json] : policies) text(name, json);
    out_ += '}';
  }
  void put_mappings(const std::vector<IngestionMapping>& mappings) {
    if (mappings.empty()) return;
    put_objects("mappings", mappings, [this](const IngestionMapping& mapping) {
      text("kind", mapping.kind);
      text("name", mapping.name);
      text("text", mapping.text);
      key("updated");
      out_ += std::to_string(mapping.last_updated);
    });
  }

  void put(const PutDatabase& change) {
    text("change", "put_database");
    number("id", change.id);
    text("guid", to_string(change.guid));
    text("name", change.name);
    optional_text("pretty_name", change.pretty_name);
    put_policies(change.policies);
    put_mappings(change.mappings);
  }
  void put(const DropDatabase& change) {
    text("change", "drop_database");
    number("id", change.id);
  }
  void put(const PutTable& change) {
    const Table& table = change.table;
    text("change", "put_table");
    number("id", table.id);
    number("database", table.database_id);
    text("guid", to_string(table.guid));
    text("name", table.name);
    optional_text("folder", table.folder);
    optional_text("docstring", table.docstring);
    number("next_column_id", table.next_column_id);
    put_objects("columns", table.columns, [this](const ColumnDef& column) {
      number("id", column.id);
      text("name", column.name);
      text("type", kusto_name(column.type));
      optional_text("docstring", column.docstring);
    });
    put_policies(table.policies);
    put_mappings(table.mappings);
  }
  void put(const DropTable& change) {
    text("change", "drop_table");
    number("id", change.id);
  }
  void put(const PutFunction& change) {
    text("change", "put_function");
    number("database", change.database_id);
    text("name", change.function.name);
    text("parameters", change.function.parameters);
    text("body", change.function.body);
    optional_text("folder", change.function.folder);
    optional_text("docstring", change.function.docstring);
  }
  void put(const DropFunction& change) {
    text("change", "drop_function");
    number("database", change.database_id);
    text("name", change.name);
  }
  void put(const PutDataConnection& change) {
    text("change", "put_data_connection");
    number("database", change.database_id);
    text("guid", to_string(change.connection.id));
    text("name", change.connection.name);
    text("kind", change.connection.kind);
    text("settings", change.connection.settings);
    if (!change.connection.is_enabled) text("state", "disabled");
  }
  void put(const DropDataConnection& change) {
    text("change", "drop_data_connection");
    number("database", change.database_id);
    text("name", change.name);
  }
  void put(const PutClusterPolicies& change) {
    text("change", "put_cluster_policies");
    put_policies(change.policies);
  }
  void put(const ReserveIds& change) {
    text("change", "reserve_ids");
    number("next_database_id", change.next_database_id);
    number("next_table_id", change.next_table_id);
  }

  std::string out_;
};

// One JSON object of a record, read member by member.
class Object {
 public:
  explicit Object(std::string_view json) : json_(json) {
    if (json_kind(json) != JsonKind::kObject) damaged("an object was expected");
  }

  // Empty where there is none.
  std::string_view find(std::string_view name) const { return json_member(json_, name); }
  uint64_t number(std::string_view name) const { return whole_number<uint64_t>(name); }
  int64_t signed_number(std::string_view name) const { return whole_number<int64_t>(name); }
  uint32_t small_number(std::string_view name) const {
    uint64_t value = number(name);
    if (value > UINT32_MAX) damaged(fmt::format("'{}' is too large", name));
    return static_cast<uint32_t>(value);
  }
  std::string text(std::string_view name) const {
    if (find(name).empty()) damaged(fmt::format("no text '{}'", name));
    return optional_text(name);
  }
  std::string optional_text(std::string_view name) const {
    std::string_view value = find(name);
    return value.empty() ? std::string() : text_of(value);
  }
  Guid guid(std::string_view name) const {
    auto parsed = parse_guid(text(name));
    if (!parsed) damaged(fmt::format("'{}' is no guid", name));
    return *parsed;
  }
  Policies policies() const {
    Policies::Texts policies;
    std::string_view json = find("policies");
    if (json.empty()) return {};
    if (json_kind(json) != JsonKind::kObject) damaged("'policies' is no object");
    for_each_member(json, [&](std::string_view name, std::string_view value) {
      policies.emplace(text_of(name), text_of(value));
      return true;
    });
    return policies;
  }
  std::vector<IngestionMapping> mappings() const {
    std::vector<IngestionMapping> mappings;
    for_each("mappings", [&](const Object& mapping) {
      mappings.push_back({mapping.text("kind"), mapping.text("name"), mapping.text("text"),
                          mapping.signed_number("updated")});
    });
    return mappings;
  }
  template <typename Function>
  void for_each(std::string_view name, const Function& function) const {
    std::string_view array = find(name);
    if (array.empty()) return;
    if (json_kind(array) != JsonKind::kArray) damaged(fmt::format("'{}' is no array", name));
    for_each_element(array, [&](std::string_view element) {
      function(Object(element));
      return true;
    });
  }

 private:
  static std::string text_of(std::string_view value) {
    if (json_kind(value) != JsonKind::kString) damaged("a text was expected");
    return json_text(value);
  }
  template <typename T>
  T whole_number(std::string_view name) const {
    std::string_view value = find(name);
    T number = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (value.empty() || error != std::errc() || end != value.data() + value.size()) {
      damaged(fmt::format("no number '{}'", name));
    }
    return number;
  }

  std::string_view json_;
};

Table decode_table(const Object& record) {
  Table table;
  table.id = record.number("id");
  table.database_id = record.number("database");
  table.guid = record.guid("guid");
  table.name = record.text("name");
  table.folder = record.optional_text("folder");
  table.docstring = record.optional_text("docstring");
  table.next_column_id = record.small_number("next_column_id");
  std::vector<ColumnDef> columns;
  record.for_each("columns", [&](const Object& json) {
    ColumnDef column;
    column.id = json.small_number("id");
    column.name = json.text("name");
    auto type = parse_scalar_type(json.text("type"));
    if (!type) damaged(fmt::format("unknown type '{}'", json.text("type")));
    column.type = *type;
    column.docstring = json.optional_text("docstring");
    columns.push_back(std::move(column));
  });
  table.columns = std::move(columns);
  table.policies = record.policies();
  table.mappings = record.mappings();
  return table;
}

Change decode(const Object& record) {
  if (uint64_t version = record.number("v"); version > kVersion) {
    damaged(fmt::format("version {} is newer than this program", version));
  }
  std::string change = record.text("change");
  if (change == "put_table") return PutTable{decode_table(record)};
  if (change == "drop_table") return DropTable{record.number("id")};
  if (change == "put_database") {
    return PutDatabase{record.number("id"), record.guid("guid"),
                       record.text("name"), record.optional_text("pretty_name"),
                       record.policies(),   record.mappings()};
  }
  if (change == "drop_database") return DropDatabase{record.number("id")};
  if (change == "put_function") {
    return PutFunction{record.number("database"),
                       {record.text("name"), record.text("parameters"), record.text("body"),
                        record.optional_text("folder"), record.optional_text("docstring")}};
  }
  if (change == "drop_function") {
    return DropFunction{record.number("database"), record.text("name")};
  }
  if (change == "put_data_connection") {
    return PutDataConnection{
        record.number("database"),
        {record.guid("guid"), record.text("name"), record.text("kind"), record.text("settings"),
         record.optional_text("state") != "disabled"}};
  }
  if (change == "drop_data_connection") {
    return DropDataConnection{record.number("database"), record.text("name")};
  }
  if (change == "put_cluster_policies") return PutClusterPolicies{record.policies()};
  if (change == "reserve_ids") {
    return ReserveIds{record.number("next_database_id"), record.number("next_table_id")};
  }
  damaged(fmt::format("unknown change '{}'", change));
}

}  // namespace

std::string encode_change(const Change& change) {
  return Encoder().encode(change);
}

Change decode_change(std::string_view bytes) {
  std::string json;
  if (auto fault = read_json(json, bytes)) {
    damaged(fmt::format("{} at byte {}", fault->why, fault->offset));
  }
  return decode(Object(json));
}

}  // namespace rivulet::catalog
