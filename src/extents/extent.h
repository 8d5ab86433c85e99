#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/binary.h"
#include "common/clock.h"
#include "common/guid.h"
#include "extents/extent_layout.h"
#include "objects/object_store.h"
#include "types/scalar_type.h"

namespace rivulet::extents {

class ExtentTerms;

// What is known of a column in an extent. Its least and greatest value are cells of the column's type; strings
// are cut to a prefix (`max_text` is then rounded up, so that every value lies within).
struct ColumnStatistics {
  uint32_t column_id = 0;
  ScalarType type = ScalarType::kString;
  bool has_range = false;  // false: no values, or not known
  uint64_t null_count = 0;
  uint64_t distinct_count = 0;       // of the values that are not null; an estimate
  uint64_t original_size_bytes = 0;  // of the values before compression
  uint64_t size_bytes = 0;  // in the file, without what the file holds of all columns together
  int64_t min_int = 0, max_int = 0;   // bool, int, long, datetime, timespan
  double min_real = 0, max_real = 0;  // real
  std::string min_text, max_text;     // string

  bool operator==(const ColumnStatistics&) const = default;
};

// The statistics of an extent's columns as the bytes that the log has of them: there are very many extents, and
// a query asks for a column or two.
class StatisticsList {
 public:
  StatisticsList() = default;
  explicit StatisticsList(std::span<const ColumnStatistics> columns);
  // Takes from `reader` what write() wrote. Throws std::runtime_error on damage.
  explicit StatisticsList(ByteReader& reader);
  void write(ByteWriter& writer) const;

  // Nothing when there are none of the column.
  std::optional<ColumnStatistics> find(uint32_t column_id) const;
  std::vector<ColumnStatistics> columns() const;

  bool operator==(const StatisticsList&) const = default;

 private:
  std::string bytes_;  // empty: of no column
};

// The ids of the columns of ingestion times and sequences in an extent's file.
constexpr uint32_t kTimeColumn = 2147483646, kSequenceColumn = 2147483647;

// What the log and the bases say of an extent: a sealed Parquet file. Its columns are named c<column id>, sys_time and
// sys_seq; the last two are missing when all rows were committed by the transaction that added the extent.
struct ExtentDescription {
  Guid id;
  uint64_t row_count = 0;
  uint64_t size_bytes = 0;           // of the file
  uint64_t index_size_bytes = 0;     // of the file of its term filters
  uint64_t original_size_bytes = 0;  // of the rows before compression
  Ticks min_time = 0, max_time = 0;  // ingestion times
  // When its rows were ingested as far as retention is concerned: min_time and max_time, unless the ingestion
  // said otherwise (creationTime).
  Ticks min_created = 0, max_created = 0;
  uint64_t min_sequence = 0, max_sequence = 0;
  // False: each row's are min_time and min_sequence, those of the record that added the extent.
  bool has_system_columns = true;
  std::vector<uint32_t> column_ids;  // those of `statistics`
  StatisticsList statistics;
  std::vector<std::string> tags;
  std::vector<uint64_t> checksums;  // of the file, as FileVerifier::checksums gives them
  ExtentLayout layout;              // in the blocks of the checksums

  // Whether its sequence is that of the record in which it stands, and not known before that has its place in the log.
  bool is_of_its_record() const { return !has_system_columns && max_sequence == 0; }
};

// An extent and the door to its file, which stays as long as this does. Thread-safe when it is const.
class ExtentView : public ExtentDescription {
 public:
  explicit ExtentView(ExtentDescription description) : ExtentDescription(std::move(description)) {}
  virtual ~ExtentView() = default;

  // Whoever reads columns of the file calls this first. The first time it reads what holds them, and afterwards it
  // returns at once. Throws Error, with file and offset, when it is missing or damaged, and IoError.
  virtual void verify(std::span<const uint32_t> columns) const = 0;
  // The same for the whole file.
  virtual void verify() const = 0;
  // As the first, whatever was verified before: for who failed to read it all the same.
  virtual void verify_again(std::span<const uint32_t> columns) const = 0;
  // Where the engine finds the file while it is held. The file's name is <id>.parquet.
  virtual objects::LocalCopy local_copy() const = 0;
  // What terms its texts hold; null when that is not known.
  virtual std::shared_ptr<const ExtentTerms> terms() const = 0;
};

// The names of an extent's objects: its file, and that of its term filters.
std::string extent_name(const Guid& id);
std::string terms_name(const Guid& id);

// The bytes of an extent in the log and in checkpoints: docs/extents.md. Decoding throws
// std::runtime_error on damage.
void encode_extent(std::string& out, const ExtentDescription& extent);
ExtentDescription decode_extent(std::string_view bytes);

}  // namespace rivulet::extents
