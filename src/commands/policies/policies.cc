// .show, .alter, .alter-merge and .delete of policies.

#include "catalog/policies/policy_json.h"
#include "catalog/policies/policy_kind.h"
#include "catalog/policies/row_order.h"
#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

using catalog::Database;
using catalog::Policies;
using catalog::PolicyKind;
using catalog::PolicyLevel;
using catalog::Table;

// Whose policy a command means.
struct Target {
  PolicyLevel level = PolicyLevel::kTable;
  bool is_every = false;  // '*': all tables of the database, or all databases
  std::string database;
  std::vector<std::string> tables;
};

std::string_view level_name(PolicyLevel level) {
  switch (level) {
    case PolicyLevel::kTable:
      return "Table";
    case PolicyLevel::kDatabase:
      return "Database";
    case PolicyLevel::kCluster:
      return "Cluster";
  }
  return "";
}

const PolicyKind& read_kind(CommandReader& reader, PolicyLevel level) {
  size_t start = reader.mark();
  std::string name = reader.word("the name of a policy");
  const PolicyKind* kind = catalog::find_policy_kind(name);
  if (kind == nullptr || !kind->allows(level)) {
    reader.reset(start);
    std::string text =
        kind == nullptr
            ? "There is no policy '" + name + "'; there are: " + catalog::policy_names()
            : "Policy '" + name + "' cannot be set on a " + lower_case(level_name(level));
    reader.fail(text);
  }
  return *kind;
}

ResultTable policies_answer() {
  return make_answer({{"PolicyName", ScalarType::kString},
                      {"EntityName", ScalarType::kString},
                      {"Policy", ScalarType::kString},
                      {"ChildEntities", ScalarType::kString},
                      {"EntityType", ScalarType::kString}});
}

void append_policy(ResultTable& answer, const PolicyKind& kind, const std::string& entity,
                   const Policies& policies, const std::string& children, PolicyLevel level) {
  auto found = policies.find(kind.name);
  // Null where none is set: Kusto's Kafka connector takes any text, "null" too, for a policy.
  append_row(answer, {std::string(kind.display_name), entity,
                      found == policies.end() ? Cell() : found->second, children,
                      std::string(level_name(level))});
}

void append_table(ResultTable& answer, const PolicyKind& kind, const Database& database,
                  const Table& table) {
  append_policy(answer, kind, "[" + database.name + "].[" + table.name + "]", table.policies, "",
                PolicyLevel::kTable);
}

void append_database(ResultTable& answer, const PolicyKind& kind, const Database& database) {
  std::string children = "[";
  for (const auto& table : database.tables()) {
    if (children.size() > 1) children += ',';
    append_json_string(children, table->name);
  }
  append_policy(answer, kind, "[" + database.name + "]", database.policies, children + "]",
                PolicyLevel::kDatabase);
}

ResultTable show(const Catalog& catalog, const PolicyKind& kind, const Target& target) {
  ResultTable answer = policies_answer();
  if (target.level == PolicyLevel::kCluster) {
    append_policy(answer, kind, "", catalog.cluster_policies(), "", PolicyLevel::kCluster);
  } else if (target.level == PolicyLevel::kDatabase && target.is_every) {
    for (const auto& database : catalog.databases()) append_database(answer, kind, *database);
  } else if (target.level == PolicyLevel::kDatabase) {
    append_database(answer, kind, *need_database(catalog, target.database));
  } else {
    auto database = need_database(catalog, target.database);
    if (target.is_every) {
      for (const auto& table : database->tables()) append_table(answer, kind, *database, *table);
    }
    for (const std::string& name : target.tables) {
      append_table(answer, kind, *database, *need_table(catalog, target.database, name));
    }
  }
  return answer;
}

// Gives the new text of a policy from the old; empty text takes it away.
using Edit = std::function<std::string(const std::string&)>;

void edit_policies(Policies& policies, const PolicyKind& kind, const Edit& edit) {
  auto found = policies.find(kind.name);
  std::string text = edit(found == policies.end() ? "" : found->second);
  if (text.empty()) {
    policies.erase(kind.name);
  } else {
    policies.set(kind.name, std::move(text));
  }
}

// Throws bad_request when the row order names a column that the table does not have.
void check_row_order(const Table& table) {
  auto policy = table.policies.find("roworder");
  if (policy == table.policies.end()) return;
  for (const auto& column : catalog::RowOrderPolicy::parse(policy->second).columns) {
    if (table.find_column(column.name) != nullptr) continue;
    throw bad_request("The row order names column '" + column.name + "', which table '" +
                      table.name + "' does not have");
  }
}

