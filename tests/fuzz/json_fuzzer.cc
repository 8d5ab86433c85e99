// JSON and MultiJSON into every type of column, with and without a mapping.
#include <array>

#include "common/error.h"
#include "ingest/ingest.h"
#include "input.h"

using namespace rivulet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const catalog::Table kTable = fuzz::table_of_every_type();
  static constexpr std::array<std::string_view, 4> kMappings{
      "",
      R"([{"column":"a","path":"$.a"},{"column":"c","path":"$.a[0]"},{"column":"i","path":"$"},
          {"column":"j","Properties":{"path":"$.j","transform":"DropMappedFields"}},
          {"column":"f","Properties":{"path":"$.c","transform":"DateTimeFromUnixSeconds"}},
          {"column":"d","path":"$.j.a"}])",
      R"([{"column":"j","Properties":{"path":"$","transform":"DropMappedFields"}},
          {"column":"i","Properties":{"path":"$.a","transform":"PropertyBagArrayToDictionary"}},
          {"column":"c","path":"$['b'][1][2]"},{"column":"h","ConstValue":"7"}])",
      R"([{"column":"i","Properties":{"path":"$.a","transform":"BytesAsBase64"}},
          {"column":"j","Properties":{"path":"$.a","transform":"PropertyBagArrayToDictionary"}},
          {"column":"f","Properties":{"path":"$.b","transform":"DateTimeFromUnixNanoseconds"}}])"};
  std::string_view body = fuzz::as_text(data, size);
  uint8_t choice = fuzz::take_byte(body);
  ingest::ParseOptions options;
  options.format = (choice & 1) != 0 ? ingest::Format::kMultiJson : ingest::Format::kJson;
  options.mapping_text = kMappings[(choice >> 1) % kMappings.size()];
  fuzz::ingest_and_read(body, kTable, options);
  return 0;
}
