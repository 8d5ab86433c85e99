#include "commands/commands.h"

#include <gtest/gtest.h>

#include <map>

#include "activity/failure_log.h"
#include "activity/query_registry.h"
#include "activity/streaming_statistics.h"
#include "common/error.h"
#include "kusto/kusto_error.h"
#include "sources/secrets.h"
#include "store/testing/store_fixture.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

using store::testing::TemporaryDirectory;
using store::testing::TestClock;

// Answers every query with a table set beforehand, so that commands are tested without KQL.
class FakeEngine final : public query::Engine {
 public:
  explicit FakeEngine(const Clock& clock) : queries_(clock) {}

  std::unique_ptr<query::RunningQuery> start(const query::QueryRequest& request) override {
    requests.push_back(request);
    if (before_rows) before_rows();
    return std::make_unique<Query>(*rows);
  }
  activity::QueryRegistry& queries() override { return queries_; }
  query::EngineMemory memory() override { return {}; }

  std::vector<query::QueryRequest> requests;
  std::shared_ptr<ResultTable> rows;
  std::function<void()> before_rows;

 private:
  class Stream final : public query::ResultStream {
   public:
    explicit Stream(const ResultTable& table) : table_(table) {}
    const std::vector<ResultColumn>& columns() const override { return table_.columns; }
    Chunk next() override {
      Chunk chunk;
      if (is_read_) return chunk;
      is_read_ = true;
      chunk.row_count = table_.rows.row_count();
      for (size_t i = 0; i < table_.columns.size(); ++i) {
        chunk.columns.push_back(table_.rows.column(i).view());
      }
      return chunk;
    }

   private:
    const ResultTable& table_;
    bool is_read_ = false;
  };
  class Query final : public query::RunningQuery {
   public:
    explicit Query(const ResultTable& table) : table_(table) {}
    size_t result_count() const override { return 1; }
    const kql::Visualization& visualization(size_t) const override { return visualization_; }
    std::unique_ptr<query::ResultStream> result(size_t) override {
      return std::make_unique<Stream>(table_);
    }
    void cancel() override {}

   private:
    const ResultTable& table_;
    kql::Visualization visualization_;
  };

  activity::QueryRegistry queries_;
};

// Rows as text, cells joined by '|'.
std::vector<std::string> lines(const ResultTable& table) {
  std::vector<std::string> lines;
  for (size_t row = 0; row < table.rows.row_count(); ++row) {
    std::string line;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (i > 0) line += '|';
      append_cell_text(line, table.rows.column(i).view(), row);
    }
    lines.push_back(line);
  }
  return lines;
}

class CommandsTest : public ::testing::Test {
 protected:
  CommandsTest()
      : store_(store::Store::open(store::testing::small_options(directory_.path()),
                                  posix_file_system(), clock_)),
        engine_(clock_),
        commands_(*store_, engine_, engine_.queries(), streaming_, failures_, nullptr, secrets_,
                  clock_, facts()) {}

  static ServiceFacts facts() {
    ServiceFacts facts;
    facts.product_version = "1.2.3";
    facts.memory_use = [] {
      return std::vector<MemoryUse>{{"RequestMemory", "requests", "request_memory", 10, 4},
                                    {"OtherMemory", "rest", "memory_limit", 7, std::nullopt}};
    };
    return facts;
  }

