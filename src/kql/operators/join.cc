#include <algorithm>
#include <array>
#include <set>

#include "common/error.h"
#include "kql/bind/binder.h"

// join and lookup.
namespace rivulet::kql {
namespace {

enum class JoinKind {
  kInnerUnique,
  kInner,
  kLeftOuter,
  kRightOuter,
  kFullOuter,
  kLeftAnti,
  kRightAnti,
  kLeftSemi,
  kRightSemi
};

struct KindName {
  std::string_view name;
  JoinKind kind;
};
constexpr std::array kKinds{
    KindName{"innerunique", JoinKind::kInnerUnique},
    KindName{"inner", JoinKind::kInner},
    KindName{"leftouter", JoinKind::kLeftOuter},
    KindName{"rightouter", JoinKind::kRightOuter},
    KindName{"fullouter", JoinKind::kFullOuter},
    KindName{"leftanti", JoinKind::kLeftAnti},
    KindName{"anti", JoinKind::kLeftAnti},
    KindName{"leftantisemi", JoinKind::kLeftAnti},
    KindName{"rightanti", JoinKind::kRightAnti},
    KindName{"rightantisemi", JoinKind::kRightAnti},
    KindName{"leftsemi", JoinKind::kLeftSemi},
    KindName{"rightsemi", JoinKind::kRightSemi},
};

// The two sides of one condition of `on`.
struct KeyPair {
  std::string left, right;  // SQL columns
  bool is_real = false;
};

}  // namespace

// An innerunique join takes any one row of the left for each key, so a filter behind it on the left's
// columns may choose: it is applied in front of the join too.
void Binder::push_filter_below(const Operator& join, const Operator& next, Relation& left,
                               const Environment* environment) {
  const auto* operation = std::get_if<JoinOperator>(&join.body);
  const auto* where = std::get_if<WhereOperator>(&next.body);
  if (operation == nullptr || where == nullptr || operation->is_lookup) return;
  for (const OperatorOption& option : operation->options) {
    if (option.name == "kind" && option.text != "innerunique") return;
  }
  std::vector<const Expression*> conjuncts;
  const Expression& predicate = *where->predicate;
  if (predicate.kind == Expression::Kind::kBinary && predicate.text == "and") {
    for (const NamedExpression& conjunct : predicate.arguments)
      conjuncts.push_back(conjunct.value.get());
  } else {
    conjuncts.push_back(&predicate);
  }
  for (const Expression* conjunct : conjuncts) {
    // Only comparisons of columns of the left with constants.
    if (conjunct->kind != Expression::Kind::kBinary && conjunct->kind != Expression::Kind::kList)
      continue;
    bool fits = !conjunct->arguments.empty() &&
                conjunct->arguments[0].value->kind == Expression::Kind::kName &&
                left.find(conjunct->arguments[0].value->text) != nullptr;
    for (size_t i = 1; fits && i < conjunct->arguments.size(); ++i) {
      fits = conjunct->arguments[i].value->kind == Expression::Kind::kLiteral;
    }
    if (!fits) continue;
    Scope scope;
    scope.environment = environment;
    scope.row = &left;
    filter(left, bind_predicate(*conjunct, scope).sql);
  }
}

Relation Binder::apply(const JoinOperator& join, Relation input, const Environment* environment) {
  JoinKind kind = join.is_lookup ? JoinKind::kLeftOuter : JoinKind::kInnerUnique;
  for (const OperatorOption& option : join.options) {
    if (option.name != "kind") continue;
    auto found = std::find_if(kKinds.begin(), kKinds.end(),
                              [&](const KindName& known) { return known.name == option.text; });
    bool fits = found != kKinds.end() && (!join.is_lookup || found->kind == JoinKind::kLeftOuter ||
                                          found->kind == JoinKind::kInner);
    if (!fits) throw operator_error("SEM0003", "'" + option.text + "' is not a kind of join");
    kind = found->kind;
  }
  std::string outer_operator = operator_;
  Relation right = bind_table(*join.right, environment);
  operator_ = outer_operator;
  Relation left = std::move(input);

  std::vector<KeyPair> keys;
  std::vector<std::string> right_key_columns;
  std::vector<const Expression*> conditions;
  for (const ExpressionPtr& condition : join.on) {
    if (condition->kind == Expression::Kind::kBinary && condition->text == "and") {
      for (const NamedExpression& part : condition->arguments)
        conditions.push_back(part.value.get());
    } else {
      conditions.push_back(condition.get());
    }
  }
  auto add_key = [&](Expr left_value, Expr right_value) {
    if (left_value.type != right_value.type) {
      std::optional<ScalarType> type = common_type(left_value.type, right_value.type);
      if (!type) {
        throw operator_error("SEM0028", "The join keys are of types " +
                                            std::string(kusto_name(left_value.type)) + " and " +
                                            std::string(kusto_name(right_value.type)));
      }
      left_value = convert(left_value, *type);
      right_value = convert(right_value, *type);
    }
    keys.push_back({as_column(left, left_value), as_column(right, right_value),
                    left_value.type == ScalarType::kReal});
  };
  auto mentions = [](const Expression& expression, std::string_view side) {
    std::vector<const Expression*> open{&expression};
    while (!open.empty()) {
      const Expression* next = open.back();
      open.pop_back();
      if (next->kind == Expression::Kind::kName && next->text == side) return true;
      for (const NamedExpression& argument : next->arguments) open.push_back(argument.value.get());
    }
    return false;
  };
  for (const Expression* condition : conditions) {
    if (condition->kind == Expression::Kind::kName) {
      const RelationColumn* left_column = left.find(condition->text);
      const RelationColumn* right_column = right.find(condition->text);
      if (right_column == nullptr) fail_column(condition->text);
      const Binding* outside =
          left_column == nullptr ? find_binding(environment, condition->text) : nullptr;
      if (left_column == nullptr && (outside == nullptr || !outside->is_outside))
        fail_column(condition->text);
      Scope scope;
      scope.environment = environment;
      scope.row = &left;
      Expr left_value = bind(*condition, scope);
      right_key_columns.push_back(right_column->sql);
      add_key(std::move(left_value), column_expr(*right_column));
      continue;
    }
    if (condition->kind != Expression::Kind::kBinary || condition->text != "==") {
      throw operator_error("SEM0018",
                           "A join condition must be a column name or $left.a == $right.b");
    }
    const Expression* first = condition->arguments[0].value.get();
    const Expression* second = condition->arguments[1].value.get();
    if (mentions(*first, "$right")) std::swap(first, second);
    if (!mentions(*first, "$left") || !mentions(*second, "$right") || mentions(*first, "$right") ||
        mentions(*second, "$left")) {
      throw operator_error("SEM0018",
                           "A join condition must be a column name or $left.a == $right.b");
    }
    Scope scope;
    scope.environment = environment;
    scope.row = &left;
    scope.right = &right;
    Expr left_value = bind(*first, scope);
    Expr right_value = bind(*second, scope);
    right_key_columns.push_back(right_value.sql);
    add_key(std::move(left_value), std::move(right_value));
  }

  // The sides may share SQL names (T | as X | join X …): tell them apart.
  std::string left_alias = "l" + new_name();
  std::string right_alias = "r" + new_name();
  std::string condition;
  std::string left_keys;
  for (const KeyPair& key : keys) {
    condition += (condition.empty() ? "" : " AND ") + left_alias + "." + key.left + " = " +
                 right_alias + "." + key.right;
    // To the engine NaN is equal to NaN.
    if (key.is_real) condition += " AND NOT isnan(" + left_alias + "." + key.left + ")";
    left_keys += (left_keys.empty() ? "" : ", ") + key.left;
  }
  bool is_of_row_outside = reads_outside(left.from) || reads_outside(right.from);
  if (kind == JoinKind::kLeftSemi || kind == JoinKind::kLeftAnti || kind == JoinKind::kRightSemi ||
      kind == JoinKind::kRightAnti) {
    bool keeps_left = kind == JoinKind::kLeftSemi || kind == JoinKind::kLeftAnti;
    bool is_semi = kind == JoinKind::kLeftSemi || kind == JoinKind::kRightSemi;
    Relation& kept = keeps_left ? left : right;
    Relation result = restart(kept);
    const std::string& kept_alias = keeps_left ? left_alias : right_alias;
    std::string other = keeps_left ? right.from + " " + right_alias : left.from + " " + left_alias;
    result.from = "(SELECT " + kept_alias + ".* FROM " + kept.from + " " + kept_alias;
    if (is_of_row_outside) {  // the engine has no such joins of what depends on a row outside
      result.from += std::string(" WHERE ") + (is_semi ? "" : "NOT ") + "EXISTS (SELECT 1 FROM " +
                     other + " WHERE " + condition + "))";
    } else {
      result.from += (is_semi ? " SEMI JOIN " : " ANTI JOIN ") + other + " ON " + condition + ")";
    }
    check_size(result.from);
    return result;
  }
  if (kind == JoinKind::kInnerUnique) {
    std::string order = left.order.empty() ? "" : " ORDER BY " + left_keys + ", " + left.order_by();
    left.from = "(SELECT DISTINCT ON (" + left_keys + ") * FROM " + left.from + order + ")";
  }
  if (kind == JoinKind::kFullOuter && is_of_row_outside) {
    throw not_supported("join kind=fullouter inside of partition or mv-apply");
  }
  bool left_may_miss = kind == JoinKind::kRightOuter || kind == JoinKind::kFullOuter;
  bool right_may_miss = kind == JoinKind::kLeftOuter || kind == JoinKind::kFullOuter;
  auto is_left_out = [&](const RelationColumn& source) {
    return join.is_lookup && std::find(right_key_columns.begin(), right_key_columns.end(),
                                       source.sql) != right_key_columns.end();
  };
  // The first column of a name keeps it; the numbers of the others pass by every name that a column has.
  std::set<std::string> taken;
  for (const RelationColumn& source : left.columns) taken.insert(source.name);
  for (const RelationColumn& source : right.columns) {
    if (!is_left_out(source)) taken.insert(source.name);
  }
  Relation result;
  std::string list;
  auto add_column = [&](const RelationColumn& source, const std::string& alias, bool may_miss) {
    std::string name = source.name;
    if (has_column(result.columns, name)) {
      for (int suffix = 1; !taken.insert(name).second; ++suffix)
        name = source.name + std::to_string(suffix);
    }
    RelationColumn added = column(std::move(name), source.type);
    std::string value = alias + "." + source.sql;
    if (!list.empty()) list += ", ";
    list += defined(may_miss ? or_default(source.type, value) : value, added.sql);
    result.columns.push_back(std::move(added));
  };
  for (const RelationColumn& source : left.columns) add_column(source, left_alias, left_may_miss);
  for (const RelationColumn& source : right.columns) {
    if (!is_left_out(source)) add_column(source, right_alias, right_may_miss);
  }
  if (list.empty()) list = "1 AS unused";
  std::string_view word = kind == JoinKind::kLeftOuter    ? " LEFT JOIN "
                          : kind == JoinKind::kRightOuter ? " RIGHT JOIN "
                          : kind == JoinKind::kFullOuter  ? " FULL JOIN "
                                                          : " JOIN ";
  result.from = "(SELECT " + list + " FROM " + left.from + " " + left_alias + std::string(word) +
                right.from + " " + right_alias + " ON " + condition + ")";
  check_size(result.from);
  return result;
}

}  // namespace rivulet::kql
