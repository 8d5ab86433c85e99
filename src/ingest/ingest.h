#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "store/store.h"

// Bytes of a data format in, a column batch out.
namespace rivulet::ingest {

// Numbers stay as they are: retry keys are made with them. formats/ has what each is.
enum class Format {
  kCsv,
  kTsv,
  kTsve,
  kPsv,
  kScsv,
  kSohsv,
  kTxt,
  kRaw,
  kJson,
  kMultiJson,
};

// Case-insensitive: "csv", "Csv", "singlejson" …; throws format_not_supported, which names those there are.
Format parse_format(std::string_view name);
std::string_view format_name(Format format);
bool is_json(Format format);
// What stands between the fields of a record.
char delimiter(Format format);
// The mapping kind that goes with a format: "csv" or "json".
std::string_view mapping_kind(Format format);

// Checks the text of an ingestion mapping and that it names columns of the table, and throws
// an Error of kInvalidMapping that says which element is wrong. `table` may be null.
// A column that the table does not have (yet) passes if the element gives its type, as Kusto lets it.
void validate_mapping(std::string_view kind, std::string_view mapping_text,
                      const catalog::Table* table);

// The named mapping of the table, or else of its database; throws mapping_not_found.
const catalog::IngestionMapping& find_mapping(const catalog::Table& table,
                                              const catalog::Database& database,
                                              std::string_view kind, std::string_view name);

// An ingestion mapping, or the identity, made ready for a format and one version of a table. Immutable;
// any number of threads may parse by it at once.
class Mapping;

// `mapping_text` empty: identity, by ordinal for delimited text and by exact name for JSON. Throws
// BadRequest_InvalidMapping, or BadRequest_InconsistentMapping when it does not fit the table's columns.
std::shared_ptr<const Mapping> compile_mapping(Format format, std::string_view mapping_text,
                                               const catalog::Table& table);

struct ParseOptions {
  Format format = Format::kCsv;
  // Text of an ingestion mapping, or empty: identity. Not looked at when a Mapping is given.
  std::string_view mapping_text;
  bool ignore_first_record = false;
  // What the transformation SourceLocation yields: the name of the blob or file, where there is one.
  std::string_view source_location = "";
  // Told now and then how many bytes the rows take so far, and may throw: short records of a wide table take
  // far more than their text.
  std::function<void(size_t)> watch_memory;
};
// Records between two calls of watch_memory.
constexpr size_t kWatchedRecords = 1024;

// Parses a whole request body (uncompressed) into rows for the table. A value that does not convert
// becomes null; a malformed record throws an Error with its position and nothing is kept. Pure: any thread.
store::Append parse(std::string_view body, const catalog::Table& table,
                    const ParseOptions& options);
// The same with a mapping that was made ready before: what a server does for every small request.
store::Append parse(std::string_view body, const Mapping& mapping, const ParseOptions& options);

// Parses many small bodies into one batch, each on its own: each as parse() does it, and much cheaper. Used by one
// thread.
class BatchParser {
 public:
  // The mapping and the options outlive it.
  BatchParser(const Mapping& mapping, const ParseOptions& options);
  BatchParser(BatchParser&&) noexcept;
  ~BatchParser();

  // Puts the rows of a body behind those that are there, and returns how many. Throws what parse() throws (what
  // watch_memory throws, too), and then nothing of the body is left.
  size_t add(std::string_view body);
  // Takes the rows of the last body away again.
  void undo();
  size_t row_count() const { return row_count_; }
  // Heap bytes of the rows, with those of rows that were taken away again.
  size_t memory_bytes() const;
  // All rows; nothing can be added afterwards.
  store::Append finish();

 private:
  void truncate(size_t row_count);

  const Mapping* mapping_;
  const ParseOptions* options_;
  std::shared_ptr<ColumnBatch> rows_;
  size_t row_count_ = 0;
  size_t last_count_ = 0;  // rows before the last body
  std::vector<uint32_t> likely_next_;
};

}  // namespace rivulet::ingest