  CommandRequest request(std::string text) {
    CommandRequest request;
    request.text = std::move(text);
    request.database = "NetDefaultDB";
    return request;
  }
  ResultTable table(std::string text) {
    return std::get<ResultTable>(commands_.execute(request(std::move(text))));
  }
  std::vector<std::string> run(std::string text) { return lines(table(std::move(text))); }
  // The cells of one column.
  std::vector<std::string> column(std::string text, std::string_view name) {
    ResultTable answer = table(std::move(text));
    std::vector<std::string> cells;
    for (size_t i = 0; i < answer.columns.size(); ++i) {
      if (answer.columns[i].name != name) continue;
      for (size_t row = 0; row < answer.rows.row_count(); ++row) {
        append_cell_text(cells.emplace_back(), answer.rows.column(i).view(), row);
      }
    }
    return cells;
  }
  // "code: message" of the error that the command ends with.
  std::string error(std::string text) {
    try {
      commands_.execute(request(text));
    } catch (const Error& e) {
      return std::string(kusto_error(e.kind()).code) + ": " + e.message();
    }
    return "no error: " + text;
  }
  size_t row_count(std::string_view name) {
    auto found = store_->catalog()->find_database("NetDefaultDB")->find_table(name);
    std::vector<catalog::TableId> ids{found->id};
    auto snapshot = store_->snapshot(ids);
    size_t count = 0;
    for (const auto& chunk : snapshot->table(found->id)->chunks()) count += chunk.row_count;
    return count;
  }
  std::string schema(const std::string& name) {
    return column(".show table " + name + " cslschema", "Schema").at(0);
  }
  // What queries answer from now on: (long, string) rows.
  void answer_queries_with(std::vector<ResultColumn> columns, size_t count) {
    engine_.rows = std::make_shared<ResultTable>("PrimaryResult", columns);
    for (size_t row = 0; row < count; ++row) {
      for (size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].type == ScalarType::kLong) {
          engine_.rows->rows.column(i).append(static_cast<int64_t>(row));
        } else {
          engine_.rows->rows.column(i).append_null();
        }
      }
    }
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  std::unique_ptr<store::Store> store_;
  FakeEngine engine_;
  activity::StreamingStatistics streaming_;
  activity::FailureLog failures_;
  sources::Secrets secrets_;
  Commands commands_;
};

using ::testing::Test;
using Strings = std::vector<std::string>;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST_F(CommandsTest, CreatesAndShowsTables) {
  Strings created =
      run(".create table T (a:long, ['b c']:string) with (folder='F', docstring=\"D\")");
  EXPECT_EQ(
      created,
      Strings{"T|{\"Name\":\"T\",\"OrderedColumns\":[{\"Name\":\"a\",\"Type\":\"System.Int64\","
              "\"CslType\":\"long\"},{\"Name\":\"b c\",\"Type\":\"System.String\",\"CslType\":"
              "\"string\"}]}|NetDefaultDB|F|D"});
  EXPECT_EQ(run(".show tables"), Strings{"T|NetDefaultDB|F|D"});
  EXPECT_EQ(schema("T"), "a:long, ['b c']:string");
  // Creating it again changes nothing, whatever the columns.
  run(".create table T (x:int)");
  EXPECT_EQ(schema("T"), "a:long, ['b c']:string");
  run("// a comment\n .create-merge table T (a:long, d:datetime);");
  EXPECT_EQ(schema("T"), "a:long, ['b c']:string, d:datetime");
  EXPECT_TRUE(contains(error(".create-merge table T (a:string)"), "has type long, not string"));
  run(".create tables A (x:int), B (y:string, z:real)");
  EXPECT_EQ(column(".show tables (B, A)", "TableName"), (Strings{"B", "A"}));
  run(".create table C based-on B");
  EXPECT_EQ(run(".show table C cslschema"),
            Strings{"C|y:string, z:real|NetDefaultDB||Created based on B"});
  EXPECT_TRUE(contains(error(".create table C based-on B"), "already exists"));
  run(".create table C based-on B ifnotexists");
}

TEST_F(CommandsTest, RefusesNamesThatAreNotValid) {
  EXPECT_TRUE(contains(error(".create table ['a/b'] (a:long)"), "BadRequest_EntityNameIsNotValid"));
  EXPECT_TRUE(contains(error(".create table ['a$'] (a:long)"), "BadRequest_EntityNameIsNotValid"));
  EXPECT_TRUE(contains(error(".create table __x (a:long)"), "two underscores"));
  EXPECT_TRUE(contains(error(".create table [''] (a:long)"), "must not be empty"));
  EXPECT_TRUE(contains(error(".create table T (a:long, a:int)"), "stands twice"));
  EXPECT_TRUE(contains(error(".create table " + std::string(1025, 'x') + " (a:long)"), "1024"));
  run(".create table " + std::string(1024, 'x') + " (a:long)");
  run(".create table ['a b.c-d'] (['x y']:long)");
}

