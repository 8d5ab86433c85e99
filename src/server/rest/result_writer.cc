#include "server/rest/result_writer.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "types/text.h"

namespace rivulet::server {

query::ResultStream::Chunk chunk_of_table(const ResultTable& table) {
  query::ResultStream::Chunk chunk;
  chunk.row_count = table.rows.row_count();
  for (size_t i = 0; i < table.rows.column_count(); ++i)
    chunk.columns.push_back(table.rows.column(i).view());
  chunk.null_texts = &table.null_texts;
  return chunk;
}

namespace {

class TableStream : public query::ResultStream {
 public:
  explicit TableStream(const ResultTable& table) : table_(table) {}
  const std::vector<ResultColumn>& columns() const override { return table_.columns; }
  Chunk next() override {
    if (is_read_) return {};
    is_read_ = true;
    return chunk_of_table(table_);
  }

 private:
  const ResultTable& table_;
  bool is_read_ = false;
};

class TableQuery : public query::RunningQuery {
 public:
  explicit TableQuery(ResultTable table) : table_(std::move(table)) {}
  size_t result_count() const override { return 1; }
  const kql::Visualization& visualization(size_t) const override { return visualization_; }
  std::unique_ptr<query::ResultStream> result(size_t) override {
    return std::make_unique<TableStream>(table_);
  }
  void cancel() override {}

 private:
  ResultTable table_;
  kql::Visualization visualization_;
};

// A number where the property is one, else the text.
void append_bound(std::string& out, const std::string& text) {
  std::optional<double> number = parse_real(text);
  if (number && std::isfinite(*number)) {
    append_real(out, *number);
  } else {
    append_json_string(out, text);
  }
}

}  // namespace

std::unique_ptr<query::RunningQuery> query_of_table(ResultTable table) {
  return std::make_unique<TableQuery>(std::move(table));
}

std::string visualization_json(const kql::Visualization& visualization) {
  struct Property {
    std::string_view key;   // in the answer
    std::string_view name;  // in KQL
    std::string_view missing;
    enum { kText, kFlag, kBound } form;
  };
  constexpr Property kProperties[] = {
      {"Visualization", "", "null", Property::kText},
      {"Title", "title", "null", Property::kText},
      {"XColumn", "xcolumn", "null", Property::kText},
      {"Series", "series", "null", Property::kText},
      {"YColumns", "ycolumns", "null", Property::kText},
      {"AnomalyColumns", "anomalycolumns", "null", Property::kText},
      {"XTitle", "xtitle", "null", Property::kText},
      {"YTitle", "ytitle", "null", Property::kText},
      {"XAxis", "xaxis", "null", Property::kText},
      {"YAxis", "yaxis", "null", Property::kText},
      {"Legend", "legend", "null", Property::kText},
      {"YSplit", "ysplit", "null", Property::kText},
      {"Accumulate", "accumulate", "false", Property::kFlag},
      {"IsQuerySorted", "", "false", Property::kFlag},
      {"Kind", "kind", "null", Property::kText},
      {"Ymin", "ymin", "\"NaN\"", Property::kBound},
      {"Ymax", "ymax", "\"NaN\"", Property::kBound},
      {"Xmin", "xmin", "null", Property::kBound},
      {"Xmax", "xmax", "null", Property::kBound},
  };
  std::string out = "{";
  for (const Property& property : kProperties) {
    if (out.size() > 1) out += ',';
    append_json_string(out, property.key);
    out += ':';
    const std::string* value = nullptr;
    if (property.key == "Visualization") {
      if (!visualization.kind.empty()) value = &visualization.kind;
    } else if (auto found = visualization.properties.find(std::string(property.name));
               found != visualization.properties.end()) {
      value = &found->second;
    }
    if (value == nullptr) {
      out += property.missing;
    } else if (property.form == Property::kText) {
      append_json_string(out, *value);
    } else if (property.form == Property::kFlag) {
      out += parse_bool(*value).value_or(false) ? "true" : "false";
    } else {
      append_bound(out, *value);
    }
  }
  out += '}';
  return out;
}

void append_rows(const query::ResultStream::Chunk& chunk, bool& is_first, BodySink& sink) {
  std::string& out = sink.text();
  for (size_t row = 0; row < chunk.row_count; ++row) {
    if (!is_first) out += ',';
    is_first = false;
    out += '[';
    for (size_t column = 0; column < chunk.columns.size(); ++column) {
      if (column > 0) out += ',';
      if (chunk.null_texts != nullptr &&
          std::ranges::binary_search(*chunk.null_texts, std::pair(row, column))) {
        out += "null";
      } else {
        append_cell_json(out, chunk.columns[column], row);
      }
    }
    out += ']';
    sink.pass_on();
  }
}

std::string resource_statistics_json(const AnswerFacts& facts,
                                     const std::vector<uint64_t>& row_counts) {
  double seconds = static_cast<double>(facts.clock.now() - facts.started) / kTicksPerSecond;
  std::string out = fmt::format(
      R"({{"ExecutionTime":{:.7f},"resource_usage":{{"cache":{{"memory":{{"hits":0,"misses":0,"total":0}},)"
      R"("disk":{{"hits":0,"misses":0,"total":0}}}},"cpu":{{"user":"00:00:00","kernel":"00:00:00",)"
      R"("total cpu":"00:00:00"}},"memory":{{"peak_per_node":0}}}},"input_dataset_statistics":)"
      R"({{"extents":{{"total":0,"scanned":0}},"rows":{{"total":0,"scanned":0}}}},"dataset_statistics":[)",
      seconds > 0 ? seconds : 0.0);
  for (size_t i = 0; i < row_counts.size(); ++i) {
    fmt::format_to(std::back_inserter(out), R"({}{{"table_row_count":{},"table_size":0}})",
                   i > 0 ? "," : "", row_counts[i]);
  }
  out += "]}";
  return out;
}

bool belongs_into_answer(const Error& error, const BodySink& sink) {
  return sink.is_started() || error.kind() == ErrorKind::kLimitExceeded;
}

OpenedResult open_result(query::RunningQuery& query, size_t i, BodySink& sink) {
  OpenedResult opened;
  try {
    opened.stream = query.result(i);
    opened.chunk = opened.stream->next();
  } catch (const Error& error) {
    bool is_answered =
        opened.stream != nullptr ? belongs_into_answer(error, sink) : sink.is_started();
    if (!is_answered) {
      sink.text().clear();
      throw;
    }
    opened.failure = error;
  }
  return opened;
}

std::string one_api_error(const Error& error, const AnswerFacts& facts) {
  return error_body(error, facts.identity, facts.clock.now());
}

}  // namespace rivulet::server
