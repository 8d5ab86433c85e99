// Who may do what. Rivulet has no roles: whoever is let in may do everything.

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "common/error.h"

namespace rivulet::commands {
namespace {

// The caller: by what was proved of him, or by the name that he gave himself.
std::string who(const CommandRequest& request) {
  if (!request.principal.empty()) return request.principal;
  return request.user.empty() ? "anonymous" : request.user;
}

// with (principal='…', accesstype='ingest', database='d', table='t'): column 3 is what Kusto's Kafka
// connector reads.
Action show_access(CommandContext& context) {
  Properties properties = context.reader.properties();
  properties.check_known({"principal", "accesstype", "database", "table"});
  return [&services = context.services, &request = context.request, properties] {
    std::string database = properties.find("database").value_or(request.database);
    std::string table = properties.find("table").value_or("");
    auto catalog = services.store.catalog();
    table.empty() ? (void)need_database(*catalog, database)
                  : (void)need_table(*catalog, database, table);
    ResultTable answer = make_answer({{"Principal", ScalarType::kString},
                                      {"Entity", ScalarType::kString},
                                      {"AccessType", ScalarType::kString},
                                      {"HasAccess", ScalarType::kBool}});
    append_row(answer, {properties.find("principal").value_or(who(request)),
                        "[" + database + "]" + (table.empty() ? "" : ".[" + table + "]"),
                        properties.find("accesstype").value_or(""), 1});
    return answer;
  };
}

Action show_roles(CommandContext& context, std::string scope) {
  CommandReader& reader = context.reader;
  std::string principal = reader.at_string() ? reader.string_literal("a principal") : "";
  reader.expect_word("roles");
  reader.properties();
  return [&request = context.request, principal, scope = std::move(scope)] {
    ResultTable answer = make_answer({{"Scope", ScalarType::kString},
                                      {"DisplayName", ScalarType::kString},
                                      {"AADObjectID", ScalarType::kString},
                                      {"Role", ScalarType::kString}});
    append_row(answer, {scope, principal.empty() ? who(request) : principal, "", "Admin"});
    return answer;
  };
}

Action show_principal_roles(CommandContext& context) {
  return show_roles(context, "Cluster");
}
Action show_database_roles(CommandContext& context) {
  std::string name = database_name(context);
  need_database(*context.services.store.catalog(), name);
  return show_roles(context, "Database " + name);
}

Action list_principals(CommandContext& context, std::string role) {
  return [&request = context.request, role = std::move(role)] {
    constexpr auto kString = ScalarType::kString;
    ResultTable answer = make_answer({{"Role", kString},
                                      {"PrincipalType", kString},
                                      {"PrincipalDisplayName", kString},
                                      {"PrincipalObjectId", kString},
                                      {"PrincipalFQN", kString},
                                      {"Notes", kString},
                                      {"RoleAssignmentIdentifier", kString}});
    append_row(answer,
               {role, request.principal.starts_with("aadapp=") ? "AAD Application" : "AAD User",
                who(request), "", who(request), "", ""});
    return answer;
  };
}

Action show_cluster_principals(CommandContext& context) {
  return list_principals(context, "AllDatabasesAdmin");
}
Action show_database_principals(CommandContext& context) {
  std::string name = database_name(context);
  need_database(*context.services.store.catalog(), name);
  return list_principals(context, "Database " + name + " Admin");
}
Action show_table_principals(CommandContext& context) {
  TableName name = table_name(context, context.names[0]);
  need_table(*context.services.store.catalog(), name.database, name.table);
  return list_principals(context, "Table " + name.table + " Admin");
}

constexpr CommandForm kForms[] = {
    {"show principal access", "PrincipalAccessShow", false, show_access},
    {"show principal", "PrincipalRolesShow", false, show_principal_roles},
    {"show database <name> principal", "PrincipalRolesShow", false, show_database_roles},
    {"show database principal", "PrincipalRolesShow", false, show_database_roles},
    {"show cluster principal", "PrincipalRolesShow", false, show_principal_roles},
    {"show cluster principals", "ClusterPrincipalsShow", false, show_cluster_principals},
    {"show database principals", "DatabasePrincipalsShow", false, show_database_principals},
    {"show database <name> principals", "DatabasePrincipalsShow", false, show_database_principals},
    {"show table <name> principals", "TablePrincipalsShow", false, show_table_principals},
};

}  // namespace

Forms principal_forms() {
  return kForms;
}

}  // namespace rivulet::commands