TEST_F(CommandsTest, ReportsSyntaxErrorsWithTheirPlace) {
  EXPECT_TRUE(contains(error(".create tabel T (a:long)"), "Expected one of: "));
  EXPECT_TRUE(contains(error(".frobnicate"), "no management command '.frobnicate'"));
  EXPECT_TRUE(contains(error(".create table T (a:lung)"), "Expected a type"));
  EXPECT_TRUE(
      contains(error(".create table T (a:long) nonsense"), "Expected the end of the command"));
  EXPECT_EQ(run(".show tables"), Strings{});
  EXPECT_TRUE(contains(error(".get ingestion resources"), "get ingestion resources"));
  EXPECT_TRUE(contains(error(".export to csv ('x') <| T"), "export"));
}

TEST_F(CommandsTest, AltersTables) {
  run(".create table T (a:long, b:string)");
  run(".alter-merge table T (c:real)");
  run(".alter table T (c:real, a:long)");
  EXPECT_EQ(schema("T"), "c:real, a:long");
  EXPECT_TRUE(contains(error(".alter table T (a:int)"), "'.alter column'"));
  run(".alter table T docstring 'text'");
  run(".alter table T folder 'place'");
  EXPECT_EQ(run(".show tables"), Strings{"T|NetDefaultDB|place|text"});
  run(".alter column T.a type=string");
  run(".rename column T.c to d");
  EXPECT_EQ(schema("T"), "d:real, a:string");
  run(".rename columns a = T.d, d = T.a");
  EXPECT_EQ(schema("T"), "a:real, d:string");
  EXPECT_TRUE(contains(error(".rename column T.a to d"), "already exists"));
  run(".drop column T.a");
  EXPECT_TRUE(contains(error(".drop column T.d"), "at least one column"));
  run(".alter-merge table T (x:int, y:int)");
  run(".alter table T column-docstrings (x:'of x', y:'of y')");
  run(".alter-merge table T column-docstrings (x:'new')");
  EXPECT_TRUE(contains(run(".show table T schema as json").at(0), "\"DocString\":\"new\""));
  EXPECT_TRUE(contains(run(".show table T schema as json").at(0), "\"DocString\":\"of y\""));
  run(".drop table T columns (x, y)");
  EXPECT_EQ(schema("T"), "d:string");
}

TEST_F(CommandsTest, RenamesAndDropsTables) {
  run(".create tables A (a:long), A_TEMP (t:long), B (b:long), C (c:long)");
  run(".rename tables A=A_TEMP, NEWB=B, A_TEMP=A");
  EXPECT_EQ(schema("A"), "t:long");
  EXPECT_EQ(schema("A_TEMP"), "a:long");
  EXPECT_EQ(schema("NEWB"), "b:long");
  EXPECT_TRUE(contains(error(".rename table C to A"), "already exists"));
  EXPECT_TRUE(contains(error(".rename table Missing to X"), "BadRequest_TableNotExist"));
  run(".rename tables X=Missing ifexists, D=C");
  EXPECT_EQ(column(".drop table D", "TableName"), (Strings{"A", "A_TEMP", "NEWB"}));
  EXPECT_TRUE(contains(error(".drop table D"), "BadRequest_TableNotExist"));
  run(".drop table D ifexists");
  EXPECT_TRUE(contains(error(".drop tables (A, D)"), "BadRequest_TableNotExist"));
  EXPECT_EQ(column(".drop tables (A, D) ifexists", "TableName"), (Strings{"A_TEMP", "NEWB"}));
}

