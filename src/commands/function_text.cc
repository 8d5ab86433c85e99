#include "commands/function_text.h"

#include "kql/lexer.h"
#include "kql/parser.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

void append_typed_name(std::string& json, const std::string& name, ScalarType type) {
  json += "{\"Name\":";
  append_json_string(json, name);
  json += ",\"Type\":";
  append_json_string(json, clr_name(type));
  json += ",\"CslType\":";
  append_json_string(json, kusto_name(type));
}

}  // namespace

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

std::string normal_parameters(std::string_view parameters) {
  std::string normal;
  for (const kql::Token& token : kql::tokenize(parameters)) {
    normal += token.text;
    if (token.is(",")) normal += ' ';
  }
  return normal;
}

}  // namespace rivulet::commands
