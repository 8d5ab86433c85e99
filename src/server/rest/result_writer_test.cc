#include "server/rest/result_writer.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "server/testing/fake_query.h"
#include "types/text.h"

namespace rivulet::server {
namespace {

class FixedClock : public Clock {
 public:
  Ticks now() const override { return kUnixEpochTicks; }
  std::chrono::steady_clock::time_point steady_now() const override { return {}; }
};

// Tells whether bytes have left, as a connection would.
class StartedSink : public StringSink {
 public:
  bool is_started() const override { return true; }
};

const RequestIdentity kIdentity{"test;1", Guid{1, 2}};
const FixedClock kClock;
const AnswerFacts kFacts{kIdentity, kUnixEpochTicks, kClock};

constexpr std::string_view kGuid = "00000000-0000-0001-0000-000000000002";

std::string v2(std::vector<FakeQuery::Result> results, const V2Options& options = {}) {
  FakeQuery query(std::move(results));
  StringSink sink;
  write_v2(query, options, kFacts, sink);
  return sink.text();
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

const std::string kVisualization = visualization_json({});

std::string properties_frame(int tables) {
  std::string rows;
  for (int i = 1; i <= tables; ++i) {
    std::string cell;
    append_json_string(cell, kVisualization);
    rows += (i > 1 ? ",[" : "[") + std::to_string(i) + R"(,"Visualization",)" + cell + "]";
  }
  return R"({"FrameType":"DataTable","TableId":0,"TableKind":"QueryProperties",)"
         R"("TableName":"@ExtendedProperties","Columns":[{"ColumnName":"TableId","ColumnType":"int"},)"
         R"({"ColumnName":"Key","ColumnType":"string"},{"ColumnName":"Value","ColumnType":"dynamic"}],)"
         R"("Rows":[)" +
         rows + "]}";
}

std::string completion_frame(int id, const std::string& first_row, const std::string& statistics) {
  std::string cell;
  append_json_string(cell, statistics);
  std::string prefix =
      R"(["1970-01-01T00:00:00.0000000Z","test;1",")" + replaced(R"(G","G","G",)", "G", kGuid);
  return R"({"FrameType":"DataTable","TableId":)" + std::to_string(id) +
         R"(,"TableKind":"QueryCompletionInformation","TableName":"QueryCompletionInformation",)"
         R"("Columns":[{"ColumnName":"Timestamp","ColumnType":"datetime"},)"
         R"({"ColumnName":"ClientRequestId","ColumnType":"string"},)"
         R"({"ColumnName":"ActivityId","ColumnType":"guid"},{"ColumnName":"SubActivityId","ColumnType":"guid"},)"
         R"({"ColumnName":"ParentActivityId","ColumnType":"guid"},{"ColumnName":"Level","ColumnType":"int"},)"
         R"({"ColumnName":"LevelName","ColumnType":"string"},{"ColumnName":"StatusCode","ColumnType":"int"},)"
         R"({"ColumnName":"StatusCodeName","ColumnType":"string"},{"ColumnName":"EventType","ColumnType":"int"},)"
         R"({"ColumnName":"EventTypeName","ColumnType":"string"},{"ColumnName":"Payload","ColumnType":"string"}],)"
         R"("Rows":[)" +
         prefix + first_row + "]," + prefix +
         R"~(6,"Stats",0,"S_OK (0)",0,"QueryResourceConsumption",)~" + cell + "]]}";
}

const std::string kSuccessRow =
    R"~(4,"Info",0,"S_OK (0)",4,"QueryInfo","{\"Count\":1,\"Text\":\"Query completed successfully\"}")~";

TEST(V2Writer, DefaultShapeIsByteExact) {
  EXPECT_EQ(v2({numbers({{1, 2}, {3}})}),
            R"([{"FrameType":"DataSetHeader","IsProgressive":false,"Version":"v2.0"},)" +
                properties_frame(1) +
                R"(,{"FrameType":"DataTable","TableId":1,"TableKind":"PrimaryResult",)"
                R"("TableName":"PrimaryResult","Columns":[{"ColumnName":"n","ColumnType":"long"}],)"
                R"("Rows":[[1],[2],[3]]},)" +
                completion_frame(2, kSuccessRow, resource_statistics_json(kFacts, {3})) +
                R"(,{"FrameType":"DataSetCompletion","HasErrors":false,"Cancelled":false}])");
}

TEST(V2Writer, FragmentedShapeIsOneFrameALine) {
  std::string text = v2({numbers({{1, 2}, {3}})},
                        {.fragments_primary_tables = true, .separates_frames_by_newlines = true});
  EXPECT_EQ(
      text,
      R"([{"FrameType":"DataSetHeader","IsProgressive":false,"Version":"v2.0","IsFragmented":true,)"
      R"("ErrorReportingPlacement":"EndOfTable"})"
      "\n," +
          properties_frame(1) +
          "\n,"
          R"({"FrameType":"TableHeader","TableId":1,"TableKind":"PrimaryResult",)"
          R"("TableName":"PrimaryResult","Columns":[{"ColumnName":"n","ColumnType":"long"}]})"
          "\n,"
          R"({"FrameType":"TableFragment","TableFragmentType":"DataAppend","TableId":1,"Rows":[[1],[2]]})"
          "\n,"
          R"({"FrameType":"TableFragment","TableFragmentType":"DataAppend","TableId":1,"Rows":[[3]]})"
          "\n,"
          R"({"FrameType":"TableCompletion","TableId":1,"RowCount":3})"
          "\n," +
          completion_frame(2, kSuccessRow, resource_statistics_json(kFacts, {3})) +
          "\n,"
          R"({"FrameType":"DataSetCompletion","HasErrors":false,"Cancelled":false})"
          "\n]");
}

TEST(V2Writer, ProgressiveShapeSaysSo) {
  std::string text = v2({numbers({{7}})}, {.is_progressive = true});
  EXPECT_NE(text.find(R"("IsProgressive":true,"Version":"v2.0"})"), std::string::npos);
  EXPECT_NE(
      text.find(R"({"FrameType":"TableFragment","TableFragmentType":"DataAppend","TableId":1,)"
                R"("FieldCount":1,"Rows":[[7]]},)"
                R"({"FrameType":"TableProgress","TableId":1,"TableProgress":100.0},)"
                R"({"FrameType":"TableCompletion","TableId":1,"RowCount":1})"),
      std::string::npos)
      << text;
}

TEST(V2Writer, SeveralResultsHaveATableEach) {
  std::string text = v2({numbers({{1}}), numbers({})});
  EXPECT_NE(text.find(properties_frame(2)), std::string::npos);
  EXPECT_NE(text.find(R"("TableId":2,"TableKind":"PrimaryResult")"), std::string::npos);
  EXPECT_NE(text.find(R"("TableId":3,"TableKind":"QueryCompletionInformation")"),
            std::string::npos);
}

TEST(V2Writer, ThrowsWhatFailsBeforeTheFirstRow) {
  auto result = numbers({});
  result.failure = timed_out("late");
  FakeQuery query({result});
  StringSink sink;
  EXPECT_THROW(write_v2(query, {}, kFacts, sink), Error);
  EXPECT_EQ(sink.text(), "");
}

TEST(V2Writer, ThrowsWhatFailsWhileNothingHasLeft) {
  auto result = numbers({{1}});
  result.failure = timed_out("late");
  FakeQuery query({result});
  StringSink sink;
  EXPECT_THROW(write_v2(query, {}, kFacts, sink), Error);
  EXPECT_EQ(sink.text(), "");
}

TEST(V2Writer, TellsAFailureInTheMiddleOfAnAnswer) {
  auto result = numbers({{1}});
  result.failure = timed_out("late");
  FakeQuery query({result});
  StartedSink sink;
  write_v2(query, {}, kFacts, sink);
  std::string failure = one_api_error(timed_out("late"), kFacts);
  EXPECT_NE(sink.text().find(R"("Rows":[[1],{"OneApiErrors":[)" + failure + "]}]}"),
            std::string::npos);
  EXPECT_NE(sink.text().find(R"(2,"Error",)"), std::string::npos);
  EXPECT_TRUE(sink.text().ends_with(
      R"({"FrameType":"DataSetCompletion","HasErrors":true,"Cancelled":false,"OneApiErrors":[)" +
      failure + "]}]"));
}

TEST(V2Writer, CutsAResultAtItsLimitWithinTheAnswer) {
  auto result = numbers({{1}});
  result.failure = limits_exceeded("Query result set has exceeded the internal record count limit");
  std::string text = v2({result});
  EXPECT_NE(text.find(R"([[1],{"OneApiErrors":[)"), std::string::npos);
  EXPECT_NE(text.find("E_QUERY_RESULT_SET_TOO_LARGE"), std::string::npos);

  std::string deferred = v2({result}, {.defers_partial_failure = true});
  EXPECT_NE(deferred.find(R"("Rows":[[1]]})"), std::string::npos);
  EXPECT_NE(deferred.find(R"("HasErrors":true)"), std::string::npos);

  std::string fragmented = v2({result}, {.fragments_primary_tables = true});
  EXPECT_NE(fragmented.find(R"("RowCount":1,"OneApiErrors":[)"), std::string::npos);
}

TEST(V2Writer, ALimitReachedBeforeTheFirstRowIsPartOfTheAnswer) {
  auto result = numbers({});
  result.failure = limits_exceeded("too much");
  EXPECT_NE(v2({result}).find(R"("Rows":[{"OneApiErrors":[)"), std::string::npos);
  FakeQuery query({result});
  StringSink sink;
  write_v1_query(query, kFacts, sink);
  EXPECT_NE(sink.text().find(R"("Rows":[{"Exceptions":["too much"]}]})"), std::string::npos);
}

// Both writers, so that both keep the rule.
void write(bool is_v2, query::RunningQuery& query, BodySink& sink) {
  if (is_v2) {
    write_v2(query, {}, kFacts, sink);
  } else {
    write_v1_query(query, kFacts, sink);
  }
}

bool is_json(const std::string& text) {
  simdjson::dom::parser parser;
  return parser.parse(text).error() == simdjson::SUCCESS;
}

TEST(Writers, ThrowWhatKeepsAResultFromOpening) {
  FakeQuery::Result refused = numbers({});
  refused.refusal = limits_exceeded("no memory");
  for (bool is_v2 : {false, true}) {
    for (auto results : {std::vector{refused}, std::vector{numbers({{1}}), refused},
                         std::vector{refused, refused}}) {
      FakeQuery query(results);
      StringSink sink;
      EXPECT_THROW(write(is_v2, query, sink), Error) << is_v2;
      EXPECT_EQ(sink.text(), "");
    }
  }
}

TEST(Writers, CompleteAnAnswerThatHasStartedInForm) {
  FakeQuery::Result refused = numbers({});
  refused.refusal = limits_exceeded("no memory");
  for (bool is_v2 : {false, true}) {
    FakeQuery query({numbers({{1}}), refused, numbers({{2}})});
    StartedSink sink;
    write(is_v2, query, sink);
    EXPECT_TRUE(is_json(sink.text())) << sink.text();
    EXPECT_NE(sink.text().find("no memory"), std::string::npos);
  }
}

TEST(Writers, AnswerAQueryWithoutResults) {
  for (bool is_v2 : {false, true}) {
    FakeQuery query({});
    StringSink sink;
    write(is_v2, query, sink);
    EXPECT_TRUE(is_json(sink.text())) << sink.text();
  }
}

TEST(V1Writer, ACommandAnswersOneTable) {
  ResultTable table("x", {{"A", ScalarType::kString}, {"B", ScalarType::kBool}});
  table.rows.column(0).append_text("x\"y");
  table.rows.column(1).append<uint8_t>(1);
  StringSink sink;
  write_v1_table(table, sink);
  EXPECT_EQ(
      sink.text(),
      R"({"Tables":[{"TableName":"Table_0","Columns":[)"
      R"({"ColumnName":"A","DataType":"String","ColumnType":"string"},)"
      R"({"ColumnName":"B","DataType":"SByte","ColumnType":"bool"}],"Rows":[["x\"y",true]]}]})");
}

