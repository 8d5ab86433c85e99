#include <optional>

#include "server/rest/result_writer.h"
#include "types/text.h"

namespace rivulet::server {
namespace {

void open_table(std::string& out, std::string_view name, const std::vector<ResultColumn>& columns) {
  out += R"({"TableName":)";
  append_json_string(out, name);
  out += R"(,"Columns":[)";
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out += ',';
    out += R"({"ColumnName":)";
    append_json_string(out, columns[i].name);
    out += R"(,"DataType":")";
    out += v1_data_type(columns[i].type);
    out += R"(","ColumnType":")";
    out += kusto_name(columns[i].type);
    out += "\"}";
  }
  out += R"(],"Rows":[)";
}

std::string table_name(size_t i) {
  return "Table_" + std::to_string(i);
}

class V1Writer {
 public:
  V1Writer(query::RunningQuery& query, const AnswerFacts& facts, BodySink& sink)
      : query_(query), facts_(facts), sink_(sink), out_(sink.text()) {}

  void write() {
    for (size_t i = 0; i < query_.result_count() && !failure_; ++i) result(i);
    size_t result_count = table_count_;
    properties();
    status();
    contents(result_count);
    out_ += ']';
    if (failure_) {
      out_ += R"(,"Exceptions":[)";
      append_json_string(out_, failure_->message());
      out_ += ']';
    }
    out_ += '}';
  }

 private:
  void next_table() { out_ += table_count_++ == 0 ? R"({"Tables":[)" : ","; }

  void fail(const Error& error) {
    if (!belongs_into_answer(error, sink_)) {
      out_.clear();
      throw error;
    }
    failure_ = error;
  }

  void result(size_t i) {
    OpenedResult opened = open_result(query_, i, sink_);
    failure_ = opened.failure;
    if (opened.stream == nullptr) return;
    next_table();
    open_table(out_, table_name(i), opened.stream->columns());
    bool is_first_row = true;
    uint64_t row_count = 0;
    try {
      while (opened.chunk.row_count > 0) {
        row_count += opened.chunk.row_count;
        append_rows(opened.chunk, is_first_row, sink_);
        opened.chunk = opened.stream->next();
      }
    } catch (const Error& error) {
      fail(error);
    }
    if (failure_) {
      out_ += is_first_row ? R"({"Exceptions":[)" : R"(,{"Exceptions":[)";
      append_json_string(out_, failure_->message());
      out_ += "]}";
    }
    row_counts_.push_back(row_count);
    out_ += "]}";
  }

  void properties() {
    next_table();
    open_table(out_, table_name(table_count_ - 1), {{"Value", ScalarType::kString}});
    out_ += '[';
    bool has_results = query_.result_count() > 0;
    append_json_string(
        out_, visualization_json(has_results ? query_.visualization(0) : kql::Visualization()));
    out_ += "]]}";
  }

  void status() {
    next_table();
    open_table(out_, table_name(table_count_ - 1),
               {{"Timestamp", ScalarType::kDateTime},
                {"Severity", ScalarType::kInt},
                {"SeverityName", ScalarType::kString},
                {"StatusCode", ScalarType::kInt},
                {"StatusDescription", ScalarType::kString},
                {"Count", ScalarType::kInt},
                {"RequestId", ScalarType::kGuid},
                {"ActivityId", ScalarType::kGuid},
                {"SubActivityId", ScalarType::kGuid},
                {"ClientActivityId", ScalarType::kString}});
    if (failure_) {
      status_row(R"(2,"Error",-2147467259)", failure_->message());
    } else {
      status_row(R"(4,"Info",0)", "Query completed successfully");
    }
    out_ += ',';
    status_row(R"(6,"Stats",0)", resource_statistics_json(facts_, row_counts_));
    out_ += "]}";
  }

  void status_row(std::string_view severity, std::string_view description) {
    out_ += "[\"";
    append_datetime(out_, facts_.clock.now());
    out_ += "\",";
    out_ += severity;
    out_ += ',';
    append_json_string(out_, description);
    out_ += ",1";
    std::string activity = to_string(facts_.identity.activity_id);
    for (int i = 0; i < 3; ++i) {
      out_ += ",\"";
      out_ += activity;
      out_ += '"';
    }
    out_ += ',';
    append_json_string(out_, facts_.identity.client_request_id);
    out_ += ']';
  }

  void contents(size_t result_count) {
    next_table();
    open_table(out_, table_name(table_count_ - 1),
               {{"Ordinal", ScalarType::kLong},
                {"Kind", ScalarType::kString},
                {"Name", ScalarType::kString},
                {"Id", ScalarType::kString},
                {"PrettyName", ScalarType::kString}});
    for (size_t i = 0; i < result_count; ++i) {
      contents_row(i, R"("QueryResult","PrimaryResult")", new_guid());
      out_ += ',';
    }
    contents_row(result_count, R"("QueryProperties","@ExtendedProperties")", new_guid());
    out_ += ',';
    contents_row(result_count + 1, R"("QueryStatus","QueryStatus")", Guid());
    out_ += "]}";
  }

  void contents_row(size_t ordinal, std::string_view kind_and_name, const Guid& id) {
    out_ += '[';
    out_ += std::to_string(ordinal);
    out_ += ',';
    out_ += kind_and_name;
    out_ += ",\"";
    out_ += to_string(id);
    out_ += "\",\"\"]";
  }

  query::RunningQuery& query_;
  const AnswerFacts& facts_;
  BodySink& sink_;
  std::string& out_;
  size_t table_count_ = 0;
  std::optional<Error> failure_;
  std::vector<uint64_t> row_counts_;
};

}  // namespace

void write_v1_query(query::RunningQuery& query, const AnswerFacts& facts, BodySink& sink) {
  V1Writer(query, facts, sink).write();
}

void write_v1_table(const ResultTable& table, BodySink& sink) {
  std::string& out = sink.text();
  out += R"({"Tables":[)";
  open_table(out, table_name(0), table.columns);
  bool is_first_row = true;
  append_rows(chunk_of_table(table), is_first_row, sink);
  out += "]}]}";
}

}  // namespace rivulet::server
