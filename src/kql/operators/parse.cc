#include <algorithm>

#include "common/error.h"
#include "kql/bind/binder.h"

// parse, parse-where and parse-kv: both become regular expressions.
namespace rivulet::kql {
namespace {

std::string quote_regex(std::string_view text) {
  std::string quoted;
  for (char c : text) {
    bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   c == '_' || static_cast<unsigned char>(c) >= 0x80;
    if (c == '\n') {
      quoted += "\\n";
    } else {
      if (!is_word) quoted += '\\';
      quoted += c;
    }
  }
  return quoted;
}

// One character out of a class: "[,;]".
std::string quote_class(std::string_view characters, bool negated) {
  return (negated ? "[^" : "[") + quote_regex(characters) + "]";
}

// Calls visit(i, c) for each character that is neither escaped nor in a class.
template <typename Visit>
void for_each_sign(std::string_view regex, Visit&& visit) {
  int classes = 0;  // that are open, one inside the other
  for (size_t i = 0; i < regex.size(); ++i) {
    char c = regex[i];
    if (c == '\\') {
      ++i;
    } else if (c == '[') {
      ++classes;
      // A ']' that comes first is a character.
      if (regex.substr(i + 1).starts_with("]")) ++i;
      if (regex.substr(i + 1).starts_with("^]")) i += 2;
    } else if (classes > 0) {
      if (c == ']') --classes;
    } else {
      visit(i, c);
    }
  }
}

// Capture groups that a regular expression has by itself.
int count_groups(std::string_view regex) {
  int groups = 0;
  for_each_sign(regex, [&](size_t i, char c) {
    if (c != '(') return;
    std::string_view rest = regex.substr(i);
    bool is_named =
        rest.starts_with("(?P<") ||
        (rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!"));
    if (!rest.starts_with("(?") || is_named) ++groups;
  });
  return groups;
}

// The first capture group of a regular expression, as [begin, end); empty when there is none.
std::pair<size_t, size_t> first_group(std::string_view regex) {
  int depth = 0;
  size_t begin = std::string_view::npos, end = 0;
  for_each_sign(regex, [&](size_t i, char c) {
    if (end > 0) return;
    if (c == '(') {
      if (begin == std::string_view::npos && !regex.substr(i).starts_with("(?")) {
        begin = i;
        depth = 0;
      }
      ++depth;
    } else if (c == ')' && --depth == 0 && begin != std::string_view::npos) {
      end = i + 1;
    }
  });
  return end > 0 ? std::pair(begin, end) : std::pair(size_t{0}, size_t{0});
}

std::string group_for(ScalarType type) {
  switch (type) {
    case ScalarType::kInt:
    case ScalarType::kLong:
      return "([\\-\\+]?\\d+)";
    case ScalarType::kReal:
    case ScalarType::kDecimal:
      return "([\\-\\+]?\\d+(?:\\.\\d*)?(?:[eE][\\-\\+]?\\d+)?)";
    default:
      return "(.*?)";
  }
}

}  // namespace

Expr Binder::bind_text(const Expression& expression, Relation& input,
                       const Environment* environment) {
  Scope scope;
  scope.environment = environment;
  scope.row = &input;
  Expr source = bind(expression, scope);
  if (source.type != ScalarType::kString) source = call_library("tostring", {source}, Position{});
  source.sql = as_column(input, source);
  source.literal.reset();
  return source;
}

Relation Binder::apply(const ParseOperator& parse, Relation input, const Environment* environment) {
  using Kind = ParseOperator::Step::Kind;
  std::string kind = "simple";
  std::string flags;
  for (const OperatorOption& option : parse.options) {
    if (option.name == "kind") kind = option.text;
    if (option.name == "flags") flags = option.text;
  }
  if (kind != "simple" && kind != "regex" && kind != "relaxed") {
    throw operator_error("SEM0003", "'" + kind + "' is not a kind of parse");
  }
  bool is_regex = kind == "regex";
  Expr source = bind_text(*parse.source, input, environment);

  struct Extracted {
    const ParseOperator::Step* step;
    ScalarType type;
    int group;
  };
  std::vector<Extracted> extracted;
  std::string regex;
  if (is_regex) {
    if (!flags.empty()) regex = "(?" + flags + ")";
  } else {
    regex = "(?s)";
  }
  if (parse.steps.front().kind != Kind::kStar && !is_regex) regex += "^";
  int group = 0;
  for (size_t i = 0; i < parse.steps.size(); ++i) {
    const ParseOperator::Step& step = parse.steps[i];
    bool is_last = i + 1 == parse.steps.size();
    switch (step.kind) {
      case Kind::kStar:
        if (!is_last) regex += i == 0 && !is_regex ? "^.*?" : ".*?";
        break;
      case Kind::kText:
        regex += is_regex ? step.text : quote_regex(step.text);
        if (is_regex) group += count_groups(step.text);
        break;
      case Kind::kColumn: {
        ScalarType type = step.type.value_or(ScalarType::kString);
        extracted.push_back({&step, type, ++group});
        bool takes_rest = is_last && (!is_regex || group_for(type) == "(.*?)");
        if (takes_rest) {
          regex += "(.*)$";
        } else {
          bool precedes_star = !is_last && parse.steps[i + 1].kind == Kind::kStar;
          std::string group_text = is_regex || precedes_star ? group_for(type) : "(.*?)";
          if (is_regex && group_text == "(.*?)") group_text = "(.*)";
          // In a relaxed parse what is no number is no obstacle.
          if (kind == "relaxed" && precedes_star && group_text != "(.*?)") {
            group_text.insert(group_text.size() - 1, "|");
          }
          regex += group_text;
        }
        break;
      }
    }
  }
  Expr pattern = text_literal(regex);
  Expr matched = call_library("matches regex", {source, pattern}, Position{});
  std::string success = as_column(input, matched);
  std::vector<Expr> values;
  for (const Extracted& one : extracted) {
    Expr value = call_library("extract", {pattern, long_literal(one.group), source}, Position{});
    if (one.type != ScalarType::kString) {
      if (one.type != ScalarType::kDynamic)
        value = call_library("trim", {text_literal("\\s+"), value}, Position{});
      std::string function = "to" + std::string(kusto_name(one.type));
      value = call_library(function, {value}, Position{});
      value.sql = stage(input, value.sql);
      if (kind != "relaxed" && one.type != ScalarType::kDynamic)
        success += " AND " + value.sql + " IS NOT NULL";
    }
    values.push_back(std::move(value));
  }
  std::string list;
  std::vector<RelationColumn> columns = input.columns;
  for (size_t i = 0; i < extracted.size(); ++i) {
    RelationColumn added = column(extracted[i].step->text, extracted[i].type);
    std::string missing = added.type == ScalarType::kString ? "''" : literal_sql({added.type, {}});
    std::string sql = parse.is_where ? values[i].sql
                                     : "CASE WHEN " + success + " THEN " + values[i].sql +
                                           " ELSE " + missing + " END";
    list += (list.empty() ? "" : ", ") + defined(sql, added.sql);
    auto taken = std::find_if(columns.begin(), columns.end(), [&](const RelationColumn& existing) {
      return existing.name == added.name;
    });
    if (taken != columns.end()) {
      *taken = std::move(added);
    } else {
      columns.push_back(std::move(added));
    }
  }
  if (parse.is_where) filter(input, success);
  add_sql(input, list);
  input.columns = std::move(columns);
  return input;
}

Relation Binder::apply(const ParseKvOperator& parse, Relation input,
                       const Environment* environment) {
  std::string pair_delimiter, kv_delimiter, quote, escape, regex;
  bool is_greedy = false;
  for (const OperatorOption& option : parse.options) {
    if (option.name == "pair_delimiter") {
      pair_delimiter = option.text;
    } else if (option.name == "kv_delimiter") {
      kv_delimiter = option.text;
    } else if (option.name == "quote") {
      quote = option.text;
    } else if (option.name == "escape") {
      escape = option.text;
    } else if (option.name == "regex") {
      regex = option.text;
    } else if (option.name == "greedy") {
      is_greedy = option.text == "true";
    } else {
      throw operator_error("SEM0003", "'" + option.name + "' is not an option of parse-kv");
    }
  }
  Expr source = bind_text(*parse.source, input, environment);
  std::string open_quote = quote.empty() ? "" : quote.substr(0, 1);
  std::string close_quote = quote.size() > 1 ? quote.substr(1, 1) : open_quote;
  std::string quoted;  // a value in quotes, its inside captured
  if (!quote.empty()) {
    std::string plain = quote_class(close_quote + escape, true);
    std::string inside =
        escape.empty() ? plain + "*" : "(?:" + plain + "|" + quote_regex(escape) + ".)*";
    quoted = quote_regex(open_quote) + "(" + inside + ")" + quote_regex(close_quote);
  }
  bool is_free = regex.empty() && pair_delimiter.empty() && kv_delimiter.empty();

  std::vector<RelationColumn> columns = input.columns;
  std::string list;
  for (const ColumnDeclaration& declared : parse.columns) {
    std::string key = quote_regex(declared.name);
    if (!quote.empty())
      key = "(?:" + quote_regex(open_quote) + key + quote_regex(close_quote) + "|" + key + ")";
    std::string pattern;
    int groups = 1;
    if (!regex.empty()) {
      auto [begin, end] = first_group(regex);
      if (begin == end || count_groups(regex) < 2) {
        throw operator_error("SEM0003",
                             "The regex needs a group for the key and one for the value");
      }
      pattern =
          regex.substr(0, begin) + "(?:" + quote_regex(declared.name) + ")" + regex.substr(end);
    } else if (is_free) {
      pattern = "(?s)(?:^|\\W)" + key + "[^\\w" + quote_regex(open_quote) + "]+";
      pattern += quoted.empty() ? "(\\w+)" : "(?:" + quoted + "|(\\w+))";
      groups = quoted.empty() ? 1 : 2;
    } else {
      std::string pair = quote_regex(pair_delimiter);
      std::string kv = quote_regex(kv_delimiter);
      std::string start = pair_delimiter.empty() ? "(?:^|\\W)" : "(?:^|" + pair + ")\\s*";
      std::string value = is_greedy      ? "(.*?)(?:" + pair + "[^" + pair + kv + "]*" + kv + "|$)"
                          : pair.empty() ? "(\\w*)"
                                         : "(.*?)(?:" + pair + "|$)";
      pattern = "(?s)" + start + key + "\\s*" + kv + "\\s*";
      pattern += quoted.empty() ? value : "(?:" + quoted + "|" + value + ")";
      groups = quoted.empty() ? 1 : 2;
    }
    Expr value =
        call_library("extract", {text_literal(pattern), long_literal(1), source}, Position{});
    if (groups == 2) {
      Expr plain =
          call_library("extract", {text_literal(pattern), long_literal(2), source}, Position{});
      std::string inside = value.sql;
      if (!escape.empty()) {  // an escaped character stands for itself
        Expr unescaped = call_library(
            "replace_regex",
            {value, text_literal(quote_regex(escape) + "(.)"), text_literal("\\1")}, Position{});
        inside = unescaped.sql;
      }
      value.sql =
          "(CASE WHEN " + value.sql + " <> '' THEN " + inside + " ELSE " + plain.sql + " END)";
    }
    if (declared.type != ScalarType::kString) {
      value = call_library("to" + std::string(kusto_name(declared.type)), {value}, Position{});
    }
    RelationColumn added = column(declared.name, declared.type);
    list += (list.empty() ? "" : ", ") + defined(value.sql, added.sql);
    auto taken = std::find_if(columns.begin(), columns.end(), [&](const RelationColumn& existing) {
      return existing.name == added.name;
    });
    if (taken != columns.end()) {
      *taken = std::move(added);
    } else {
      columns.push_back(std::move(added));
    }
  }
  add_sql(input, list);
  input.columns = std::move(columns);
  return input;
}

}  // namespace rivulet::kql
