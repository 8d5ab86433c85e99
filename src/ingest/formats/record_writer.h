#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ingest/formats/cell_writer.h"
#include "ingest/ingest.h"
#include "ingest/mappings/mapping.h"
#include "types/column_batch.h"

namespace rivulet::ingest {

// Puts the fields of a record of delimited text where the ordinals of the mapping say, behind the rows that are there.
class RecordWriter {
 public:
  RecordWriter(const Mapping& mapping, const ParseOptions& options, ColumnBatch& rows)
      : mapping_(mapping),
        options_(options),
        rows_(rows),
        is_ignored_(options.ignore_first_record) {}

  void field(std::string_view text) {
    uint32_t target =
        ordinal_ < mapping_.ordinals.size() ? mapping_.ordinals[ordinal_] : Mapping::kNone;
    ++ordinal_;
    if (is_ignored_) return;
    while (target != Mapping::kNone) {
      const Mapping::Target& to = mapping_.targets[target];
      append_text_value(rows_.column(to.column), text);
      target = to.next;
    }
  }

  // Fields that are missing are null.
  void end_record() {
    for (; !is_ignored_ && ordinal_ < mapping_.ordinals.size(); ++ordinal_) {
      uint32_t target = mapping_.ordinals[ordinal_];
      for (; target != Mapping::kNone; target = mapping_.targets[target].next) {
        rows_.column(mapping_.targets[target].column).append_null();
      }
    }
    ordinal_ = 0;
    is_ignored_ = false;
    ++records_;
    if (records_ % kWatchedRecords == 0 && options_.watch_memory) {
      options_.watch_memory(rows_.memory_bytes());
    }
  }

  size_t records() const { return records_; }
  // Makes long columns in one piece, when records() records took `used` of `size` bytes, with an eighth more:
  // growing them by and by would copy most cells once more.
  void reserve(size_t used, size_t size) {
    if (mapping_.targets.empty()) return;
    size_t expected = size / (used / records_) * 9 / 8;
    // Where no field is missing, a cell has at least a byte of the text.
    expected = std::min(expected, size / mapping_.targets.size());
    for (const Mapping::Target& target : mapping_.targets) {
      rows_.column(target.column).reserve(expected);
    }
  }

 private:
  const Mapping& mapping_;
  const ParseOptions& options_;
  ColumnBatch& rows_;
  size_t ordinal_ = 0;
  size_t records_ = 0;
  bool is_ignored_;
};

}  // namespace rivulet::ingest
