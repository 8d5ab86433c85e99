// Stored functions: .create, .create-or-alter, .alter, .show and .drop.

#include "commands/function_text.h"

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/rows.h"
#include "commands/source_rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "kql/syntax/parser.h"

namespace rivulet::commands {
namespace {

using catalog::Function;
using catalog::PutFunction;

ResultTable functions_answer() {
  return make_answer({{"Name", ScalarType::kString},
                      {"Parameters", ScalarType::kString},
                      {"Body", ScalarType::kString},
                      {"Folder", ScalarType::kString},
                      {"DocString", ScalarType::kString}});
}

void append_function(ResultTable& answer, const Function& function) {
  append_row(answer, {function.name, function.parameters, function.body, function.folder,
                      function.docstring});
}

ResultTable answer_with(const Catalog& catalog, const std::string& database,
                        const std::string& name) {
  ResultTable answer = functions_answer();
  append_function(answer, need_function(*need_database(catalog, database), name));
  return answer;
}

enum class Mode { kCreate, kCreateIfNotExists, kCreateOrAlter, kAlter };

// [with (…)] Name (parameters) { body }
Action put(CommandContext& context, Mode mode) {
  CommandReader& reader = context.reader;
  Properties properties = reader.properties();
  properties.check_known({"docstring", "folder", "view", "skipvalidation"});
  // Left out, the functions and tables that a body names are looked up when it is called.
  if (!properties.flag("skipvalidation", true)) {
    throw not_supported("the property skipvalidation=false");
  }
  Function function;
  function.name = reader.name("the name of the function");
  function.parameters = normal_parameters(reader.bracketed("(", ")"));
  function.body = reader.bracketed("{", "}");
  kql::parse_function(function.parameters, function.body);
  return [&services = context.services, database = context.request.database, function, mode,
          properties] {
    CatalogPtr after = commit(services, [&](const Catalog& catalog) -> Changes {
      auto owner = need_database(catalog, database);
      const Function* existing = owner->find_function(function.name);
      if (existing != nullptr && mode == Mode::kCreateIfNotExists) return {};
      if (existing != nullptr && mode == Mode::kCreate) {
        throw entity_already_exists("Function", function.name);
      }
      if (existing == nullptr && mode == Mode::kAlter)
        throw entity_not_found("Function", function.name);
      check_entity_name("function", function.name);
      Function stored = function;
      stored.folder =
          properties.find("folder").value_or(existing == nullptr ? "" : existing->folder);
      stored.docstring =
          properties.find("docstring").value_or(existing == nullptr ? "" : existing->docstring);
      return {PutFunction{owner->id, std::move(stored)}};
    });
    return answer_with(*after, database, function.name);
  };
}

Action create_function(CommandContext& context) {
  bool if_not_exists = context.reader.try_word("ifnotexists");
  return put(context, if_not_exists ? Mode::kCreateIfNotExists : Mode::kCreate);
}
Action create_or_alter_function(CommandContext& context) {
  return put(context, Mode::kCreateOrAlter);
}
Action alter_function(CommandContext& context) {
  return put(context, Mode::kAlter);
}

Action change(CommandContext& context, std::string Function::*member) {
  std::string name = plain_name(context.names[0], "function");
  std::string text = context.reader.string_literal("a string literal");
  return [&services = context.services, database = context.request.database, name, text, member] {
    CatalogPtr after = commit(services, [&](const Catalog& catalog) -> Changes {
      auto owner = need_database(catalog, database);
      Function function = need_function(*owner, name);
      function.*member = text;
      return {PutFunction{owner->id, std::move(function)}};
    });
    return answer_with(*after, database, name);
  };
}

Action alter_docstring(CommandContext& context) {
  return change(context, &Function::docstring);
}
Action alter_folder(CommandContext& context) {
  return change(context, &Function::folder);
}

Action show_functions(CommandContext& context) {
  context.reader.properties();
  return [&services = context.services, database = context.request.database] {
    ResultTable answer = functions_answer();
    auto owner = need_database(*services.store.catalog(), database);
    for (const auto& [name, function] : owner->functions()) append_function(answer, function);
    return answer;
  };
}

// The columns of what the function gives when it is called with nothing, as schemas list them: "[]" where it gives
// one value.
std::string output_columns_json(const Services& services, const CommandRequest& request,
                                const Function& function) {
  std::string call = empty_call(function);
  auto columns_of = [&](const std::string& query) {
    return run_source(services, request, query + " | take 0").columns;
  };
  std::vector<ResultColumn> columns;
  try {
    columns = columns_of(call);
  } catch (const Error& as_table) {
    try {
      columns_of("print " + call);
    } catch (const Error& as_value) {
      // The one of what the body is, without the operator that the call was put into.
      const std::string& message = as_value.message();
      if (message.find("is a table where a scalar is expected") != std::string::npos)
        throw Error(as_table);
      constexpr std::string_view kOperator = "'print' operator: ";
      size_t at = message.find(kOperator);
      if (at == std::string::npos) throw;
      throw Error(as_value.kind(), message.substr(0, at) + message.substr(at + kOperator.size()),
                  as_value.where());
    }
  }
  std::string json = "[";
  for (const ResultColumn& column : columns) {
    if (json.size() > 1) json += ',';
    append_typed_name(json, column.name, column.type);
    json += '}';
  }
  return json + "]";
}

// .show function F schema as json
Action show_function_schema(CommandContext& context) {
  context.reader.properties();
  return [&services = context.services, request = context.request,
          name = plain_name(context.names[0], "function")] {
    ResultTable answer = make_answer({{"Name", ScalarType::kString},
                                      {"Schema", ScalarType::kString},
                                      {"DatabaseName", ScalarType::kString},
                                      {"Folder", ScalarType::kString},
                                      {"DocString", ScalarType::kString}});
    auto owner = need_database(*services.store.catalog(), request.database);
    const Function& function = need_function(*owner, name);
    append_row(answer,
               {name, function_json(function, output_columns_json(services, request, function)),
                owner->name, function.folder, function.docstring});
    return answer;
  };
}

Action show_function(CommandContext& context) {
  context.reader.properties();
  return [&services = context.services, database = context.request.database,
          name = plain_name(context.names[0], "function")] {
    return answer_with(*services.store.catalog(), database, name);
  };
}

void drop(const Services& services, const std::string& database,
          const std::vector<std::string>& names, bool if_exists) {
  commit(services, [&](const Catalog& catalog) {
    auto owner = need_database(catalog, database);
    Changes changes;
    for (const std::string& name : names) {
      if (owner->find_function(name) != nullptr) {
        changes.push_back(catalog::DropFunction{owner->id, name});
      } else if (!if_exists) {
        throw entity_not_found("Function", name);
      }
    }
    return changes;
  });
}

Action drop_function(CommandContext& context) {
  std::string name = plain_name(context.names[0], "function");
  bool if_exists = context.reader.try_word("ifexists");
  return [&services = context.services, database = context.request.database, name, if_exists] {
    drop(services, database, {name}, if_exists);
    ResultTable answer = make_answer({{"Name", ScalarType::kString}});
    append_row(answer, {name});
    return answer;
  };
}

// Answers with the functions that are left.
Action drop_functions(CommandContext& context) {
  bool if_exists = context.reader.try_word("ifexists");
  return [&services = context.services, database = context.request.database,
          names = context.lists[0], if_exists] {
    drop(services, database, names, if_exists);
    ResultTable answer = functions_answer();
    auto owner = need_database(*services.store.catalog(), database);
    for (const auto& [name, function] : owner->functions()) append_function(answer, function);
    return answer;
  };
}

constexpr CommandForm kForms[] = {
    {"create function", "FunctionCreate", true, create_function},
    {"create-or-alter function", "FunctionCreateOrAlter", true, create_or_alter_function},
    {"alter function", "FunctionAlter", true, alter_function},
    {"alter function <name> docstring", "FunctionDocStringAlter", true, alter_docstring},
    {"alter function <name> folder", "FunctionFolderAlter", true, alter_folder},
    {"show functions", "FunctionsShow", false, show_functions},
    {"show function <name>", "FunctionShow", false, show_function},
    {"show function <name> schema as json", "FunctionSchemaShow", false, show_function_schema},
    {"drop function <name>", "FunctionDrop", true, drop_function},
    {"drop functions <names>", "FunctionsDrop", true, drop_functions},
};

}  // namespace

Forms function_forms() {
  return kForms;
}

}  // namespace rivulet::commands