TEST_F(CommandsTest, KeepsMappings) {
  run(".create table T (a:long, b:string)");
  run(".create table T ingestion json mapping 'M' '[' '{\"column\":\"a\",\"Properties\":{\"Path\":"
      "\"$.x\"}},' ']'");
  EXPECT_TRUE(contains(error(".create table T ingestion json mapping 'M' '[]'"), ""));
  EXPECT_TRUE(contains(error(".create table T ingestion json mapping 'M' "
                             "'[{\"column\":\"a\",\"path\":\"$.y\"}]'"),
                       "already exists"));
  run(".create-or-alter table T ingestion json mapping "
      "'M'\n'[\n{\"column\":\"a\",\n\"path\":\"$.y\"}]'");
  ResultTable shown = table(".show table T ingestion json mapping 'M'");
  EXPECT_EQ(shown.columns.size(), 6u);
  EXPECT_EQ(column(".show table T ingestion mappings", "Kind"), Strings{"Json"});
  EXPECT_EQ(column(".show table T ingestion csv mappings", "Kind"), Strings{});
  EXPECT_TRUE(contains(error(".show table T ingestion json mapping 'N'"),
                       "BadRequest_MappingReferenceWasNotFound"));
  EXPECT_TRUE(contains(error(".create table T ingestion json mapping 'N' '[{\"column\":\"zz\"}]'"),
                       "BadRequest_InvalidMapping"));
  run(".create database NetDefaultDB ingestion csv mapping 'D' "
      "'[{\"column\":\"a\",\"Properties\":{\"Ordinal\":\"1\"}}]'");
  EXPECT_EQ(column(".show database NetDefaultDB ingestion mappings", "Name"), Strings{"D"});
  EXPECT_EQ(column(".show cluster ingestion mappings", "Name"), (Strings{"D", "M"}));
  run(".drop table T ingestion json mapping 'M'");
  EXPECT_TRUE(contains(error(".drop table T ingestion json mapping 'M'"), "BadRequest_Mapping"));
}

TEST_F(CommandsTest, KeepsPolicies) {
  run(".create tables T (a:long), U (a:long)");
  EXPECT_EQ(run(".show table T policy streamingingestion"),
            Strings{"StreamingIngestionPolicy|[NetDefaultDB].[T]|||Table"});
  run(".alter table T policy streamingingestion enable ");
  EXPECT_EQ(column(".show table T policy streamingingestion", "Policy"),
            Strings{"{\"IsEnabled\":true,\"HintAllocatedRate\":null}"});
  run(".alter-merge table NetDefaultDB.T policy streamingingestion '{\"HintAllocatedRate\": 2.1}'");
  EXPECT_EQ(column(".show table T policy streamingingestion", "Policy"),
            Strings{"{\"IsEnabled\":true,\"HintAllocatedRate\":2.1}"});
  run(".alter table T policy streamingingestion @'{\"isEnabled\": false}'");
  EXPECT_TRUE(contains(error(".alter table T policy streamingingestion '{}'"), "IsEnabled"));
  EXPECT_TRUE(
      contains(error(".alter table T policy streamingingestion '{\"IsEnabled\":1}'"), "true or"));
  EXPECT_TRUE(contains(error(".alter table T policy streamingingestion perhaps"), "enable"));
  run(".alter database NetDefaultDB policy streamingingestion enable");
  EXPECT_EQ(
      run(".show database policy streamingingestion"),
      Strings{"StreamingIngestionPolicy|[NetDefaultDB]|{\"IsEnabled\":true,\"HintAllocatedRate\":"
              "null}|[\"T\",\"U\"]|Database"});
  run(".delete table T policy streamingingestion");
  EXPECT_EQ(column(".show table * policy streamingingestion", "Policy"), (Strings{"", ""}));
  run(".alter tables (T, U) policy caching hot = 3d");
  EXPECT_TRUE(contains(column(".show table U policy caching", "Policy").at(0), "3.00:00:00"));
  run(".alter-merge table T policy retention softdelete = 10d recoverability = disabled");
  EXPECT_EQ(column(".show table T policy retention", "Policy"),
            Strings{"{\"SoftDeletePeriod\":\"10.00:00:00\",\"Recoverability\":\"Disabled\"}"});
  run(".alter table T policy retention \"{}\"");
  EXPECT_EQ(column(".show table T policy retention", "Policy"),
            Strings{"{\"SoftDeletePeriod\":\"36500.00:00:00\",\"Recoverability\":\"Enabled\"}"});
  EXPECT_TRUE(
      contains(error(".alter table T policy ingestionbatching '{\"MaximumNumberOfItems\": 0}'"),
               "between 1"));
  EXPECT_TRUE(contains(error(".alter table T policy update @'[]'"), "update"));
  EXPECT_TRUE(contains(error(".alter table T policy nonsense '{}'"), "streamingingestion"));
  run(".alter cluster policy streamingingestion '{\"IsEnabled\":true}'");
  EXPECT_EQ(column(".show table T details", "StreamingIngestionPolicy").at(0).substr(0, 17),
            "{\"IsEnabled\":true");
}

