#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "common/error.h"
#include "sources/event.h"
#include "store/store.h"

namespace rivulet::sources {

// One event that could not be ingested.
struct DeadLetter {
  const Event& event;
  std::string_view connection, topic;
  std::string_view database, table;  // it was for
  const Error& error;
};

// The rows of a batch for the dead-letter table. A column of the table is filled if it has the name and the type
// of one in dead_letter_schema(); a table without any such column takes none.
class DeadLetters {
 public:
  explicit DeadLetters(const catalog::Table& table);

  void add(const DeadLetter& letter);
  // Nothing when there are no rows.
  std::optional<store::Append> finish();

 private:
  store::Append append_;
  std::shared_ptr<ColumnBatch> rows_;
  std::vector<size_t> fields_;  // by column of the batch: what it holds
};

}  // namespace rivulet::sources