TEST(V1Writer, AQueryAnswersFourTables) {
  FakeQuery query({numbers({{5}})});
  StringSink sink;
  write_v1_query(query, kFacts, sink);
  const std::string& text = sink.text();
  EXPECT_TRUE(text.starts_with(R"({"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"n",)"
                               R"("DataType":"Int64","ColumnType":"long"}],"Rows":[[5]]},)"
                               R"({"TableName":"Table_1","Columns":[{"ColumnName":"Value",)"
                               R"("DataType":"String","ColumnType":"string"}],"Rows":[[)"));
  EXPECT_NE(text.find(R"({"TableName":"Table_2","Columns":[{"ColumnName":"Timestamp",)"),
            std::string::npos);
  EXPECT_NE(text.find(R"(4,"Info",0,"Query completed successfully",1,")" + std::string(kGuid)),
            std::string::npos);
  EXPECT_NE(
      text.find(R"({"TableName":"Table_3","Columns":[{"ColumnName":"Ordinal","DataType":"Int64",)"
                R"("ColumnType":"long"},)"),
      std::string::npos);
  EXPECT_NE(text.find(R"([[0,"QueryResult","PrimaryResult",")"), std::string::npos);
  EXPECT_TRUE(text.ends_with(
      R"([2,"QueryStatus","QueryStatus","00000000-0000-0000-0000-000000000000",""]]}]})"));
}