TEST_F(CommandsTest, KeepsFunctions) {
  EXPECT_EQ(run(".create function with (docstring='d', folder='f') F(n: long,  s:string='x') "
                "{ T | take n }"),
            Strings{"F|(n:long, s:string='x')|{ T | take n }|f|d"});
  EXPECT_TRUE(contains(error(".create function F() { T }"), "already exists"));
  run(".create function ifnotexists F() { T }");
  run(".create-or-alter function F() { T }");
  EXPECT_EQ(run(".show functions"), Strings{"F|()|{ T }|f|d"});
  run(".alter function F docstring 'new'");
  EXPECT_EQ(column(".show function F", "DocString"), Strings{"new"});
  EXPECT_TRUE(contains(error(".alter function G() { T }"), "Function"));
  EXPECT_TRUE(contains(error(".create function G() { T | | }"), "SYN"));
  EXPECT_EQ(run(".drop function F"), Strings{"F"});
  EXPECT_TRUE(contains(error(".show function F"), "BadRequest_EntityNotFound"));
  run(".drop function F ifexists");
}

TEST_F(CommandsTest, ShowsDatabases) {
  EXPECT_EQ(run(".create database ['My Db'] volatile"), Strings{"My Db||True|true|true"});
  EXPECT_TRUE(contains(error(".create database ['my db']"), "already exists"));
  EXPECT_EQ(run(".create database ['My Db'] ifnotexists"), Strings{"My Db||False|true|true"});
  run(".alter database ['My Db'] prettyname 'Pretty'");
  ResultTable all = table(".show databases");
  EXPECT_EQ(all.columns[5].name, "PrettyName");
  EXPECT_EQ(column(".show databases", "DatabaseName"), (Strings{"My Db", "NetDefaultDB"}));
  EXPECT_EQ(column(".show databases", "IsCurrent"), (Strings{"false", "true"}));
  EXPECT_EQ(column(".show databases (My*) details", "PrettyName"), Strings{"Pretty"});
  EXPECT_EQ(column(".show database", "DatabaseName"), Strings{"NetDefaultDB"});
  run(".create table T (a:long)");
  run(".create function F(n:long) { T | take n }");
  std::string json = run(".show databases schema as json").at(0);
  EXPECT_TRUE(contains(json,
                       "\"Functions\":{\"F\":{\"Name\":\"F\",\"InputParameters\":[{\"Name\":"
                       "\"n\",\"Type\":\"System.Int64\",\"CslType\":\"long\"}]"));
  EXPECT_TRUE(contains(json, "\"MaterializedViews\":{}"));
  EXPECT_EQ(run(".show database NetDefaultDB schema").size(), 3u);
  EXPECT_EQ(run(".show database schema as csl script").at(0), ".create-merge table T (a:long)");
  EXPECT_EQ(column(".show databases entities", "EntityType"), (Strings{"Table", "Function"}));
  EXPECT_TRUE(contains(error(".show database Missing schema"), "BadRequest_DatabaseNotExist"));
  run(".drop database ['My Db']");
  EXPECT_EQ(column(".show databases", "DatabaseName"), Strings{"NetDefaultDB"});
}

