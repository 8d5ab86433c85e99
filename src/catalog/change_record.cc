// The bytes of a change in the log and in checkpoints: docs/catalog-records.md.
#include <stdexcept>

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "catalog/catalog.h"

namespace rivulet::catalog {
namespace {

using Json = rapidjson::Value;

// Goes up when a record can no longer be read by a program that knows only the older one; a member that
// may be absent needs no new version.
constexpr unsigned kVersion = 1;

[[noreturn]] void damaged(std::string_view why) {
  throw std::runtime_error(fmt::format("damaged catalog record: {}", why));
}

class Encoder {
 public:
  std::string encode(const Change& change) {
    writer_.StartObject();
    number("v", kVersion);
    std::visit([&](const auto& kind) { put(kind); }, change);
    writer_.EndObject();
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  void key(std::string_view name) {
    writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  }
  void string(std::string_view text) {
    writer_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }
  void number(std::string_view name, uint64_t value) {
    key(name);
    writer_.Uint64(value);
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    string(value);
  }
  // A member that is left out when it is empty.
  void optional_text(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void put_policies(const Policies& policies) {
    if (policies.empty()) return;
    key("policies");
    writer_.StartObject();
    for (const auto& [name, json] : policies) text(name, json);
    writer_.EndObject();
  }
  void put_mappings(const std::vector<IngestionMapping>& mappings) {
    if (mappings.empty()) return;
    key("mappings");
    writer_.StartArray();
    for (const IngestionMapping& mapping : mappings) {
      writer_.StartObject();
      text("kind", mapping.kind);
      text("name", mapping.name);
      text("text", mapping.text);
      key("updated");
      writer_.Int64(mapping.last_updated);
      writer_.EndObject();
    }
    writer_.EndArray();
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
    key("columns");
    writer_.StartArray();
    for (const ColumnDef& column : table.columns) {
      writer_.StartObject();
      number("id", column.id);
      text("name", column.name);
      text("type", kusto_name(column.type));
      optional_text("docstring", column.docstring);
      writer_.EndObject();
    }
    writer_.EndArray();
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

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

// One JSON object of a record, read member by member.
class Object {
 public:
  explicit Object(const Json& json) : json_(json) {
    if (!json.IsObject()) damaged("an object was expected");
  }

  const Json* find(const char* name) const {
    auto member = json_.FindMember(name);
    return member == json_.MemberEnd() ? nullptr : &member->value;
  }
  uint64_t number(const char* name) const {
    const Json* value = find(name);
    if (value == nullptr || !value->IsUint64()) damaged(fmt::format("no number '{}'", name));
    return value->GetUint64();
  }
  uint32_t small_number(const char* name) const {
    uint64_t value = number(name);
    if (value > UINT32_MAX) damaged(fmt::format("'{}' is too large", name));
    return static_cast<uint32_t>(value);
  }
  std::string text(const char* name) const {
    if (find(name) == nullptr) damaged(fmt::format("no text '{}'", name));
    return optional_text(name);
  }
  std::string optional_text(const char* name) const {
    const Json* value = find(name);
    return value == nullptr ? std::string() : text_of(*value);
  }
  Guid guid(const char* name) const {
    auto parsed = parse_guid(text(name));
    if (!parsed) damaged(fmt::format("'{}' is no guid", name));
    return *parsed;
  }
  Policies policies() const {
    Policies policies;
    const Json* json = find("policies");
    if (json == nullptr) return policies;
    if (!json->IsObject()) damaged("'policies' is no object");
    for (const auto& member : json->GetObject()) {
      policies.emplace(text_of(member.name), text_of(member.value));
    }
    return policies;
  }
  std::vector<IngestionMapping> mappings() const {
    std::vector<IngestionMapping> mappings;
    for_each("mappings", [&](const Object& mapping) {
      const Json* updated = mapping.find("updated");
      if (updated == nullptr || !updated->IsInt64()) damaged("no number 'updated'");
      mappings.push_back(
          {mapping.text("kind"), mapping.text("name"), mapping.text("text"), updated->GetInt64()});
    });
    return mappings;
  }
  template <typename Function>
  void for_each(const char* name, const Function& function) const {
    const Json* array = find(name);
    if (array == nullptr) return;
    if (!array->IsArray()) damaged(fmt::format("'{}' is no array", name));
    for (const Json& element : array->GetArray()) function(Object(element));
  }

 private:
  static std::string text_of(const Json& value) {
    if (!value.IsString()) damaged("a text was expected");
    return {value.GetString(), value.GetStringLength()};
  }

  const Json& json_;
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
  rapidjson::Document document;
  // Iterative, so that no depth of nesting overflows the stack.
  document.Parse<rapidjson::kParseIterativeFlag>(bytes.data(), bytes.size());
  if (document.HasParseError()) {
    damaged(fmt::format("{} at byte {}", rapidjson::GetParseError_En(document.GetParseError()),
                        document.GetErrorOffset()));
  }
  return decode(Object(document));
}

}  // namespace rivulet::catalog
