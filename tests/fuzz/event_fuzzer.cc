// Events of a data connection, with properties: into appends, failures and dead letters.
//
// The first byte is the format, the second a set of settings. Then events, with 1D between them: properties as
// name=value and 1E after each, and the body.
#include "sources/event_batch.h"

#include <vector>

#include "common/clock.h"
#include "input.h"

using namespace rivulet;

namespace {

std::shared_ptr<const catalog::Catalog> make_catalog() {
  auto catalog = catalog::Catalog().apply(catalog::PutDatabase{1, Guid{1, 1}, "db", "", {}, {}});
  catalog::Table table = fuzz::table_of_every_type();
  table.mappings = {
      {"json", "m", R"([{"column":"i","path":"$.x-opt-offset"},{"column":"j","path":"$"}])"},
      {"csv", "m",
       R"([{"column":"i","Ordinal":1},{"column":"c","transform":"SourceLineNumber"}])"}};
  catalog = catalog->apply(catalog::PutTable{table});
  table.id = 2;
  table.name = "D";
  table.mappings.clear();
  table.columns = {
      {1, "Body", ScalarType::kString, ""},        {2, "Key", ScalarType::kString, ""},
      {3, "Properties", ScalarType::kDynamic, ""}, {4, "Table", ScalarType::kString, ""},
      {5, "Error", ScalarType::kString, ""},       {6, "Enqueued", ScalarType::kDateTime, ""}};
  return catalog->apply(catalog::PutTable{table});
}

// What stands before the separator, taken away with it; all when there is none.
std::string_view take_until(std::string_view& text, char separator) {
  size_t end = std::min(text.find(separator), text.size());
  std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<const catalog::Catalog> kCatalog = make_catalog();
  std::string_view input = fuzz::as_text(data, size);
  sources::ConnectionSettings settings;
  settings.table = "T";
  settings.format = static_cast<ingest::Format>(fuzz::take_byte(input) % 10);
  uint8_t flags = fuzz::take_byte(input);
  settings.is_routed = (flags & 1) != 0;
  settings.is_gzip = (flags & 2) != 0;
  if ((flags & 4) != 0) settings.on_missing_target = sources::MissingTarget::kHold;
  if ((flags & 8) != 0) settings.dead_letter_table = "D";
  if ((flags & 16) != 0) {
    settings.event_system_properties = {"x-opt-enqueued-time", "x-opt-offset", "x-opt-publisher",
                                        "kafka-key", "kafka-partition"};
  }
  if ((flags & 32) != 0) settings.mapping_name = "m";
  settings.max_queued_bytes = 64 << 10;
  settings.max_batch_bytes = (flags & 64) != 0 ? 1 << 10 : 64 << 10;

  std::vector<sources::Event> events;
  while (!input.empty()) {
    sources::Event& event = events.emplace_back();
    event.offset = static_cast<int64_t>(events.size());
    event.partition = static_cast<int32_t>(events.size() % 2);
    event.enqueued = kUnixEpochTicks + event.offset;
    std::string_view rest = take_until(input, '\x1d');
    while (rest.find('\x1e') != std::string_view::npos) {
      std::string_view property = take_until(rest, '\x1e');
      std::string_view name = take_until(property, '=');
      event.properties.push_back({name, property});
      event.key = property;
    }
    event.body = rest;
  }

  ingest::TargetCache targets;
  activity::StreamingStatistics statistics;
  activity::FailureLog failures;
  sources::EventIngester ingester({Guid{1, 2}, "db", "c", settings}, targets, statistics, failures,
                                  system_clock());
  for (std::span<const sources::Event> rest(events); !rest.empty();) {
    sources::EventBatch batch = ingester.ingest("topic", rest, kCatalog);
    fuzz::require(batch.events > 0 && batch.events <= rest.size(), "a batch takes events");
    fuzz::require(batch.failures.size() == batch.failed_events, "failures are counted");
    fuzz::require(settings.on_missing_target == sources::MissingTarget::kHold || batch.held.empty(),
                  "nothing is held unasked");
    for (const sources::EventBatch::Failure& failed : batch.failures) {
      const activity::IngestionFailure& failure = failed.failure;
      fuzz::require_presentable({failure.error.value_or(ErrorKind::kBadRequest), failure.details},
                                fuzz::as_text(data, size));
    }
    for (sources::EventBatch::Tagged& tagged : batch.tagged) {
      fuzz::require(tagged.table != nullptr && !tagged.tags.empty(), "an extent has tags");
      batch.appends.push_back(std::move(tagged.append));
    }
    uint64_t rows = 0;
    for (const store::Append& append : batch.appends) {
      for (size_t i = 0; i < append.rows->column_count(); ++i) {
        const Column& column = append.rows->column(i);
        fuzz::require(column.size() == append.rows->row_count(), "columns are of one length");
        fuzz::read_cells(column.view(), column.size());
      }
      rows += append.rows->row_count();
    }
    uint64_t dead = settings.dead_letter_table.empty() ? 0 : batch.failed_events;
    fuzz::require(rows == batch.rows + dead, "rows are counted");
    ingester.record(batch);
    rest = rest.subspan(batch.events);
  }
  return 0;
}
