#include <gtest/gtest.h>

#include <algorithm>

#include "catalog/catalog.h"
#include "common/error.h"
#include "kql/kql.h"

namespace rivulet::kql {
namespace {

class BinderTest : public testing::Test {
 protected:
  BinderTest() {
    catalog_ = std::make_shared<catalog::Catalog>();
    catalog_ = catalog_->apply(catalog::PutDatabase{1, Guid{0, 1}, "db", "", {}, {}});
    catalog::Table table;
    table.id = 7;
    table.database_id = 1;
    table.name = "T";
    table.columns = {{1, "Name", ScalarType::kString, ""},
                     {2, "Value", ScalarType::kLong, ""},
                     {3, "name", ScalarType::kReal, ""}};
    table.next_column_id = 4;
    catalog_ = catalog_->apply(catalog::PutTable{table});
    catalog_ = catalog_->apply(
        catalog::PutFunction{1, {"Above", "(limit: long)", "{ T | where Value > limit }", "", ""}});
  }

  std::vector<BoundStatement> bind(std::string_view text) {
    BindOptions options;
    options.database = "db";
    options.parameters = parameters_;
    return bind_query(text, *catalog_, options);
  }
  BoundStatement bind_one(std::string_view text) {
    std::vector<BoundStatement> bound = bind(text);
    EXPECT_EQ(bound.size(), 1u);
    return bound.at(0);
  }
  std::vector<std::string> columns(std::string_view text) {
    std::vector<std::string> names;
    for (const ResultColumn& column : bind_one(text).columns) names.push_back(column.name);
    return names;
  }
  std::string error_of(std::string_view text) {
    try {
      bind(text);
    } catch (const Error& error) {
      return error.message();
    }
    return "";
  }

