#pragma once

#include <memory>
#include <string>
#include <vector>

#include "commands/form.h"
#include "types/column_batch.h"

namespace rivulet::commands {

// Rows of a query, whole.
struct Rows {
  std::vector<ResultColumn> columns;
  std::shared_ptr<const ColumnBatch> batch;

  // The index of a column; throws bad_request when there is none.
  size_t find(std::string_view name) const;
};

// Runs the query or `.show` command behind "<|".
Rows run_source(const Services& services, const CommandRequest& request, const std::string& text);

}  // namespace rivulet::commands
