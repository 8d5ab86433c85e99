#include "sources/event_batch.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"
#include "ingest/compression.h"
#include "ingest/mappings/mapping.h"
#include "sources/dead_letters.h"
#include "sources/event_properties.h"
#include "sources/text_encoding.h"
#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet::sources {
namespace {

using text::equals_ignoring_case;

// Targets that are remembered from batch to batch.
constexpr size_t kMaxTargets = 16'384;
// A batch ends when its rows take so many times the bytes that a transaction may have.
constexpr size_t kRowBytesPerByte = 4;
// What a column of a batch takes at least, and about what a failed event does beside its body.
constexpr size_t kColumnBytes = 256;
constexpr size_t kFailureBytes = 1024;
// At most, of one event: so that a commit stays far below what the log takes in a record.
constexpr size_t kMaxEventBytes = 256 << 20;
// A batch ends when it needs so many extents, each of which takes a while to write.
constexpr size_t kMaxExtents = 16;
// What a text of one event is kept for the next, at most.
constexpr size_t kKeptBytes = 1 << 20;
// What the names of a target may take together.
constexpr size_t kMaxNameBytes = 2048;

// Where events go, by the names that they give.
struct Target {
  std::string database, table, format_name, mapping_name;
  std::string tags_text;
  std::vector<std::string> tags;
  ingest::Format format = ingest::Format::kMultiJson;
  // Good for one catalog.
  uint64_t catalog_number = 0;
  std::shared_ptr<const ingest::Mapping> mapping;
  std::optional<Error> refusal;
  bool is_missing = false;  // a change of the catalog may help
  size_t row_bytes = 0;     // of the cells of a row
  // Its place in one batch.
  uint64_t batch_number = 0;
  size_t slot = 0;
};

// The events of one target in a batch.
struct Slot {
  Target* target;
  ingest::BatchParser parser;
  uint64_t bytes = 0;
  size_t memory = 0;  // as far as it is in the sum of the batch
};

// The start of a text that anybody may have written, for messages.
std::string_view start(std::string_view text) {
  return text.substr(0, 100);
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  append_valid_utf8(out, text);
  return out;
}

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

void append_part(std::string& key, std::string_view part) {
  auto size = static_cast<uint32_t>(part.size());
  key.append(reinterpret_cast<const char*>(&size), sizeof(size));
  key.append(part);
}

void check_compression(std::string_view name) {
  if (name.empty() || equals_ignoring_case(name, "none") || equals_ignoring_case(name, "gzip"))
    return;
  throw bad_request(
      fmt::format("The event property Compression is '{}'; it may be None or GZip.", start(name)));
}

}  // namespace

struct EventIngester::State {
  State(Connection of, ingest::TargetCache& target_cache, const Clock& the_clock)
      : connection(std::move(of)),
        settings(connection.settings),
        cache(target_cache),
        clock(the_clock),
        event_bytes(std::min(settings.max_queued_bytes, kMaxEventBytes)),
        properties(settings.event_system_properties),
        principal("dataconnection=" + connection.name) {
    unroutable.refusal =
        bad_request("The properties of the event that name its target are too long.");
    // Of the other events of a batch, and of one.
    size_t limit = 2 * kRowBytesPerByte * settings.max_batch_bytes + event_bytes;
    options.watch_memory = [limit](size_t bytes) {
      if (bytes > limit) {
        throw limits_exceeded("The rows of the event take more memory than a batch may.");
      }
    };
  }

  void begin(std::string_view new_topic, const std::shared_ptr<const catalog::Catalog>& newest);
  void take(const Event& event);
  Target& find_target(const EventRoute& route);
  void resolve(Target& target);
  Slot& slot_of(Target& target);
  void parse(const Event& event, const EventRoute& route, Target& target);
  size_t add(ingest::BatchParser& parser, ingest::Format format, std::string_view body) const;
  void count(Slot& slot, size_t memory);
  void fail(const Event& event, const Target& target, const Error& error);
  void finish();

  const Connection connection;
  const ConnectionSettings& settings;
  ingest::TargetCache& cache;
  const Clock& clock;
  const size_t event_bytes;  // of the rows of one event, and of its body unpacked
  const SystemProperties properties;
  const std::string principal;
  ingest::ParseOptions options;

  std::unordered_map<std::string, Target, TextHash, std::equal_to<>> targets;
  std::shared_ptr<const catalog::Catalog> catalog;
  uint64_t catalog_number = 0;
  Target unroutable;

  // Of the batch that is being made.
  uint64_t batch_number = 0;
  std::string topic;
  EventBatch batch;
  std::vector<Slot> slots;
  size_t row_bytes = 0;
  size_t extents = 0;
  std::optional<DeadLetters> dead_letters;
  Guid operation_id;
  // Kept for their memory.
  std::string key, embedded;
};

