// Ingestion mappings of tables and databases: .create, .create-or-alter, .alter, .show and .drop.

#include <algorithm>
#include <array>

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "ingest/ingest.h"

namespace rivulet::commands {
namespace {

using catalog::IngestionMapping;

// The kinds as Kusto shows them.
constexpr std::array<std::string_view, 9> kKinds{
    "Csv", "Json", "Avro", "ApacheAvro", "Parquet", "SStream", "Orc", "W3CLogFile", "AzMonStream"};

std::string_view shown_kind(std::string_view kind) {
  for (std::string_view known : kKinds) {
    if (equals_ignoring_case(known, kind)) return known;
  }
  return kind;
}

std::string read_kind(CommandReader& reader) {
  std::string kind = reader.word("the kind of the mapping (csv, json, …)");
  for (std::string_view known : kKinds) {
    if (equals_ignoring_case(known, kind)) return kind;
  }
  throw bad_request("There is no kind of ingestion mapping '" + kind + "'");
}

// A table, or a database when `table` is empty.
struct Owner {
  std::string database;
  std::string table;

  std::string description() const {
    return table.empty() ? "database '" + database + "'" : "table '" + table + "'";
  }
};

Owner table_owner(const CommandContext& context) {
  TableName name = table_name(context, context.names[0]);
  return {name.database, name.table};
}
Owner database_owner(const CommandContext& context) {
  return {database_name(context), ""};
}

std::vector<IngestionMapping> mappings_of(const Catalog& catalog, const Owner& owner) {
  if (owner.table.empty()) return need_database(catalog, owner.database)->mappings;
  return need_table(catalog, owner.database, owner.table)->mappings;
}

Changes put_mappings(const Catalog& catalog, const Owner& owner,
                     std::vector<IngestionMapping> mappings) {
  if (owner.table.empty()) {
    auto database = need_database(catalog, owner.database);
    return {catalog::PutDatabase{database->id, database->guid, database->name,
                                 database->pretty_name, database->policies, std::move(mappings)}};
  }
  catalog::Table table = *need_table(catalog, owner.database, owner.table);
  table.mappings = std::move(mappings);
  return {catalog::PutTable{std::move(table)}};
}

ResultTable mappings_answer() {
  return make_answer({{"Name", ScalarType::kString},
                      {"Kind", ScalarType::kString},
                      {"Mapping", ScalarType::kString},
                      {"LastUpdatedOn", ScalarType::kDateTime},
                      {"Database", ScalarType::kString},
                      {"Table", ScalarType::kString}});
}

void append_mapping(ResultTable& answer, const IngestionMapping& mapping, const Owner& owner) {
  append_row(answer, {mapping.name, std::string(shown_kind(mapping.kind)), mapping.text,
                      mapping.last_updated, owner.database, owner.table});
}

auto find_mapping(std::vector<IngestionMapping>& mappings, const std::string& kind,
                  const std::string& name) {
  return std::ranges::find_if(mappings, [&](const IngestionMapping& mapping) {
    return mapping.kind == kind && mapping.name == name;
  });
}

enum class Mode { kCreate, kCreateOrAlter, kAlter };

Action put(CommandContext& context, Owner owner, Mode mode) {
  IngestionMapping mapping;
  mapping.kind = read_kind(context.reader);
  context.reader.expect_word("mapping");
  // The name is one literal: the text of the mapping may follow as adjacent ones.
  mapping.name = context.reader.one_string("the name of the mapping");
  mapping.text = context.reader.string_literal("the text of the mapping");
  Properties properties = context.reader.properties();
  properties.check_known({"removeOldestIfRequired"});
  return [&services = context.services, owner = std::move(owner), mapping, mode]() mutable {
    mapping.last_updated = services.clock.now();
    commit(services, [&](const Catalog& catalog) {
      std::vector<IngestionMapping> mappings = mappings_of(catalog, owner);
      auto table = owner.table.empty() ? nullptr : need_table(catalog, owner.database, owner.table);
      if (mapping.kind == "csv" || mapping.kind == "json") {
        ingest::validate_mapping(mapping.kind, mapping.text, table.get());
      }
      auto existing = find_mapping(mappings, mapping.kind, mapping.name);
      if (existing == mappings.end()) {
        if (mode == Mode::kAlter) throw mapping_not_found(mapping.name, owner.description());
        mappings.push_back(mapping);
      } else {
        if (mode == Mode::kCreate) throw entity_already_exists("Ingestion mapping", mapping.name);
        *existing = mapping;
      }
      return put_mappings(catalog, owner, std::move(mappings));
    });
    ResultTable answer = mappings_answer();
    append_mapping(answer, mapping, owner);
    return answer;
  };
}

Action drop(CommandContext& context, Owner owner) {
  std::string kind = read_kind(context.reader);
  context.reader.expect_word("mapping");
  std::string name = context.reader.string_literal("the name of the mapping");
  return [&services = context.services, owner = std::move(owner), kind, name] {
    ResultTable answer = mappings_answer();
    IngestionMapping dropped;
    commit(services, [&](const Catalog& catalog) {
      std::vector<IngestionMapping> mappings = mappings_of(catalog, owner);
      auto existing = find_mapping(mappings, kind, name);
      if (existing == mappings.end()) throw mapping_not_found(name, owner.description());
      dropped = *existing;
      mappings.erase(existing);
      return put_mappings(catalog, owner, std::move(mappings));
    });
    append_mapping(answer, dropped, owner);
    return answer;
  };
}

// [kind] mappings ["name"], or [kind] mapping "name": a mapping that is named must be there.
Action show(CommandContext& context, Owner owner) {
  CommandReader& reader = context.reader;
  std::string kind;
  if (!reader.at_word("mapping") && !reader.at_word("mappings")) kind = read_kind(reader);
  if (!reader.try_word("mappings")) reader.expect_word("mapping");
  std::string name = reader.at_string() ? reader.string_literal("the name of the mapping") : "";
  reader.properties();
  return [&services = context.services, owner = std::move(owner), kind, name] {
    ResultTable answer = mappings_answer();
    for (const IngestionMapping& mapping : mappings_of(*services.store.catalog(), owner)) {
      if ((kind.empty() || mapping.kind == kind) && (name.empty() || mapping.name == name)) {
        append_mapping(answer, mapping, owner);
      }
    }
    if (!name.empty() && answer.rows.row_count() == 0) {
      throw mapping_not_found(name, owner.description());
    }
    return answer;
  };
}

Action show_all(CommandContext& context) {
  CommandReader& reader = context.reader;
  std::string kind;
  if (!reader.at_word("mappings")) kind = read_kind(reader);
  reader.expect_word("mappings");
  reader.properties();
  return [&services = context.services, kind] {
    ResultTable answer = mappings_answer();
    auto append_all = [&](const std::vector<IngestionMapping>& mappings, const Owner& owner) {
      for (const IngestionMapping& mapping : mappings) {
        if (kind.empty() || mapping.kind == kind) append_mapping(answer, mapping, owner);
      }
    };
    for (const auto& database : services.store.catalog()->databases()) {
      append_all(database->mappings, {database->name, ""});
      for (const auto& table : database->tables())
        append_all(table->mappings, {database->name, table->name});
    }
    return answer;
  };
}

template <Owner (*kOwner)(const CommandContext&), Mode kMode>
Action put_of(CommandContext& context) {
  return put(context, kOwner(context), kMode);
}
template <Owner (*kOwner)(const CommandContext&)>
Action drop_of(CommandContext& context) {
  return drop(context, kOwner(context));
}
template <Owner (*kOwner)(const CommandContext&)>
Action show_of(CommandContext& context) {
  return show(context, kOwner(context));
}

constexpr CommandForm kForms[] = {
    {"create table <name> ingestion", "IngestionMappingCreate", true,
     put_of<table_owner, Mode::kCreate>},
    {"create-or-alter table <name> ingestion", "IngestionMappingCreateOrAlter", true,
     put_of<table_owner, Mode::kCreateOrAlter>},
    {"alter table <name> ingestion", "IngestionMappingAlter", true,
     put_of<table_owner, Mode::kAlter>},
    {"drop table <name> ingestion", "IngestionMappingDrop", true, drop_of<table_owner>},
    {"show table <name> ingestion", "IngestionMappingShow", false, show_of<table_owner>},
    {"create database <name> ingestion", "IngestionMappingCreate", true,
     put_of<database_owner, Mode::kCreate>},
    {"create-or-alter database <name> ingestion", "IngestionMappingCreateOrAlter", true,
     put_of<database_owner, Mode::kCreateOrAlter>},
    {"alter database <name> ingestion", "IngestionMappingAlter", true,
     put_of<database_owner, Mode::kAlter>},
    {"drop database <name> ingestion", "IngestionMappingDrop", true, drop_of<database_owner>},
    {"show database <name> ingestion", "IngestionMappingShow", false, show_of<database_owner>},
    {"show database ingestion", "IngestionMappingShow", false, show_of<database_owner>},
    {"show ingestion", "IngestionMappingShow", false, show_all},
    {"show cluster ingestion", "IngestionMappingShow", false, show_all},
    {"alter-merge table <name> ingestion", "IngestionMappingAlterMerge", true, nullptr},
    {"alter-merge database <name> ingestion", "IngestionMappingAlterMerge", true, nullptr},
};

}  // namespace

Forms mapping_forms() {
  return kForms;
}

}  // namespace rivulet::commands
