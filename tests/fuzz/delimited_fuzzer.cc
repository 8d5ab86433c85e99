// Delimited text, TXT and RAW into every type of column.
#include "common/error.h"
#include "ingest/ingest.h"
#include "input.h"

using namespace rivulet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const catalog::Table kTable = fuzz::table_of_every_type();
  std::string_view body = fuzz::as_text(data, size);
  uint8_t choice = fuzz::take_byte(body);
  ingest::ParseOptions options;
  options.format = static_cast<ingest::Format>((choice & 0x0f) % 8);
  options.ignore_first_record = (choice & 0x10) != 0;
  if ((choice & 0x20) != 0) {
    options.mapping_text = R"([
      {"Column":"i","Properties":{"Ordinal":"2"}}, {"Column":"c","Properties":{"Ordinal":"0"}},
      {"Column":"f","Properties":{"Ordinal":"1","Transform":"DateTimeFromUnixSeconds"}},
      {"Column":"d","Properties":{"ConstValue":"7"}}, {"Column":"j","Properties":{"Ordinal":"2"}},
      {"Column":"h","Properties":{"Transform":"SourceLineNumber"}}])";
  }
  fuzz::ingest_and_read(body, kTable, options);
  return 0;
}