void EventIngester::State::begin(std::string_view new_topic,
                                 const std::shared_ptr<const catalog::Catalog>& newest) {
  if (targets.size() > kMaxTargets) targets.clear();
  if (embedded.capacity() > kKeptBytes) embedded = {};
  if (catalog != newest) {
    catalog = newest;
    ++catalog_number;
  }
  topic = new_topic;
  ++batch_number;
  batch = {};
  batch.catalog = newest;
  batch.started = clock.now();
  slots.clear();
  row_bytes = 0;
  extents = 0;
  operation_id = new_guid();
  dead_letters.reset();
  if (settings.dead_letter_table.empty()) return;
  auto database = catalog->find_database(connection.database);
  auto table = database ? database->find_table(settings.dead_letter_table) : nullptr;
  if (table != nullptr) dead_letters.emplace(*table);
}

void EventIngester::State::take(const Event& event) {
  EventRoute route;
  if (settings.is_routed) route = read_route(event);
  Target& target = find_target(route);
  try {
    if (target.refusal) {
      if (target.is_missing && settings.on_missing_target == MissingTarget::kHold) {
        batch.held.try_emplace(event.partition,
                               EventBatch::Held{event.offset, target.refusal->message()});
        return;
      }
      throw Error(*target.refusal);
    }
    parse(event, route, target);
  } catch (const Error& error) {
    fail(event, target, error);
  }
}

Target& EventIngester::State::find_target(const EventRoute& route) {
  key.clear();
  for (std::string_view part :
       {route.database, route.table, route.format, route.mapping_name, route.tags}) {
    append_part(key, part);
  }
  if (key.size() > kMaxNameBytes) return unroutable;
  auto found = targets.find(std::string_view(key));
  if (found == targets.end()) {
    auto or_else = [](std::string_view given, std::string_view otherwise) {
      return valid_utf8(given.empty() ? otherwise : given);
    };
    Target target;
    target.database = or_else(route.database, connection.database);
    target.table = or_else(route.table, settings.table);
    target.format_name = or_else(route.format, ingest::format_name(settings.format));
    target.mapping_name = or_else(route.mapping_name, settings.mapping_name);
    target.tags_text = valid_utf8(route.tags);
    found = targets.emplace(key, std::move(target)).first;
  }
  Target& target = found->second;
  if (target.catalog_number != catalog_number) {
    resolve(target);
    target.catalog_number = catalog_number;
  }
  return target;
}

void EventIngester::State::resolve(Target& target) {
  target.mapping.reset();
  target.refusal.reset();
  target.is_missing = false;
  try {
    target.format = ingest::parse_format(target.format_name);
    if (target.database != connection.database && !settings.may_route_to_other_databases) {
      throw bad_request(
          fmt::format("The event is for the database '{}', and the data connection may route to "
                      "its own only, as it has not databaseRouting='Multi'.",
                      target.database));
    }
    target.tags = parse_tags(target.tags_text);
    target.is_missing = true;
    if (target.table.empty()) {
      throw bad_request("The event names no table, and the data connection has none.");
    }
    target.mapping =
        cache.get(catalog, {target.database, target.table, target.format, target.mapping_name,
                            /*needs_streaming_policy=*/false});
    target.row_bytes = 0;
    for (ScalarType type : target.mapping->types) target.row_bytes += cell_size(type);
  } catch (const Error& error) {
    target.refusal = error;
  }
}

Slot& EventIngester::State::slot_of(Target& target) {
  if (target.batch_number != batch_number) {
    slots.push_back({&target, ingest::BatchParser(*target.mapping, options)});
    target.batch_number = batch_number;
    target.slot = slots.size() - 1;
    count(slots.back(), target.mapping->types.size() * kColumnBytes);
    if (!target.tags.empty()) ++extents;
  }
  return slots[target.slot];
}

void EventIngester::State::parse(const Event& event, const EventRoute& route, Target& target) {
  check_compression(route.compression);
  std::string_view body = event.body;
  bool is_gzip = route.compression.empty() ? settings.is_gzip
                                           : equals_ignoring_case(route.compression, "gzip");
  std::string unpacked;
  bool is_utf8 = is_utf8_name(route.encoding);
  if (is_gzip) {
    if (!is_utf8) {
      throw bad_request("The event property Encoding is not supported for a compressed body.");
    }
    if (!ingest::is_gzip(body)) {
      throw Error(ErrorKind::kInvalidArchive, "The body of the event is not compressed as gzip.");
    }
    auto text = ingest::decompress(body, ingest::ContentEncoding::kGzip, event_bytes);
    if (!text) {
      throw payload_too_large(
          fmt::format("The event is too large: uncompressed it exceeds {} bytes.", event_bytes));
    }
    unpacked = std::move(*text);
    body = unpacked;
  } else if (!is_utf8) {
    unpacked = to_utf8(route.encoding, body);
    body = unpacked;
  }
  if (properties.is_embedded(target.format)) {
    body = properties.embed(event, target.format, body, embedded);
  }
  Slot& slot = slot_of(target);
  try {
    size_t rows = add(slot.parser, target.format, body);
    count(slot, slot.memory + rows * target.row_bytes + body.size());
  } catch (const Error&) {
    // The rows are gone, but not what they took.
    count(slot, slot.parser.memory_bytes());
    throw;
  }
  slot.bytes += event.body.size();
}