Changes change(const Catalog& catalog, const PolicyKind& kind, const Target& target,
               const Edit& edit) {
  if (target.level == PolicyLevel::kCluster) {
    Policies policies = catalog.cluster_policies();
    edit_policies(policies, kind, edit);
    return {catalog::PutClusterPolicies{std::move(policies)}};
  }
  auto database = need_database(catalog, target.database);
  if (target.level == PolicyLevel::kDatabase) {
    catalog::PutDatabase put{database->id,          database->guid,     database->name,
                             database->pretty_name, database->policies, database->mappings};
    edit_policies(put.policies, kind, edit);
    return {std::move(put)};
  }
  Changes changes;
  for (const std::string& name : target.tables) {
    Table table = *need_table(catalog, target.database, name);
    edit_policies(table.policies, kind, edit);
    if (kind.name == "roworder") check_row_order(table);
    changes.push_back(catalog::PutTable{std::move(table)});
  }
  return changes;
}

Target table_target(const CommandContext& context) {
  Target target;
  if (!context.lists.empty()) {
    target.database = context.request.database;
    target.tables = context.lists[0];
  } else if (context.names[0].is_wildcard) {
    target.database = context.request.database;
    target.is_every = true;
  } else {
    TableName name = table_name(context, context.names[0]);
    target.database = name.database;
    target.tables = {name.table};
  }
  return target;
}

Target database_target(const CommandContext& context) {
  Target target;
  target.level = PolicyLevel::kDatabase;
  target.is_every = !context.names.empty() && context.names[0].is_wildcard;
  if (!target.is_every) target.database = database_name(context);
  return target;
}

Target cluster_target(const CommandContext&) {
  Target target;
  target.level = PolicyLevel::kCluster;
  return target;
}

Action show_policy(CommandContext& context, Target target) {
  const PolicyKind& kind = read_kind(context.reader, target.level);
  context.reader.properties();
  return [&services = context.services, &kind, target = std::move(target)] {
    return show(*services.store.catalog(), kind, target);
  };
}

std::string caching_json(CommandReader& reader) {
  // hot = 3d, or hotdata = 3d hotindex = 3d; then hot windows.
  auto period = [&](std::string_view word) {
    reader.expect_word(word);
    reader.expect_symbol("=");
    std::string text;
    append_timespan(text, reader.timespan("a timespan"));
    return text;
  };
  bool is_split = reader.at_word("hotdata");
  std::string data = period(is_split ? "hotdata" : "hot");
  std::string index = is_split ? period("hotindex") : data;
  std::string windows;
  while (reader.try_symbol(",") || reader.at_word("hot_window")) {
    reader.expect_word("hot_window");
    reader.expect_symbol("=");
    std::string from = reader.datetime("a datetime");
    reader.expect_symbol("..");
    std::string to = reader.datetime("a datetime");
    windows += (windows.empty() ? "" : ",") +
               ("{\"MinValue\":\"" + from + "\",\"MaxValue\":\"" + to + "\"}");
  }
  std::string json = "{\"DataHotSpan\":{\"Value\":\"" + data +
                     "\"},\"IndexHotSpan\":{\"Value\":\"" + index + "\"}";
  if (!windows.empty()) json += ",\"HotWindows\":[" + windows + "]";
  return json + "}";
}

std::string retention_json(CommandReader& reader) {
  std::string json = "{";
  if (reader.try_word("softdelete")) {
    reader.expect_symbol("=");
    json += "\"SoftDeletePeriod\":\"";
    append_timespan(json, reader.timespan("a timespan"));
    json += "\"";
  }
  if (reader.try_word("recoverability")) {
    reader.expect_symbol("=");
    json += json.size() > 1 ? "," : "";
    json += "\"Recoverability\":";
    append_json_string(json, reader.word("enabled or disabled"));
  }
  if (json.size() == 1) reader.fail_expected("a JSON text, softdelete or recoverability");
  return json + "}";
}

// (a asc, b desc)
std::string row_order_json(CommandReader& reader) {
  std::string json = "{\"RowOrder\":[";
  reader.expect_symbol("(");
  do {
    std::string column = reader.name("a column");
    bool is_ascending = reader.try_word("asc");
    if (!is_ascending && !reader.try_word("desc")) reader.fail_expected("asc or desc");
    if (json.back() != '[') json += ',';
    append_json_string(json, column + (is_ascending ? " asc" : " desc"));
  } while (reader.try_symbol(","));
  reader.expect_symbol(")");
  return json + "]}";
}

