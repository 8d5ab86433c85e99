// The text of an ingestion mapping: checked, made ready, and used.
#include "common/error.h"
#include "ingest/ingest.h"
#include "input.h"

using namespace rivulet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const catalog::Table kTable = fuzz::table_of_every_type();
  std::string_view text = fuzz::as_text(data, size);
  bool is_json = (fuzz::take_byte(text) & 1) != 0;
  try {
    ingest::validate_mapping(is_json ? "json" : "csv", text, nullptr);
    ingest::validate_mapping(is_json ? "json" : "csv", text, &kTable);
    ingest::ParseOptions options;
    options.format = is_json ? ingest::Format::kJson : ingest::Format::kCsv;
    auto mapping = ingest::compile_mapping(options.format, text, kTable);
    std::string_view body =
        is_json ? R"({"a":[{"key":"x","value":1},2],"b":{"c":"2020-01-01"},"i":"t"})"
                : "1,2,3,4.5,5,2020-01-01,01:00:00,,text,{}";
    store::Append append = ingest::parse(body, *mapping, options);
    fuzz::require(append.rows->row_count() == 1, "one record is one row");
  } catch (const Error& error) {
    fuzz::require_presentable(error, text);
  }
  return 0;
}
