// .ingest inline into table.

#include "commands/catalog_access.h"
#include "commands/form.h"
#include "commands/ingestion_properties.h"
#include "commands/rows.h"
#include "commands/text.h"
#include "common/error.h"
#include "ingest/ingest.h"
#include "ingest/pipeline.h"

namespace rivulet::commands {
namespace {

// "[record] [record] …" as lines. A bracket inside quotes or brackets belongs to the record.
std::string records_of(std::string_view text) {
  std::string lines;
  size_t at = 0;
  for (;;) {
    while (at < text.size() && (is_blank(text[at]) || text[at] == ';')) ++at;
    if (at == text.size()) return lines;
    if (text[at] != '[')
      throw bad_request("Inline data in brackets: expected '[' at byte " + std::to_string(at));
    size_t start = ++at;
    int depth = 1;
    bool is_quoted = false;
    for (; at < text.size(); ++at) {
      if (text[at] == '"') is_quoted = !is_quoted;
      if (is_quoted) continue;
      if (text[at] == '[') ++depth;
      if (text[at] == ']' && --depth == 0) break;
    }
    if (at == text.size()) throw bad_request("Inline data in brackets: a ']' is missing");
    lines += text.substr(start, at - start);
    lines += '\n';
    ++at;
  }
}

// The data begins on the line of "<|", or on the next when nothing else stands there.
std::string_view data_after_pipe(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  if (text.starts_with("\r\n")) return text.substr(2);
  if (text.starts_with("\n")) return text.substr(1);
  return text;
}

Action ingest_inline(CommandContext& context) {
  CommandReader& reader = context.reader;
  TableName name{context.request.database, plain_name(context.names[0], "table")};
  Properties properties = reader.properties();
  check_ingestion_properties(properties);
  ingest::ExtentProperties extent_options = extent_properties(properties);
  std::string data;
  if (reader.at_symbol("[")) {
    data = records_of(reader.take_rest());
  } else {
    reader.expect_symbol("<|");
    data = data_after_pipe(reader.take_rest());
  }
  ingest::ParseOptions options;
  options.format = ingest::parse_format(properties.find("format").value_or("csv"));
  options.ignore_first_record = properties.flag("ignoreFirstRecord", false);
  return [&services = context.services, name, properties, extent_options, data = std::move(data),
          options]() mutable {
    ingest::Extents extents;
    auto make = [&](ingest::Ingestion& ingestion) {
      const Catalog& catalog = ingestion.catalog();
      auto table = need_table(catalog, name.database, name.table);
      std::string mapping = ingestion_mapping(properties, ingest::mapping_kind(options.format),
                                              *need_database(catalog, name.database), *table);
      options.mapping_text = mapping;
      extents = ingestion.add(*table, ingest::parse(data, *table, options), extent_options);
    };
    ResultTable answer = make_answer({{"ExtentId", ScalarType::kGuid}});
    try {
      ingest::ingest(services.store, name.table, make);
    } catch (const store::TagExists&) {
      return answer;
    }
    // Where the rows are in the table's tail no extent was made, which Kusto tells by the zero guid.
    if (extents.empty()) append_row(answer, {Guid{}});
    for (const auto& extent : extents) append_row(answer, {extent->id});
    return answer;
  };
}

constexpr CommandForm kForms[] = {
    {"ingest inline into table <name>", "DataIngestInline", true, ingest_inline},
};

}  // namespace

Forms inline_ingestion_forms() {
  return kForms;
}

}  // namespace rivulet::commands