TEST(V1Writer, NamesALateFailureInTheRowsAndBeside) {
  auto result = numbers({{5}});
  result.failure = limits_exceeded("too much");
  FakeQuery query({result});
  StringSink sink;
  write_v1_query(query, kFacts, sink);
  EXPECT_NE(sink.text().find(R"("Rows":[[5],{"Exceptions":["too much"]}]})"), std::string::npos);
  EXPECT_NE(sink.text().find(R"(2,"Error",)"), std::string::npos);
  EXPECT_TRUE(sink.text().ends_with(R"(],"Exceptions":["too much"]})"));
}

TEST(Visualization, IsEachResultsOwn) {
  FakeQuery::Result plain = numbers({{1}}), chart = numbers({{2}});
  chart.visualization.kind = "piechart";
  std::string text = v2({plain, chart});
  EXPECT_NE(text.find(R"([1,"Visualization","{\"Visualization\":null,)"), std::string::npos)
      << text;
  EXPECT_NE(text.find(R"([2,"Visualization","{\"Visualization\":\"piechart\",)"), std::string::npos)
      << text;
}

TEST(Visualization, HasEveryKeyInOrder) {
  EXPECT_EQ(
      kVisualization,
      R"({"Visualization":null,"Title":null,"XColumn":null,"Series":null,"YColumns":null,)"
      R"("AnomalyColumns":null,"XTitle":null,"YTitle":null,"XAxis":null,"YAxis":null,"Legend":null,)"
      R"("YSplit":null,"Accumulate":false,"IsQuerySorted":false,"Kind":null,"Ymin":"NaN",)"
      R"("Ymax":"NaN","Xmin":null,"Xmax":null})");
  kql::Visualization chart;
  chart.kind = "timechart";
  chart.properties = {{"title", "A \"title\""}, {"ymin", "0"}, {"accumulate", "true"}};
  std::string text = visualization_json(chart);
  EXPECT_TRUE(
      text.starts_with(R"({"Visualization":"timechart","Title":"A \"title\"","XColumn":null,)"));
  EXPECT_NE(text.find(R"("Accumulate":true)"), std::string::npos);
  EXPECT_NE(text.find(R"("Ymin":0)"), std::string::npos);
}

TEST(ErrorBody, HasWhatClientsRead) {
  std::string text =
      error_body(semantic_error("SEM0100", "no such thing"), kIdentity, kUnixEpochTicks);
  EXPECT_TRUE(text.starts_with(
      R"({"error":{"code":"General_BadRequest","message":"Request is invalid and cannot be executed.",)"
      R"("@type":"Kusto.Data.Exceptions.SemanticException",)"
      R"("@message":"Semantic error: SEM0100: no such thing","@context":{"timestamp":"1970-01-01T00:00:00.0000000Z",)"))
      << text;
  EXPECT_NE(text.find(R"("clientRequestId":"test;1")"), std::string::npos);
  EXPECT_NE(text.find(R"("@permanent":true,"innererror":{"code":"SEM0100",)"), std::string::npos);
  EXPECT_EQ(error_body(throttled("later"), kIdentity, 0).find("innererror"), std::string::npos);
  EXPECT_NE(error_body(throttled("later"), kIdentity, 0).find(R"("@permanent":false)"),
            std::string::npos);
}

}  // namespace
}  // namespace rivulet::server