TEST_F(CommandsTest, IngestsInline) {
  run(".create table T (a:long, b:string)");
  EXPECT_EQ(run(".ingest inline into table T <|\n1,one\n2,\"two | // ; \"\n"),
            Strings{"00000000-0000-0000-0000-000000000000"});
  EXPECT_EQ(row_count("T"), 2u);
  run(".ingest inline into table T [3,three] [4,\"a]b\"]");
  EXPECT_EQ(row_count("T"), 4u);
  run(".ingest inline into table T with (format='json') <| {\"a\": 5}\n{\"a\":6}");
  EXPECT_EQ(row_count("T"), 6u);
  run(".ingest inline into table T with (ignoreFirstRecord=true) <|\na,b\n7,seven");
  EXPECT_EQ(row_count("T"), 7u);
  run(".create table T ingestion json mapping 'M' '[{\"column\":\"a\",\"path\":\"$.x\"}]'");
  run(".ingest inline into table T with (format=json, ingestionMappingReference='M') <| {\"x\": "
      "8}");
  EXPECT_EQ(row_count("T"), 8u);
  EXPECT_TRUE(contains(error(".ingest inline into table T with (tags='x') <| 1,a"), "tags"));
  EXPECT_TRUE(
      contains(error(".ingest inline into table Missing <| 1,a"), "BadRequest_TableNotExist"));
  EXPECT_TRUE(contains(error(".ingest inline into table T with (format=xml) <| 1,a"),
                       "BadRequest_FormatNotSupported"));
  EXPECT_EQ(row_count("T"), 8u);
  run(".clear table T data");
  EXPECT_EQ(row_count("T"), 0u);
}

TEST_F(CommandsTest, IngestsFromQueries) {
  answer_queries_with({{"n", ScalarType::kLong}, {"s", ScalarType::kString}}, 3);
  EXPECT_TRUE(contains(error(".append T <| q"), "BadRequest_TableNotExist"));
  ResultTable answer = table(".set T with (folder='f') <| q | where x");
  EXPECT_EQ(engine_.requests.back().text, "q | where x");
  EXPECT_EQ(engine_.requests.back().max_records, 0u);
  EXPECT_EQ(answer.columns.back().name, "RowCount");
  EXPECT_EQ(schema("T"), "n:long, s:string");
  EXPECT_TRUE(contains(error(".set T <| q"), "already exists"));
  run(".append T <| q");
  run(".set-or-append T <| q");
  EXPECT_EQ(row_count("T"), 9u);
  run(".set-or-replace T <| q");
  EXPECT_EQ(row_count("T"), 3u);
  answer_queries_with({{"s", ScalarType::kString}}, 1);
  EXPECT_TRUE(contains(error(".append T <| q"), "BadRequest_QuerySchemaDoesNotMatchTableSchema"));
  answer_queries_with(
      {{"x", ScalarType::kLong}, {"y", ScalarType::kString}, {"extra", ScalarType::kReal}}, 2);
  EXPECT_TRUE(contains(error(".append T <| q"), "BadRequest_QuerySchemaDoesNotMatchTableSchema"));
  run(".append T with (extend_schema=true) <| q");
  EXPECT_EQ(schema("T"), "n:long, s:string, extra:real");
  EXPECT_EQ(row_count("T"), 5u);
  run(".set-or-replace T with (recreate_schema=true) <| q");
  EXPECT_EQ(schema("T"), "x:long, y:string, extra:real");
  EXPECT_EQ(row_count("T"), 2u);
  run(".set-or-append Names <| .show tables");
  EXPECT_EQ(schema("Names"),
            "TableName:string, DatabaseName:string, Folder:string, DocString:string");
  EXPECT_TRUE(contains(error(".append T <| .drop table T"), "may only read"));
  answer_queries_with({{"$table", ScalarType::kString}}, 1);
  EXPECT_TRUE(contains(error(".set U <| q"), "BadRequest_EntityNameIsNotValid"));
  EXPECT_EQ(column(".show operations", "State").at(0), "BadInput");
}

TEST_F(CommandsTest, IngestsFromQueriesWhileTheSchemaChanges) {
  answer_queries_with({{"n", ScalarType::kLong}}, 1);
  // Another table takes the id that was foreseen for the new one.
  engine_.before_rows = [&] { run(".create table Other (a:long)"); };
  run(".set T <| q");
  EXPECT_EQ(row_count("T"), 1u);
  EXPECT_EQ(row_count("Other"), 0u);
}

