#include <optional>

#include "server/rest/result_writer.h"
#include "types/text.h"

namespace rivulet::server {
namespace {

class V2Writer {
 public:
  V2Writer(query::RunningQuery& query, const V2Options& options, const AnswerFacts& facts,
           BodySink& sink)
      : query_(query), options_(options), facts_(facts), sink_(sink), out_(sink.text()) {}

  void write() {
    std::optional<OpenedResult> opened;
    if (query_.result_count() > 0) opened = open_result(query_, 0, sink_);
    frame();
    out_ += R"({"FrameType":"DataSetHeader","IsProgressive":)";
    out_ += is_progressive() ? "true" : "false";
    out_ += R"(,"Version":"v2.0")";
    if (options_.fragments_primary_tables) {
      out_ += R"(,"IsFragmented":true,"ErrorReportingPlacement":"EndOfTable")";
    }
    out_ += '}';
    properties();
    for (size_t i = 0; i < query_.result_count() && !failure_; ++i) {
      if (i > 0) opened = open_result(query_, i, sink_);
      failure_ = opened->failure;
      if (opened->stream == nullptr) break;
      primary_table(static_cast<int>(i + 1), *opened);
    }
    completion_information();
    frame();
    out_ += R"({"FrameType":"DataSetCompletion","HasErrors":)";
    out_ += failure_ ? "true" : "false";
    out_ += R"(,"Cancelled":)";
    out_ += failure_ && failure_->kind() == ErrorKind::kCancelled ? "true" : "false";
    if (failure_) one_api_errors();
    out_ += '}';
    out_ += options_.separates_frames_by_newlines ? "\n]" : "]";
  }

 private:
  bool is_progressive() const {
    return options_.is_progressive && !options_.fragments_primary_tables;
  }
  bool is_split() const { return options_.is_progressive || options_.fragments_primary_tables; }

  // What separates a frame from the one before.
  void frame() {
    if (is_first_frame_) {
      out_ += '[';
    } else {
      out_ += options_.separates_frames_by_newlines ? "\n," : ",";
    }
    is_first_frame_ = false;
  }

  void fail(const Error& error) {
    if (!belongs_into_answer(error, sink_)) {
      out_.clear();
      throw error;
    }
    failure_ = error;
  }

  void one_api_errors() {
    out_ += R"(,"OneApiErrors":[)";
    out_ += one_api_error(*failure_, facts_);
    out_ += ']';
  }

