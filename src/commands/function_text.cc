#include "commands/function_text.h"

#include "commands/json_object.h"
#include "commands/text.h"
#include "kql/syntax/lexer.h"
#include "kql/syntax/parser.h"
#include "types/text.h"

namespace rivulet::commands {
void append_typed_name(std::string& json, const std::string& name, ScalarType type) {
  json += "{\"Name\":";
  append_json_string(json, name);
  json += ",\"Type\":";
  append_json_string(json, clr_name(type));
  json += ",\"CslType\":";
  append_json_string(json, kusto_name(type));
}

std::string function_json(const catalog::Function& function, std::string_view output_columns) {
  JsonObject json;
  json.text("Name", function.name);
  json.raw("InputParameters", parameters_json(function));
  json.text("Body", function.body);
  json.text("Folder", function.folder);
  json.text("DocString", function.docstring);
  json.text("FunctionKind", "Unknown");
  json.raw("OutputColumns", output_columns);
  return json.end();
}

std::string parameters_json(const catalog::Function& function) {
  auto definition = kql::parse_function(function.parameters, function.body);
  std::string json = "[";
  for (const kql::ParameterDeclaration& parameter : definition->parameters) {
    if (json.size() > 1) json += ',';
    if (!parameter.is_tabular) {
      append_typed_name(json, parameter.name, parameter.type);
      json += '}';
      continue;
    }
    json += "{\"Name\":";
    append_json_string(json, parameter.name);
    json += ",\"Columns\":[";
    bool is_first = true;
    for (const auto& column : parameter.columns) {
      if (!is_first) json += ',';
      is_first = false;
      append_typed_name(json, column.name, column.type);
      json += '}';
    }
    json += "]}";
  }
  return json + "]";
}

std::string empty_call(const catalog::Function& function) {
  auto definition = kql::parse_function(function.parameters, function.body);
  std::string call = quoted_name(function.name) + "(";
  for (const kql::ParameterDeclaration& parameter : definition->parameters) {
    if (call.back() != '(') call += ", ";
    if (!parameter.is_tabular) {
      std::string type(kusto_name(parameter.type));
      call += parameter.type == ScalarType::kString ? "''" : type + "(null)";
      continue;
    }
    std::string columns;
    for (const auto& column : parameter.columns) {
      columns += (columns.empty() ? "" : ", ") + quoted_name(column.name) + ":" +
                 std::string(kusto_name(column.type));
    }
    // One that takes any columns is given one.
    call += "(datatable(" + (columns.empty() ? "Column1:string" : columns) + ")[])";
  }
  return call + ")";
}

std::string normal_parameters(std::string_view parameters) {
  std::string normal;
  for (const kql::Token& token : kql::tokenize(parameters)) {
    normal += token.text;
    if (token.is(",")) normal += ' ';
  }
  return normal;
}

}  // namespace rivulet::commands