TEST_F(CommandsTest, RunsInTheBackground) {
  answer_queries_with({{"n", ScalarType::kLong}}, 4);
  std::string id = run(".set async T <| q").at(0);
  for (int i = 0; i < 500; ++i) {
    if (column(".show operations " + id, "State").at(0) != "InProgress") break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(column(".show operations (" + id + ")", "State"), Strings{"Completed"});
  // A guid may begin like a number with an exponent.
  for (const char* unknown :
       {"12e45678-12ab-4cde-8f01-23456789abcd", "1234567e-12ab-4cde-8f01-23456789abcd"}) {
    EXPECT_EQ(column(std::string(".show operations ") + unknown, "State"), Strings{});
  }
  EXPECT_EQ(row_count("T"), 4u);
}

TEST_F(CommandsTest, ShowsEventsThatFailed) {
  activity::IngestionFailure failure;
  failure.operation_id = new_guid();
  failure.database = "D";
  failure.table = "T";
  failure.source_path = "kafka://c/t/0/7";
  failure.error = ErrorKind::kTableNotFound;
  failure.operation_kind = "DataConnection";
  failures_.record(failure);
  failure.operation_id = new_guid();
  failure.source_path = "kafka://c/t/0/8";
  failure.is_permanent = false;
  failures_.record(failure);
  EXPECT_EQ(column(".show ingestion failures", "IngestionSourcePath"),
            (Strings{"kafka://c/t/0/8", "kafka://c/t/0/7"}));
  EXPECT_EQ(column(".show ingestion failures", "FailureKind"), (Strings{"Transient", "Permanent"}));
  std::string one =
      ".show ingestion failures with (OperationId = " + to_string(failure.operation_id) + ")";
  EXPECT_EQ(column(one, "IngestionSourcePath"), Strings{"kafka://c/t/0/8"});
  EXPECT_EQ(column(one, "ShouldRetry"), Strings{"true"});
}

TEST_F(CommandsTest, KeepsSoManyDataConnections) {
  auto create = [](int number) {
    return ".create-or-alter data-connection C" + std::to_string(number) +
           " kind=kafka ('localhost:1') with (topic='t', routing=true)";
  };
  for (int number = 0; number < 256; ++number) run(create(number));
  EXPECT_TRUE(contains(error(create(256)), "There are 256 data connections"));
  run(create(255));
  run(".drop data-connection C7");
  run(create(256));
  EXPECT_EQ(column(".show data-connections", "Name").size(), 256u);
}

TEST_F(CommandsTest, RefusesToChangeWithoutRepeatingTheCommand) {
  CommandRequest read_only = request(".create data-connection C kind=kafka (h's3cret')");
  read_only.read_only = true;
  try {
    commands_.execute(read_only);
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.message(), "may only read"));
    EXPECT_FALSE(contains(error.message(), "s3cret"));
  }
}

TEST_F(CommandsTest, PassesPipelinesOn) {
  answer_queries_with({{"n", ScalarType::kLong}}, 1);
  auto result = commands_.execute(request(".show tables | where TableName == 'x'; print 1"));
  EXPECT_TRUE(std::holds_alternative<std::unique_ptr<query::RunningQuery>>(result));
  EXPECT_EQ(engine_.requests.back().text, "| where TableName == 'x'; print 1");
  EXPECT_EQ(engine_.requests.back().input->columns[0].name, "TableName");
  commands_.execute(request(".show tables; print 1"));
  EXPECT_EQ(engine_.requests.back().text, "| where true;print 1");
  EXPECT_TRUE(std::holds_alternative<ResultTable>(commands_.execute(request(".show tables ; "))));
}

TEST_F(CommandsTest, RunsScripts) {
  Strings outcome = column(
      ".execute database script <|\n//\n// Tables\n.create-merge table T(a:string,\n  b:string)\n\n"
      ".alter-merge table T policy retention softdelete = 10d\n.show tables\n"
      ".create function F() {\n  T // .not a command\n  | take 1\n}\n.drop table Missing\n"
      ".drop table T",
      "Result");
  EXPECT_EQ(outcome, (Strings{"Completed", "Completed", "Skipped", "Completed", "Failed"}));
  EXPECT_EQ(schema("T"), "a:string, b:string");
  EXPECT_EQ(column(".execute database script with (ContinueOnErrors=true) <| .drop table Missing\n"
                   ".drop table T",
                   "Result"),
            (Strings{"Failed", "Completed"}));
  EXPECT_TRUE(
      contains(error(".execute database script with (ThrowOnErrors=true) <| .drop table Missing"),
               "Missing"));
}

