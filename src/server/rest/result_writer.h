#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/error.h"
#include "query/engine.h"
#include "server/http/body_sink.h"
#include "server/http/response.h"
#include "types/column_batch.h"

// The forms in which results leave: Kusto's v1 tables and v2 frames. Clients are particular about the
// order of keys and tables; docs/http.md and the tests show each form in full.
//
// A writer of a query asks for the first rows before it writes a byte, and throws what goes wrong until
// then. A failure later becomes part of the answer if it only cuts a result short (LimitsExceeded) or
// if bytes have left already; otherwise it is thrown, with the sink empty again. So the status of an answer
// is the failure's, unless there are rows to show beside it.
namespace rivulet::server {

struct AnswerFacts {
  const RequestIdentity& identity;
  Ticks started = 0;
  const Clock& clock;
};

struct V2Options {
  bool fragments_primary_tables = false;  // as the Go client wants them; wins over is_progressive
  bool separates_frames_by_newlines = false;
  bool is_progressive = false;
  bool defers_partial_failure = false;  // keeps a late failure out of the rows
};

void write_v2(query::RunningQuery& query, const V2Options& options, const AnswerFacts& facts,
              BodySink& sink);
// Results, properties, status and table of contents: queries and commands that end in a query.
void write_v1_query(query::RunningQuery& query, const AnswerFacts& facts, BodySink& sink);
// One table: plain commands.
void write_v1_table(const ResultTable& table, BodySink& sink);

// What `render` asks for, as clients get it.
std::string visualization_json(const kql::Visualization& visualization);

// A table at hand, as the result of a query.
std::unique_ptr<query::RunningQuery> query_of_table(ResultTable table);
// The whole table as one chunk, which lives as long as the table.
query::ResultStream::Chunk chunk_of_table(const ResultTable& table);

// For the writers of both forms.
void append_rows(const query::ResultStream::Chunk& chunk, bool& is_first, BodySink& sink);
// The payload of the row of statistics at the end of an answer.
std::string resource_statistics_json(const AnswerFacts& facts,
                                     const std::vector<uint64_t>& row_counts);
// Whether this failure of a result that was opened belongs into the answer; else it is to be thrown.
bool belongs_into_answer(const Error& error, const BodySink& sink);

// A result with its first rows.
struct OpenedResult {
  std::unique_ptr<query::ResultStream> stream;  // null: it could not be opened, and bytes have left
  query::ResultStream::Chunk chunk;
  std::optional<Error> failure;  // instead of rows, where it belongs into the answer
};
// Opens the i-th result of the query. Throws, with the sink empty, what does not belong into the answer.
OpenedResult open_result(query::RunningQuery& query, size_t i, BodySink& sink);
// {"error":{…}} as OneApiErrors lists it.
std::string one_api_error(const Error& error, const AnswerFacts& facts);

}  // namespace rivulet::server