size_t EventIngester::State::add(ingest::BatchParser& parser, ingest::Format format,
                                 std::string_view body) const {
  size_t rows = parser.add(body);
  if (rows > 1 && properties.is_embedded(format) && SystemProperties::needs_single_record(format)) {
    parser.undo();
    throw bad_request(
        fmt::format("The event holds {} records; system properties are embedded in delimited text "
                    "of a single one.",
                    rows));
  }
  return rows;
}

void EventIngester::State::count(Slot& slot, size_t memory) {
  if (memory <= slot.memory) return;
  row_bytes += memory - slot.memory;
  slot.memory = memory;
}

void EventIngester::State::fail(const Event& event, const Target& target, const Error& error) {
  ++batch.failed_events;
  row_bytes += kFailureBytes + event.body.size();
  if (dead_letters) {
    dead_letters->add({event, connection.name, topic, target.database, target.table, error});
  }
  EventBatch::Failure& failure = batch.failures.emplace_back();
  failure.outcome = {target.database,  target.table, target.format_name, target.mapping_name, 0,
                     event.body.size()};
  activity::IngestionFailure& told = failure.failure;
  told.operation_id = operation_id;
  told.database = target.database;
  told.table = target.table;
  told.failed_on = batch.started;
  told.source_path =
      fmt::format("kafka://{}/{}/{}/{}", connection.name, topic, event.partition, event.offset);
  told.error = error.kind();
  told.details = valid_utf8(error.message());
  told.is_permanent = error.is_permanent();
  told.operation_kind = "DataConnection";
  told.ingestion_properties = R"({"format":)";
  append_json_string(told.ingestion_properties, target.format_name);
  if (!target.mapping_name.empty()) {
    told.ingestion_properties += R"(,"ingestionMappingReference":)";
    append_json_string(told.ingestion_properties, target.mapping_name);
  }
  told.ingestion_properties += '}';
}

void EventIngester::State::finish() {
  for (Slot& slot : slots) {
    size_t rows = slot.parser.row_count();
    if (rows == 0) continue;
    const Target& target = *slot.target;
    batch.rows += rows;
    batch.outcomes.push_back(
        {target.database, target.table, target.format_name, target.mapping_name, rows, slot.bytes});
    store::Append append = slot.parser.finish();
    if (target.tags.empty()) {
      batch.appends.push_back(std::move(append));
    } else {
      auto table = catalog->find_table(append.table);
      batch.tagged.push_back({std::move(table), std::move(append), target.tags});
    }
  }
  slots.clear();
  if (!dead_letters) return;
  if (auto append = dead_letters->finish()) batch.appends.push_back(std::move(*append));
}

EventIngester::EventIngester(Connection connection, ingest::TargetCache& targets,
                             activity::StreamingStatistics& statistics,
                             activity::FailureLog& failures, const Clock& clock)
    : statistics_(statistics),
      failures_(failures),
      state_(std::make_unique<State>(std::move(connection), targets, clock)) {}

EventIngester::~EventIngester() = default;

EventBatch EventIngester::ingest(std::string_view topic, std::span<const Event> events,
                                 const std::shared_ptr<const catalog::Catalog>& catalog) {
  State& state = *state_;
  state.begin(topic, catalog);
  EventBatch& batch = state.batch;
  size_t limit = kRowBytesPerByte * state.settings.max_batch_bytes;
  while (batch.events < events.size() &&
         (batch.events == 0 || (state.row_bytes <= limit && state.extents < kMaxExtents))) {
    const Event& event = events[batch.events++];
    if (batch.held.empty() || !batch.held.contains(event.partition)) state.take(event);
  }
  state.finish();
  return std::move(batch);
}

void EventIngester::record(const EventBatch& batch) {
  Ticks now = state_->clock.now();
  auto outcome_of = [&](const EventBatch::Outcome& of) {
    activity::StreamingOutcome outcome;
    outcome.database = of.database;
    outcome.table = of.table;
    outcome.principal = state_->principal;
    outcome.format = of.format;
    outcome.mapping_name = of.mapping_name;
    outcome.started = batch.started;
    outcome.ended = now;
    outcome.data_size = of.bytes;
    outcome.row_count = of.rows;
    return outcome;
  };
  for (const EventBatch::Outcome& of : batch.outcomes) statistics_.record(outcome_of(of));
  for (const EventBatch::Failure& of : batch.failures) {
    activity::StreamingOutcome outcome = outcome_of(of.outcome);
    outcome.error = of.failure.error;
    outcome.error_message = of.failure.details;
    outcome.is_permanent = of.failure.is_permanent;
    outcome.activity_id = of.failure.operation_id;
    statistics_.record(outcome);
    failures_.record(of.failure);
  }
}

ingest::Ingestion ingestion_of(EventBatch& batch, store::Store& store) {
  ingest::Ingestion ingestion(store, std::move(batch.catalog));
  for (store::Append& rows : batch.appends) ingestion.add(std::move(rows));
  batch.appends.clear();
  for (EventBatch::Tagged& tagged : batch.tagged) {
    ingestion.add(*tagged.table, std::move(tagged.append), {.tags = std::move(tagged.tags)});
  }
  batch.tagged.clear();
  return ingestion;
}

}  // namespace rivulet::sources