TEST_F(CommandsTest, RefusesChangesToReadOnlyRequests) {
  CommandRequest change = request(".create table T (a:long)");
  change.read_only = true;
  EXPECT_THROW(commands_.execute(change), Error);
  change.text = ".show tables";
  commands_.execute(change);
  EXPECT_EQ(run(".show tables"), Strings{});
}

TEST_F(CommandsTest, DiagnosticsSayWhatFailsInTheBackground) {
  auto table = store::testing::create_table(*store_, "T");
  store_->commit(store::testing::one_append(store::testing::make_rows(*table, 0, 100)));
  store_->checkpoint();
  std::filesystem::path file = *store::testing::files_of(directory_.path() / "rows").begin();
  store::testing::damage(file, 1000);
  EXPECT_ANY_THROW(store_->seal({&table->id, 1}));
  EXPECT_EQ(column(".show diagnostics", "IsAttentionRequired"), Strings{"true"});
  std::string reason = column(".show diagnostics", "AttentionRequiredReason").at(0);
  EXPECT_TRUE(
      reason.starts_with("Sealing table 'T' of database 'NetDefaultDB' failed 1 times since "))
      << reason;
  EXPECT_NE(reason.find(file.string()), std::string::npos) << reason;
  run(".clear table T data");
  store_->seal({&table->id, 1});
  EXPECT_EQ(column(".show diagnostics", "IsAttentionRequired"), Strings{"false"});
}

TEST_F(CommandsTest, DescribesTheServer) {
  EXPECT_EQ(table(".show version").rows.row_count(), 1u);
  EXPECT_EQ(column(".show version", "BuildVersion"), Strings{"1.2.3"});
  EXPECT_EQ(column(".show cluster", "IsAdmin"), Strings{"true"});
  EXPECT_EQ(column(".show diagnostics", "IsHealthy"), Strings{"true"});
  EXPECT_EQ(column(".show diagnostics", "IsAttentionRequired"), Strings{"false"});
  EXPECT_EQ(column(".show diagnostics", "AttentionRequiredReason"), Strings{""});
  EXPECT_EQ(column(".show capacity", "Resource"),
            (Strings{"Queries", "RowStoreDisk", "RowStoreMemory", "RequestMemory", "OtherMemory"}));
  EXPECT_EQ(column(".show capacity", "Remaining")[3], "6");
  EXPECT_EQ(column(".show capacity", "Consumed")[4], "");
  EXPECT_EQ(column(".show capacity queries", "Resource"), Strings{"Queries"});
  run(".show queries");
  run(".show running queries by user 'x'");
  run(".show ingestion failures");
  run(".show streamingingestion statistics");
  run(".show streamingingestion failures");
  run(".clear database cache streamingingestion schema");
  run(".create table T (a:long)");
  run(".clear table T cache streamingingestion schema");
  run(".refresh database 'NetDefaultDB' table 'T' cache ingestionbatchingpolicy");
  run(".show table T extents");
  run(".show extents");
  run(".show cluster extents where tags has 'x' and tags !contains 'y'");
  run(".show database NetDefaultDB principals");
  run(".show principal roles");
  ResultTable access = table(
      ".show principal access with (principal='aadapp=x;y', accesstype='ingest', "
      "database='NetDefaultDB', table='T')");
  EXPECT_EQ(access.columns[3].type, ScalarType::kBool);
  EXPECT_TRUE(contains(error(".cancel query 'nobody'"), "nobody"));
}

TEST(IsCommandTest, LooksPastBlanksAndComments) {
  EXPECT_TRUE(is_command(" // x\n\t.show tables"));
  EXPECT_FALSE(is_command("T | take 1"));
  EXPECT_FALSE(is_command("// .show"));
}

}  // namespace
}  // namespace rivulet::commands