  void table_head(std::string_view frame_type, int id, std::string_view kind,
                  std::string_view name) {
    out_ += R"({"FrameType":")";
    out_ += frame_type;
    out_ += R"(","TableId":)";
    out_ += std::to_string(id);
    out_ += R"(,"TableKind":")";
    out_ += kind;
    out_ += R"(","TableName":")";
    out_ += name;
    out_ += R"(","Columns":[)";
  }

  void columns(const std::vector<ResultColumn>& columns) {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) out_ += ',';
      out_ += R"({"ColumnName":)";
      append_json_string(out_, columns[i].name);
      out_ += R"(,"ColumnType":")";
      out_ += kusto_name(columns[i].type);
      out_ += "\"}";
    }
  }

  void properties() {
    frame();
    table_head("DataTable", 0, "QueryProperties", "@ExtendedProperties");
    out_ +=
        R"({"ColumnName":"TableId","ColumnType":"int"},{"ColumnName":"Key","ColumnType":"string"},)"
        R"({"ColumnName":"Value","ColumnType":"dynamic"}],"Rows":[)";
    for (size_t i = 0; i < query_.result_count(); ++i) {
      if (i > 0) out_ += ',';
      out_ += '[';
      out_ += std::to_string(i + 1);
      out_ += R"(,"Visualization",)";
      append_json_string(out_, visualization_json(query_.visualization(i)));
      out_ += ']';
    }
    out_ += "]}";
  }

  void primary_table(int id, OpenedResult& opened) {
    frame();
    table_head(is_split() ? "TableHeader" : "DataTable", id, "PrimaryResult", "PrimaryResult");
    columns(opened.stream->columns());
    out_ += is_split() ? "]}" : R"(],"Rows":[)";
    bool is_first_row = true;
    uint64_t row_count = 0;
    try {
      while (opened.chunk.row_count > 0) {
        row_count += opened.chunk.row_count;
        if (is_split()) {
          fragment(id, opened);
        } else {
          append_rows(opened.chunk, is_first_row, sink_);
        }
        opened.chunk = opened.stream->next();
      }
    } catch (const Error& error) {
      fail(error);
    }
    row_counts_.push_back(row_count);
    if (is_split()) {
      table_completion(id, row_count);
      return;
    }
    if (failure_ && !options_.defers_partial_failure) {
      out_ += is_first_row ? "{" : ",{";
      out_ += R"("OneApiErrors":[)";
      out_ += one_api_error(*failure_, facts_);
      out_ += "]}";
    }
    out_ += "]}";
  }

  void fragment(int id, const OpenedResult& opened) {
    frame();
    out_ += R"({"FrameType":"TableFragment","TableFragmentType":"DataAppend","TableId":)";
    out_ += std::to_string(id);
    if (is_progressive()) {
      out_ += R"(,"FieldCount":)";
      out_ += std::to_string(opened.chunk.columns.size());
    }
    out_ += R"(,"Rows":[)";
    bool is_first_row = true;
    append_rows(opened.chunk, is_first_row, sink_);
    out_ += "]}";
  }

  void table_completion(int id, uint64_t row_count) {
    if (is_progressive()) {
      frame();
      out_ += R"({"FrameType":"TableProgress","TableId":)";
      out_ += std::to_string(id);
      out_ += R"(,"TableProgress":100.0})";
    }
    frame();
    out_ += R"({"FrameType":"TableCompletion","TableId":)";
    out_ += std::to_string(id);
    out_ += R"(,"RowCount":)";
    out_ += std::to_string(row_count);
    if (failure_) one_api_errors();
    out_ += '}';
  }

  void completion_information() {
    frame();
    int id = static_cast<int>(query_.result_count()) + 1;
    table_head("DataTable", id, "QueryCompletionInformation", "QueryCompletionInformation");
    columns({{"Timestamp", ScalarType::kDateTime},
             {"ClientRequestId", ScalarType::kString},
             {"ActivityId", ScalarType::kGuid},
             {"SubActivityId", ScalarType::kGuid},
             {"ParentActivityId", ScalarType::kGuid},
             {"Level", ScalarType::kInt},
             {"LevelName", ScalarType::kString},
             {"StatusCode", ScalarType::kInt},
             {"StatusCodeName", ScalarType::kString},
             {"EventType", ScalarType::kInt},
             {"EventTypeName", ScalarType::kString},
             {"Payload", ScalarType::kString}});
    out_ += R"(],"Rows":[)";
    if (failure_) {
      std::string payload = R"({"Count":1,"Text":)";
      append_json_string(payload, failure_->message());
      payload += '}';
      // HRESULT 80DA0003, as a signed number.
      constexpr std::string_view kLimits =
          R"~(2,"Error",-2133196797,"E_QUERY_RESULT_SET_TOO_LARGE (80DA0003)")~";
      constexpr std::string_view kOther = R"~(2,"Error",-2147467259,"E_FAIL (80004005)")~";
      information_row(failure_->kind() == ErrorKind::kLimitExceeded ? kLimits : kOther,
                      R"(4,"QueryInfo")", payload);
    } else {
      information_row(R"~(4,"Info",0,"S_OK (0)")~", R"(4,"QueryInfo")",
                      R"({"Count":1,"Text":"Query completed successfully"})");
    }
    out_ += ',';
    information_row(R"~(6,"Stats",0,"S_OK (0)")~", R"(0,"QueryResourceConsumption")",
                    resource_statistics_json(facts_, row_counts_));
    out_ += "]}";
  }

  void information_row(std::string_view status, std::string_view event, std::string_view payload) {
    out_ += "[\"";
    append_datetime(out_, facts_.clock.now());
    out_ += "\",";
    append_json_string(out_, facts_.identity.client_request_id);
    std::string activity = to_string(facts_.identity.activity_id);
    for (int i = 0; i < 3; ++i) {
      out_ += ",\"";
      out_ += activity;
      out_ += '"';
    }
    out_ += ',';
    out_ += status;
    out_ += ',';
    out_ += event;
    out_ += ',';
    append_json_string(out_, payload);
    out_ += ']';
  }

  query::RunningQuery& query_;
  const V2Options& options_;
  const AnswerFacts& facts_;
  BodySink& sink_;
  std::string& out_;
  bool is_first_frame_ = true;
  std::optional<Error> failure_;
  std::vector<uint64_t> row_counts_;
};

}  // namespace

void write_v2(query::RunningQuery& query, const V2Options& options, const AnswerFacts& facts,
              BodySink& sink) {
  V2Writer(query, options, facts, sink).write();
}

}  // namespace rivulet::server