// The policy as the command gives it: a JSON text, or one of the short forms that some policies have.
std::string read_policy(CommandReader& reader, const PolicyKind& kind) {
  if (reader.at_string()) return reader.string_literal("the policy");
  if (kind.name == "streamingingestion") {
    bool is_enabled = reader.try_word("enable");
    if (!is_enabled && !reader.try_word("disable")) {
      reader.fail_expected("enable, disable or a JSON text");
    }
    return is_enabled ? "{\"IsEnabled\":true}" : "{\"IsEnabled\":false}";
  }
  if (kind.name == "ingestiontime") {
    return reader.boolean("true") ? "{\"IsEnabled\":true}" : "{\"IsEnabled\":false}";
  }
  if (kind.name == "caching") return caching_json(reader);
  if (kind.name == "roworder") return row_order_json(reader);
  if (kind.name == "retention") return retention_json(reader);
  reader.fail_expected("a string literal with the JSON text of the policy");
}

Action alter_policy(CommandContext& context, Target target, bool merges) {
  CommandReader& reader = context.reader;
  const PolicyKind& kind = read_kind(reader, target.level);
  if (target.is_every) throw bad_request("A policy is altered on named entities, not on '*'");
  if (kind.normalize == nullptr) {
    throw not_supported("the policy '" + std::string(kind.name) + "'");
  }
  std::string json = read_policy(reader, kind);
  reader.properties();
  auto edit = [&kind, json, merges, &clock = context.services.clock](const std::string& before) {
    std::string normal = kind.normalize(merges ? catalog::merge_json(before, json) : json);
    if (kind.name == "auto_delete" &&
        catalog::AutoDeletePolicy::parse(normal)->expiry <= clock.now()) {
      throw bad_request("Policy member 'ExpiryDate' must be in the future");
    }
    return normal;
  };
  // What is wrong with a whole policy is said before anything is touched.
  if (!merges) edit("");
  return [&services = context.services, &kind, target = std::move(target), edit] {
    CatalogPtr after = commit(
        services, [&](const Catalog& catalog) { return change(catalog, kind, target, edit); });
    return show(*after, kind, target);
  };
}

Action delete_policy(CommandContext& context, Target target) {
  const PolicyKind& kind = read_kind(context.reader, target.level);
  if (target.is_every) throw bad_request("A policy is deleted from a named entity, not from '*'");
  if (kind.name == "ingestiontime") throw not_supported("turning the ingestiontime policy off");
  return [&services = context.services, &kind, target = std::move(target)] {
    CatalogPtr after = commit(services, [&](const Catalog& catalog) {
      return change(catalog, kind, target, [](const std::string&) { return std::string(); });
    });
    return show(*after, kind, target);
  };
}

template <Target (*kTarget)(const CommandContext&)>
Action show_of(CommandContext& context) {
  return show_policy(context, kTarget(context));
}
template <Target (*kTarget)(const CommandContext&), bool kMerges>
Action alter_of(CommandContext& context) {
  return alter_policy(context, kTarget(context), kMerges);
}
template <Target (*kTarget)(const CommandContext&)>
Action delete_of(CommandContext& context) {
  return delete_policy(context, kTarget(context));
}

constexpr CommandForm kForms[] = {
    {"show table <name> policy", "PolicyShow", false, show_of<table_target>},
    {"show database <name> policy", "PolicyShow", false, show_of<database_target>},
    {"show database policy", "PolicyShow", false, show_of<database_target>},
    {"show cluster policy", "PolicyShow", false, show_of<cluster_target>},
    {"alter table <name> policy", "PolicyAlter", true, alter_of<table_target, false>},
    {"alter tables <names> policy", "PolicyAlter", true, alter_of<table_target, false>},
    {"alter database <name> policy", "PolicyAlter", true, alter_of<database_target, false>},
    {"alter database policy", "PolicyAlter", true, alter_of<database_target, false>},
    {"alter cluster policy", "PolicyAlter", true, alter_of<cluster_target, false>},
    {"alter-merge table <name> policy", "PolicyAlterMerge", true, alter_of<table_target, true>},
    {"alter-merge tables <names> policy", "PolicyAlterMerge", true, alter_of<table_target, true>},
    {"alter-merge database <name> policy", "PolicyAlterMerge", true,
     alter_of<database_target, true>},
    {"alter-merge database policy", "PolicyAlterMerge", true, alter_of<database_target, true>},
    {"alter-merge cluster policy", "PolicyAlterMerge", true, alter_of<cluster_target, true>},
    {"delete table <name> policy", "PolicyDelete", true, delete_of<table_target>},
    {"delete database <name> policy", "PolicyDelete", true, delete_of<database_target>},
    {"delete database policy", "PolicyDelete", true, delete_of<database_target>},
    {"delete cluster policy", "PolicyDelete", true, delete_of<cluster_target>},
};

}  // namespace

Forms policy_forms() {
  return kForms;
}

}  // namespace rivulet::commands
