// .execute database script: many commands in one request.

#include "commands/form.h"
#include "commands/rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "kql/syntax/lexer.h"

namespace rivulet::commands {
namespace {

// The commands of a script: each begins with a '.' that is the first thing in its line, outside of
// string literals and brackets.
std::vector<std::string> commands_of(std::string_view script) {
  std::vector<std::string> commands;
  std::string current;
  auto finish = [&] {
    std::string_view text = trim(current);
    while (text.ends_with(';')) text = trim(text.substr(0, text.size() - 1));
    if (!text.empty()) commands.emplace_back(text);
    current.clear();
  };
  int depth = 0;
  bool at_line_start = true;
  for (size_t at = 0; at < script.size();) {
    std::string_view left = script.substr(at);
    if (left.starts_with("//")) {
      at += std::min(left.find('\n'), left.size());
      continue;
    }
    if (left.starts_with("```") || left.starts_with("~~~")) {
      size_t end = left.find(left.substr(0, 3), 3);
      size_t length = end == std::string_view::npos ? left.size() : end + 3;
      current += left.substr(0, length);
      at += length;
      at_line_start = false;
      continue;
    }
    char c = left.front();
    if (c == '"' || c == '\'') {
      bool is_verbatim = !current.empty() && current.back() == '@';
      size_t end = 1;
      while (end < left.size() && left[end] != c)
        end += (left[end] == '\\' && !is_verbatim) ? 2 : 1;
      size_t length = std::min(end + 1, left.size());
      current += left.substr(0, length);
      at += length;
      at_line_start = false;
      continue;
    }
    if (c == '.' && at_line_start && depth == 0) finish();
    if (c == '(' || c == '[' || c == '{') ++depth;
    if ((c == ')' || c == ']' || c == '}') && depth > 0) --depth;
    if (c == '\n') {
      at_line_start = true;
    } else if (!is_blank(c)) {
      at_line_start = false;
    }
    current += c;
    ++at;
  }
  finish();
  return commands;
}

struct Outcome {
  std::string type;
  std::string result;
  std::string reason;
};

Outcome run_one(const Services& services, const CommandRequest& request, const std::string& text) {
  Outcome outcome;
  CommandRequest one = request;
  one.text = text;
  CommandReader reader(text);
  CommandContext context{services, one, reader, {}, {}};
  const CommandForm* form = nullptr;
  try {
    Action action = prepare(context, &form);
    if (form != nullptr) outcome.type = form->type;
    if (form->type.ends_with("Show")) {
      outcome.result = "Skipped";
      return outcome;
    }
    action();
    outcome.result = "Completed";
  } catch (const Error& error) {
    if (form != nullptr) outcome.type = form->type;
    outcome.result = "Failed";
    outcome.reason = error.message();
  }
  return outcome;
}

Action execute_script(CommandContext& context) {
  Properties properties = context.reader.properties();
  properties.check_known({"ContinueOnErrors", "ThrowOnErrors"});
  bool continues = properties.flag("ContinueOnErrors", false);
  bool throws = properties.flag("ThrowOnErrors", false);
  if (continues && throws) {
    throw bad_request("ContinueOnErrors and ThrowOnErrors exclude each other");
  }
  context.reader.expect_symbol("<|");
  std::vector<std::string> commands = commands_of(context.reader.take_rest());
  for (const std::string& command : commands) {
    if (!command.starts_with('.')) {
      throw bad_request("A script holds management commands only, and this is none: " +
                        kql::hide_secrets(command).substr(0, 100));
    }
  }
  return [&services = context.services, &request = context.request, commands = std::move(commands),
          continues, throws] {
    ResultTable answer = make_answer({{"OperationId", ScalarType::kGuid},
                                      {"CommandType", ScalarType::kString},
                                      {"CommandText", ScalarType::kString},
                                      {"Result", ScalarType::kString},
                                      {"Reason", ScalarType::kString}});
    for (const std::string& command : commands) {
      Outcome outcome = run_one(services, request, command);
      bool has_failed = outcome.result == "Failed";
      std::string shown = kql::hide_secrets(command);
      if (has_failed && throws) {
        throw bad_request("The script failed at the command '" + shown + "': " + outcome.reason);
      }
      append_row(answer,
                 {new_guid(), outcome.type, std::move(shown), outcome.result, outcome.reason});
      if (has_failed && !continues) break;
    }
    return answer;
  };
}

constexpr CommandForm kForms[] = {
    {"execute database script", "ExecuteDatabaseScript", true, execute_script},
    {"execute script", "ExecuteDatabaseScript", true, execute_script},
};

}  // namespace

Forms script_forms() {
  return kForms;
}

}  // namespace rivulet::commands
