#include "commands/rows.h"

#include <stdexcept>

namespace rivulet::commands {
namespace {

void append_cell(Column& column, const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) {
    column.append_null();
    return;
  }
  switch (column.type()) {
    case ScalarType::kBool:
      column.append(static_cast<uint8_t>(std::get<int64_t>(cell) != 0));
      return;
    case ScalarType::kInt:
      column.append(static_cast<int32_t>(std::get<int64_t>(cell)));
      return;
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      column.append(std::get<int64_t>(cell));
      return;
    case ScalarType::kReal:
      column.append(std::holds_alternative<double>(cell)
                        ? std::get<double>(cell)
                        : static_cast<double>(std::get<int64_t>(cell)));
      return;
    case ScalarType::kGuid:
      column.append(GuidCell::from(std::get<Guid>(cell)));
      return;
    case ScalarType::kString:
    case ScalarType::kDynamic:
      column.append_text(std::get<std::string>(cell));
      return;
    case ScalarType::kDecimal:
      break;
  }
  throw std::logic_error("a command's answer has no decimal columns");
}

}  // namespace

ResultTable make_answer(std::vector<ResultColumn> columns) {
  return ResultTable(std::string(kAnswerName), std::move(columns));
}

void append_row(ResultTable& table, std::vector<Cell> cells) {
  if (cells.size() != table.columns.size())
    throw std::logic_error("a row of an answer has the wrong width");
  size_t row = table.rows.row_count();
  for (size_t i = 0; i < cells.size(); ++i) {
    if (std::holds_alternative<std::monostate>(cells[i]) &&
        table.columns[i].type == ScalarType::kString) {
      table.null_texts.emplace_back(row, i);
    }
    append_cell(table.rows.column(i), cells[i]);
  }
}

}  // namespace rivulet::commands