  std::shared_ptr<const catalog::Catalog> catalog_;
  std::map<std::string, std::string> parameters_;
};

using Names = std::vector<std::string>;

TEST_F(BinderTest, ReadsOnlyTheColumnsThatAreUsed) {
  BoundStatement statement = bind_one("T | where Value > 3 | project Name");
  ASSERT_EQ(statement.sources.size(), 1u);
  EXPECT_EQ(statement.sources[0].table, 7u);
  EXPECT_EQ(statement.sources[0].column_ids, (std::vector<uint32_t>{1, 2}));
  EXPECT_FALSE(statement.sources[0].needs_system_columns);
  EXPECT_TRUE(bind_one("T | count").sources[0].column_ids.empty());
  EXPECT_TRUE(bind_one("T | extend t = ingestion_time()").sources[0].needs_system_columns);
  // Nor where they would pass through a union, a name or a stored result.
  EXPECT_FALSE(bind_one("let U = T; U | count").sources[0].needs_system_columns);
  BoundStatement unite =
      bind_one("let U = materialize(T | take 5); union U, (T | where Value > 3)");
  for (const Source& source : unite.sources) EXPECT_FALSE(source.needs_system_columns);
  unite = bind_one(
      "let U = materialize(T | take 5); union U, (T | where Value > 3) | where ingestion_time() > "
      "ago(1h)");
  for (const Source& source : unite.sources) {
    EXPECT_TRUE(source.needs_system_columns);
    EXPECT_FALSE(source.needs_extent_columns);
  }
}

TEST_F(BinderTest, NotesBoundsOfFiltersDirectlyOverATable) {
  std::vector<ColumnBound> bounds =
      bind_one("T | where Value >= 3 and Name == 'x'").sources[0].bounds;
  ASSERT_EQ(bounds.size(), 2u);
  EXPECT_EQ(bounds[0].column_id, 2u);
  EXPECT_EQ(bounds[0].op, ColumnBound::Op::kGreaterEqual);
  EXPECT_EQ(std::get<int64_t>(bounds[0].value.value), 3);
  EXPECT_EQ(bind_one("T | where 3 > Value").sources[0].bounds.at(0).op, ColumnBound::Op::kLess);
  EXPECT_TRUE(bind_one("T | take 5 | where Value > 3").sources[0].bounds.empty());
  EXPECT_TRUE(bind_one("T | where Value > 3 or Name == 'x'").sources[0].bounds.empty());
  for (const char* text : {"T | where ingestion_time() >= datetime(2020-01-01)",
                           "T | where datetime(2020-01-01) <= ingestion_time()",
                           "T | project Name | where ingestion_time() >= datetime(2020-01-01)"}) {
    bounds = bind_one(text).sources[0].bounds;
    ASSERT_EQ(bounds.size(), 1u) << text;
    EXPECT_EQ(bounds[0].column_id, ColumnBound::kIngestionTime);
    EXPECT_EQ(bounds[0].op, ColumnBound::Op::kGreaterEqual);
    EXPECT_EQ(std::get<int64_t>(bounds[0].value.value), 637'134'336'000'000'000);
  }
}

TEST_F(BinderTest, NoUserTextNamesAnythingInTheSql) {
  BoundStatement statement =
      bind_one("T | extend ['drop table'] = Value + 1 | summarize Evil = max(['drop table'])");
  EXPECT_EQ(statement.sql.find("drop table"), std::string::npos);
  EXPECT_EQ(statement.sql.find("Evil"), std::string::npos);
}

TEST_F(BinderTest, ColumnNames) {
  EXPECT_EQ(columns("T"), (Names{"Name", "Value", "name"}));
  EXPECT_EQ(columns("print 1, x = 2"), (Names{"print_0", "x"}));
  EXPECT_EQ(columns("T | project Value + 1, Name"), (Names{"Column1", "Name"}));
  EXPECT_EQ(columns("T | summarize count(), sum(Value), avg(Value + 1) by Name"),
            (Names{"Name", "count_", "sum_Value", "avg_"}));
  EXPECT_EQ(columns("T | summarize arg_max(Value, *) by Name"), (Names{"Name", "Value", "name"}));
  EXPECT_EQ(columns("T | summarize percentiles(Value, 50, 99.9)"),
            (Names{"percentile_Value_50", "percentile_Value_99_9"}));
  EXPECT_EQ(columns("T | join (T) on Name"),
            (Names{"Name", "Value", "name", "Name1", "Value1", "name1"}));
  EXPECT_EQ(columns("T | lookup (T) on Name"), (Names{"Name", "Value", "name", "Value1", "name1"}));
  EXPECT_EQ(columns("T | project-reorder V*, *"), (Names{"Value", "Name", "name"}));
  EXPECT_EQ(columns("union (T | project Value), (T | project Value = Name)"),
            (Names{"Value_long", "Value_string"}));
}

TEST_F(BinderTest, OrderIsKept) {
  BoundStatement statement = bind_one("T | sort by Value | extend x = 1 | project x");
  EXPECT_TRUE(statement.is_sorted);
  EXPECT_NE(statement.sql.rfind("ORDER BY"), std::string::npos);
  EXPECT_FALSE(bind_one("T | sort by Value | summarize count()").is_sorted);
}

TEST_F(BinderTest, LetsAndFunctions) {
  EXPECT_EQ(columns("Above(3)"), (Names{"Name", "Value", "name"}));
  EXPECT_EQ(
      columns("let f = (t: (Value: long), n: long = 2) { t | project Double = Value * n }; f(T)"),
      (Names{"Double"}));
  EXPECT_EQ(columns("let n = 5; let v = T | take n; v | project Name"), (Names{"Name"}));
  EXPECT_EQ(bind("print 1; print 2").size(), 2u);
}

TEST_F(BinderTest, QueryParameters) {
  parameters_["n"] = "7";
  parameters_["s"] = "it's";
  BoundStatement statement =
      bind_one("declare query_parameters(n: long, s: string, m: long = 3); print n + m, s");
  EXPECT_NE(statement.sql.find("it''s"), std::string::npos);
  EXPECT_NE(error_of("declare query_parameters(missing: long); print missing")
                .find("'missing' has no value"),
            std::string::npos);
  parameters_["n"] = "seven";
  EXPECT_NE(error_of("declare query_parameters(n: long); print n"), "");
}

TEST_F(BinderTest, Errors) {
  EXPECT_EQ(
      error_of("aaa | take 1"),
      "Semantic error: SEM0100: 'take' operator: Failed to resolve table expression named 'aaa'");
  EXPECT_EQ(error_of("T | where value > 1"),
            "Semantic error: SEM0100: 'where' operator: Failed to resolve scalar expression named "
            "'value'");
  EXPECT_NE(error_of("T | extend x = nosuch(1)").find("SEM0260"), std::string::npos);
  EXPECT_NE(error_of("T | extend x = strlen()").find("SEM0219"), std::string::npos);
  EXPECT_NE(error_of("T | summarize Value"), "");
  EXPECT_NE(error_of("T | where sum(Value) > 1"), "");
  EXPECT_NE(error_of("T | join kind=sideways (T) on Name").find("sideways"), std::string::npos);
  EXPECT_NE(error_of("T | extend n = row_number()").find("serialized"), std::string::npos);
  EXPECT_NE(error_of("cluster('x').database('y').T").find("cluster()"), std::string::npos);
  EXPECT_NE(error_of("T | evaluate nosuch()").find("nosuch"), std::string::npos);
}

TEST_F(BinderTest, WhatNeverEndsIsRefused) {
  EXPECT_NE(
      error_of("let f = (x: long) { x + 1 }; let f = (x: long) { f(x) + f(x) }; print f(nosuch)"),
      "");
  std::string text = "let f0 = (x: long) { x + x };";
  for (int i = 1; i < 40; ++i) {
    text += "let f" + std::to_string(i) + " = (x: long) { f" + std::to_string(i - 1) + "(x) + f" +
            std::to_string(i - 1) + "(x) };";
  }
  EXPECT_NE(error_of(text + "T | extend y = f39(Value)"), "");
  catalog_ = catalog_->apply(catalog::PutFunction{1, {"Loop", "()", "{ Loop }", "", ""}});
  EXPECT_NE(error_of("Loop | take 1"), "");
  EXPECT_NE(error_of("Loop()"), "");
}

TEST_F(BinderTest, EndsWithItsQuery) {
  BindOptions options;
  options.database = "db";
  int looks = 0;
  options.check_stop = [&] {
    if (++looks == 100) throw semantic_error("SEM0000", "over");
  };
  std::string list = "1";
  for (int i = 0; i < 1'000; ++i) list += ", " + std::to_string(i);
  EXPECT_THROW(bind_query("T | where Value in (" + list + ")", *catalog_, options), Error);
  EXPECT_EQ(looks, 100);
}

TEST_F(BinderTest, LongListsAreNoExpressions) {
  std::string longs = "1", texts = "'1'";
  for (int i = 0; i < 100'000; ++i) {
    longs += ", " + std::to_string(i);
    texts += ", '" + std::to_string(i) + "'";
  }
  for (const std::string& condition :
       {"Value in (" + longs, "Name !in (" + texts, "Name in~ (" + texts, "name in (" + longs}) {
    const std::string sql = bind_one("T | where " + condition + ") | count").sql;
    EXPECT_LT(std::count(sql.begin(), sql.end(), ','), 100) << condition.substr(0, 10);
  }
}

TEST_F(BinderTest, CallsInsideEachOtherDoNotMultiplyTheSql) {
  std::string call = "Value";
  for (int i = 0; i < 60; ++i) call = "abs(" + call + ")";
  EXPECT_LT(bind_one("T | extend x = " + call).sql.size(), 200'000u);
  EXPECT_LT(bind_one("T | summarize max(" + call + ")").sql.size(), 200'000u);
  // In a function's body too, whose long calls become columns of the row that it is called for.
  std::string body = "v";
  for (int i = 0; i < 60; ++i) body = "abs(" + body + ")";
  EXPECT_LT(bind_one("let f = (v: long) { " + body + " }; T | extend x = f(Value)").sql.size(),
            200'000u);
  std::string lets = "let a0 = v; ";
  for (int i = 0; i < 40; ++i) {
    std::string last = "a" + std::to_string(i);
    lets += "let a" + std::to_string(i + 1) + " = abs(" + last + ") + " + last + "; ";
  }
  EXPECT_LT(bind_one("let f = (v: long) { " + lets + "a40 }; T | extend x = f(Value)").sql.size(),
            200'000u);
}

TEST_F(BinderTest, PipelineOverACommandsResult) {
  std::vector<ResultColumn> input{{"TableName", ScalarType::kString}, {"Rows", ScalarType::kLong}};
  BindOptions options;
  options.database = "db";
  options.input = &input;
  std::vector<BoundStatement> bound =
      bind_query("| where Rows > 1 | project TableName", *catalog_, options);
  ASSERT_EQ(bound.size(), 1u);
  EXPECT_EQ(bound[0].sources[0].kind, Source::Kind::kInput);
  EXPECT_EQ(bound[0].sources[0].column_ids, (std::vector<uint32_t>{0, 1}));
}

TEST_F(BinderTest, Render) {
  BoundStatement statement =
      bind_one("T | render timechart with (title = 'x', ycolumns = Value, name)");
  EXPECT_EQ(statement.visualization.kind, "timechart");
  EXPECT_EQ(statement.visualization.properties["title"], "x");
  EXPECT_EQ(statement.visualization.properties["ycolumns"], "Value,name");
}

}  // namespace
}  // namespace rivulet::kql
