#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/clock.h"
#include "common/guid.h"
#include "types/column_batch.h"

namespace rivulet::commands {

// One value of an answer. A whole number suits bool, int, long, real, datetime (ticks) and timespan
// columns alike.
using Cell = std::variant<std::monostate, int64_t, double, Guid, std::string>;

// The one table of a plain command is named so.
constexpr std::string_view kAnswerName = "Table_0";

// An empty answer with these columns.
ResultTable make_answer(std::vector<ResultColumn> columns);
// Appends a row; a monostate is null, in a string column too. The cells must fit the columns.
void append_row(ResultTable& table, std::vector<Cell> cells);

}  // namespace rivulet::commands
