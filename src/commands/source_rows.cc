#include "commands/source_rows.h"

#include "commands/query_request.h"
#include "common/error.h"

namespace rivulet::commands {
namespace {

Rows rows_of(ResultTable table) {
  return {std::move(table.columns), std::make_shared<ColumnBatch>(std::move(table.rows))};
}

Rows read_all(query::RunningQuery& query) {
  if (query.result_count() != 1) {
    throw bad_request("The query must give one table, and gives " +
                      std::to_string(query.result_count()));
  }
  auto stream = query.result(0);
  ResultTable table("", stream->columns());
  for (auto chunk = stream->next(); chunk.row_count > 0; chunk = stream->next()) {
    for (size_t i = 0; i < chunk.columns.size(); ++i) {
      table.rows.column(i).append_from(chunk.columns[i], 0, chunk.row_count);
    }
  }
  return rows_of(std::move(table));
}

// A client's limits of its results are none of what is stored; those that the query's text sets are.
void lift_limits(auto& request) {
  request.max_records = request.max_bytes = 0;
  request.properties.max_records.reset();
  request.properties.max_bytes.reset();
  request.properties.take_max_records = 0;
}

}  // namespace

Rows run_source(const Services& services, const CommandRequest& request, const std::string& text) {
  if (is_command(text)) {
    CommandRequest inner = request;
    inner.text = text;
    inner.read_only = true;
    lift_limits(inner);
    CommandResult result = services.commands.execute(inner);
    if (auto* table = std::get_if<ResultTable>(&result)) return rows_of(std::move(*table));
    return read_all(*std::get<std::unique_ptr<query::RunningQuery>>(result));
  }
  query::QueryRequest query = query_request(request, text);
  lift_limits(query);
  return read_all(*services.engine.start(query));
}

size_t Rows::find(std::string_view name) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  throw bad_request("The query must give a column '" + std::string(name) + "'");
}

}  // namespace rivulet::commands
