#include "commands/form.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "commands/text.h"
#include "common/error.h"

namespace rivulet::commands {
namespace {

// Every form, those of one first word together.
class FormTable {
 public:
  FormTable() {
    for (Forms family : {database_forms(),        schema_forms(),      table_forms(),
                         column_forms(),          mapping_forms(),     data_connection_forms(),
                         policy_forms(),          function_forms(),    extent_forms(),
                         extent_change_forms(),   soft_delete_forms(), inline_ingestion_forms(),
                         query_ingestion_forms(), streaming_forms(),   query_forms(),
                         operation_forms(),       system_forms(),      principal_forms(),
                         script_forms(),          listing_forms(),     extent_move_forms(),
                         absent_forms()}) {
      for (const CommandForm& form : family) entries_.push_back({&form, split(form.pattern)});
    }
  }

  struct Entry {
    const CommandForm* form;
    std::vector<std::string_view> elements;
  };
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  static std::vector<std::string_view> split(std::string_view pattern) {
    std::vector<std::string_view> elements;
    while (!pattern.empty()) {
      size_t end = std::min(pattern.find(' '), pattern.size());
      elements.push_back(pattern.substr(0, end));
      pattern.remove_prefix(std::min(end + 1, pattern.size()));
    }
    return elements;
  }

  std::vector<Entry> entries_;
};

bool is_word_pattern(std::string_view element) {
  return element.front() != '<' && element.front() != '(' && element.front() != '*';
}

// Reads one element of a pattern; false when something else stands there.
bool match_element(std::string_view element, CommandContext& context) {
  CommandReader& reader = context.reader;
  if (is_word_pattern(element)) return reader.try_word(element);
  if (element == "(" || element == "*") return reader.try_symbol(element);
  if (element == "<names>") {
    if (!reader.at_symbol("(")) return false;
    // A name that stands twice means the same once.
    std::vector<std::string>& names = context.lists.emplace_back();
    std::unordered_set<std::string> seen;
    for (std::string& name : reader.name_list("a name")) {
      if (seen.insert(name).second) names.push_back(std::move(name));
    }
    return true;
  }
  // <name>
  if (!reader.at_symbol("*") && !reader.at_name()) return false;
  context.names.push_back(reader.entity_name("a name"));
  return true;
}

}  // namespace

const CommandForm& match_form(CommandContext& context) {
  static const FormTable table;
  CommandReader& reader = context.reader;
  size_t start = reader.mark();

  // The form with the most elements wins, and among those the one with the most plain words.
  const FormTable::Entry* best = nullptr;
  std::pair<size_t, size_t> best_rank;
  size_t deepest = 0;
  size_t deepest_mark = start;
  std::set<std::string_view> expected;
  for (const FormTable::Entry& entry : table.entries()) {
    context.names.clear();
    context.lists.clear();
    reader.reset(start);
    size_t matched = 0;
    size_t words = 0;
    while (matched < entry.elements.size() && match_element(entry.elements[matched], context)) {
      words += is_word_pattern(entry.elements[matched]) ? 1 : 0;
      ++matched;
    }
    if (matched == entry.elements.size()) {
      std::pair rank(matched, words);
      if (best == nullptr || rank > best_rank) {
        best = &entry;
        best_rank = rank;
      }
      continue;
    }
    if (matched > deepest) {
      deepest = matched;
      deepest_mark = reader.mark();
      expected.clear();
    }
    if (matched == deepest && entry.form->handler != nullptr)
      expected.insert(entry.elements[matched]);
  }
  context.names.clear();
  context.lists.clear();
  if (best == nullptr) {
    reader.reset(deepest_mark);
    std::string known;
    for (std::string_view element : expected)
      known += (known.empty() ? "" : ", ") + std::string(element);
    if (deepest == 0) {
      reader.fail("There is no management command '." + reader.peek_word() +
                  "'; there are: " + known);
    }
    reader.fail_expected("one of: " + known);
  }
  reader.reset(start);
  for (std::string_view element : best->elements) match_element(element, context);
  return *best->form;
}

Action prepare(CommandContext& context, const CommandForm** form_out) {
  context.reader.expect_symbol(".");
  const CommandForm& form = match_form(context);
  if (form_out != nullptr) *form_out = &form;
  if (form.handler == nullptr) {
    throw not_supported("command '." + std::string(form.pattern) + "'");
  }
  if (form.is_changing && context.request.read_only) {
    throw forbidden(
        "The request may only read (it is a GET, or has request_readonly), and the "
        "command '." +
        std::string(form.pattern) + "' changes something");
  }
  Action action = form.handler(context);
  if (!context.reader.at_command_end())
    context.reader.fail_expected("the end of the command, '|' or ';'");
  return action;
}

}  // namespace rivulet::commands
