#include "sources/event_batch.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "kusto/kusto_error.h"
#include "store/testing/store_fixture.h"
#include "types/text.h"

namespace rivulet::sources {
namespace {

using ingest::Format;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::string_literals;

using CatalogPtr = std::shared_ptr<const catalog::Catalog>;

// "a:long,b:string" as columns.
std::vector<catalog::ColumnDef> columns_of(std::string_view schema) {
  std::vector<catalog::ColumnDef> columns;
  while (!schema.empty()) {
    size_t end = std::min(schema.find(','), schema.size());
    std::string_view column = schema.substr(0, end);
    size_t colon = column.find(':');
    columns.push_back({static_cast<uint32_t>(columns.size() + 1),
                       std::string(column.substr(column.find_first_not_of(' '),
                                                 colon - column.find_first_not_of(' '))),
                       *parse_scalar_type(column.substr(colon + 1)), ""});
    schema.remove_prefix(std::min(end + 1, schema.size()));
  }
  return columns;
}

class EventIngesterTest : public ::testing::Test {
 protected:
  EventIngesterTest() {
    put_database(1, "db");
    settings_.table = "T";
  }

  void put_database(catalog::DatabaseId id, std::string name) {
    catalog_ = catalog_->apply(catalog::PutDatabase{id, Guid{1, id}, std::move(name), "", {}, {}});
  }
  void put_table(catalog::TableId id, std::string name, std::string_view schema,
                 std::vector<catalog::IngestionMapping> mappings = {},
                 catalog::DatabaseId database = 1) {
    catalog::Table table;
    table.id = id;
    table.database_id = database;
    table.guid = Guid{2, id};
    table.name = std::move(name);
    table.columns = columns_of(schema);
    table.next_column_id = static_cast<uint32_t>(table.columns.size() + 1);
    table.mappings = std::move(mappings);
    catalog_ = catalog_->apply(catalog::PutTable{std::move(table)});
  }

  // Keeps the texts.
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  Event& add(std::string body, std::vector<std::pair<std::string, std::string>> properties = {},
             int32_t partition = 0) {
    Event& event = events_.emplace_back();
    event.partition = partition;
    event.offset = next_offset_++;
    event.enqueued = *parse_datetime("2026-01-02T03:04:05.6Z");
    event.body = keep(std::move(body));
    for (auto& [name, value] : properties) {
      event.properties.push_back({keep(std::move(name)), keep(std::move(value))});
    }
    return event;
  }

  // What the events that were added come to; each row as "table: a, b".
  EventBatch run() {
    if (!ingester_) {
      ingester_.emplace(EventIngester::Connection{Guid{3, 3}, "db", "conn", settings_}, cache_,
                        statistics_, failures_, clock_);
    }
    EventBatch batch = ingester_->ingest("topic", events_, catalog_);
    ingester_->record(batch);
    rows_.clear();
    for (const store::Append& append : batch.appends) {
      for (size_t row = 0; row < append.rows->row_count(); ++row) {
        std::string& text = rows_.emplace_back(catalog_->find_table(append.table)->name + ":");
        for (size_t i = 0; i < append.rows->column_count(); ++i) {
          text += ' ';
          append_cell_json(text, append.rows->column(i).view(), row);
        }
      }
    }
    events_.clear();
    return batch;
  }
  // The last failure.
  std::string failure() const {
    auto failures = failures_.list();
    if (failures.empty()) return "";
    return std::string(kusto_error(*failures[0].error).code) + ": " + failures[0].details;
  }

  store::testing::TestClock clock_;
  ingest::TargetCache cache_;
  activity::StreamingStatistics statistics_;
  activity::FailureLog failures_;
  ConnectionSettings settings_;
  CatalogPtr catalog_ = std::make_shared<catalog::Catalog>();
  std::optional<EventIngester> ingester_;
  std::deque<std::string> texts_;
  std::vector<Event> events_;
  std::vector<std::string> rows_;
  int64_t next_offset_ = 100;
};

TEST_F(EventIngesterTest, EventsWithoutPropertiesGoToTheTableOfTheConnection) {
  put_table(1, "T", "a:long,b:string");
  add(R"({"a":1,"b":"x"})");
  add(R"([{"a":2},{"a":3,"b":"y"}])", {{"Table", "Other"}});  // routing is off
  EventBatch batch = run();
  EXPECT_THAT(rows_, ElementsAre("T: 1 \"x\"", "T: 2 \"\"", "T: 3 \"y\""));
  EXPECT_EQ(batch.appends.size(), 1u);
  EXPECT_EQ(batch.events, 2u);
  EXPECT_EQ(batch.rows, 3u);
  EXPECT_EQ(batch.failed_events, 0u);

  auto windows = statistics_.windows();
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_EQ(windows[0].table, "T");
  EXPECT_EQ(windows[0].principal, "dataconnection=conn");
  EXPECT_EQ(windows[0].format, "multijson");
  EXPECT_EQ(windows[0].total_rows, 3u);
  EXPECT_EQ(windows[0].total_size, 40u);
}

TEST_F(EventIngesterTest, PropertiesRoute) {
  settings_.is_routed = true;
  put_table(1, "T", "a:long,b:string");
  put_table(2, "U", "a:long,b:string",
            {{"csv", "m", R"([{"column":"a","Ordinal":1},{"column":"b","Ordinal":0}])"}});
  add(R"({"a":1})");
  add("x,2\ny,3\n", {{"table", "U"}, {"FORMAT", "CSV"}, {"ingestionmappingreference", "m"}});
  add("4,z", {{"Table", "U"},
              {"Format", "csv"},
              {"unknown", "U"},
              {"Encoding", "UTF-8"},
              {"Tags", "[ ]"}});
  add(R"({"a":5})", {{"Database", "db"}, {"Table", ""}});
  EventBatch batch = run();
  EXPECT_THAT(rows_,
              ElementsAre("T: 1 \"\"", "U: 2 \"x\"", "U: 3 \"y\"", "U: 4 \"z\"", "T: 5 \"\""));
  EXPECT_EQ(batch.failed_events, 0u);
}

TEST_F(EventIngesterTest, PropertiesOfAmqpAndJsonAreUnderstood) {
  settings_.is_routed = true;
  put_table(1, "Events", "a:long");
  add(R"({"a":1})", {{"Table",
                      "\xA1\x06"
                      "Events"s}});
  add(R"({"a":2})", {{"Table",
                      "\xB1\0\0\0\x06"
                      "Events"s}});
  add(R"({"a":3})", {{"Table",
                      "\xA3\x06"
                      "Events"s}});
  add(R"({"a":4})", {{"Table", "\"Events\""}});
  EXPECT_EQ(run().rows, 4u);
  // Sizes that are wrong.
  add(R"({"a":1})", {{"Table",
                      "\xA1\x05"
                      "Events"s}});
  add(R"({"a":1})", {{"Table", "\xB1\0"s}});
  EXPECT_EQ(run().failed_events, 2u);
}

TEST_F(EventIngesterTest, OtherDatabasesNeedLeave) {
  settings_.is_routed = true;
  put_database(2, "other");
  put_table(1, "T", "a:long");
  put_table(2, "T2", "a:long", {}, 2);
  auto routed = [&] { return add(R"({"a":1})", {{"Database", "other"}, {"Table", "T2"}}); };
  routed();
  EXPECT_EQ(run().failed_events, 1u);
  EXPECT_THAT(failure(), HasSubstr("databaseRouting='Multi'"));
  EXPECT_THAT(rows_, IsEmpty());

  ingester_.reset();
  settings_.may_route_to_other_databases = true;
  routed();
  run();
  EXPECT_THAT(rows_, ElementsAre("T2: 1"));
}

TEST_F(EventIngesterTest, WhatCannotBeIngestedStopsNoOther) {
  settings_.is_routed = true;
  put_table(1, "T", "a:long,b:string");
  add(R"({"a":1,"b":"a text of more than twelve bytes"})");
  add(R"({"a":2,"b":"a text of more than twelve bytes"},)");
  add("");
  add("[]");
  add(R"({"a":3})", {{"Table", "Missing"}});
  add(R"({"a":3})", {{"IngestionMappingReference", "missing"}});
  add(R"({"a":3})", {{"Format", "avro"}});
  add(R"({"a":3})", {{"Encoding", "../none"}});
  add(R"({"a":3})", {{"Compression", "zip"}});
  add(R"({"a":3})", {{"Tags", "drop-by:x"}});
  add(R"({"a":3})", {{"Table", std::string(10'000, 'x')}});
  add(R"({"a":4})");
  EventBatch batch = run();
  EXPECT_THAT(rows_, ElementsAre("T: 1 \"a text of more than twelve bytes\"", "T: 4 \"\""));
  EXPECT_EQ(batch.failed_events, 10u);
  EXPECT_EQ(batch.events, 12u);
  EXPECT_TRUE(batch.held.empty());

  auto failures = failures_.list();  // newest first
  ASSERT_EQ(failures.size(), 10u);
  EXPECT_EQ(failures[9].source_path, "kafka://conn/topic/0/101");
  EXPECT_EQ(failures[9].error, ErrorKind::kUnexpectedCharacter);
  EXPECT_EQ(failures[9].operation_kind, "DataConnection");
  EXPECT_EQ(failures[9].ingestion_properties, R"({"format":"multijson"})");
  EXPECT_TRUE(failures[9].is_permanent);
  EXPECT_EQ(failures[8].error, ErrorKind::kNoRecords);
  EXPECT_EQ(failures[7].error, ErrorKind::kNoRecords);
  EXPECT_EQ(failures[6].error, ErrorKind::kTableNotFound);
  EXPECT_EQ(failures[6].table, "Missing");
  EXPECT_EQ(failures[5].error, ErrorKind::kMappingNotFound);
  EXPECT_EQ(failures[5].ingestion_properties,
            R"({"format":"multijson","ingestionMappingReference":"missing"})");
  EXPECT_EQ(failures[4].error, ErrorKind::kFormatNotSupported);
  EXPECT_THAT(failures[3].details, HasSubstr("'../none'"));
  EXPECT_THAT(failures[2].details, HasSubstr("'zip'"));
  EXPECT_THAT(failures[1].details,
              HasSubstr("Tags must be a JSON array of strings, and is drop-by:x"));
  EXPECT_THAT(failures[0].details, HasSubstr("too long"));

  auto counted = statistics_.failures();
  uint64_t count = 0;
  for (const auto& entry : counted) count += entry.count;
  EXPECT_EQ(count, 10u);
}

TEST_F(EventIngesterTest, APartitionWaitsForItsTarget) {
  settings_.is_routed = true;
  settings_.on_missing_target = MissingTarget::kHold;
  put_table(1, "T", "a:long");
  add(R"({"a":1})", {}, 0);
  int64_t held = add(R"({"a":2})", {{"Table", "Later"}}, 0).offset;
  add(R"({"a":3})", {}, 0);
  add(R"({"a":4})", {}, 1);
  add("{", {}, 1);  // faulty, not missing
  std::vector<Event> events = events_;
  EventBatch batch = run();
  EXPECT_THAT(rows_, ElementsAre("T: 1", "T: 4"));
  EXPECT_EQ(batch.events, 5u);
  EXPECT_EQ(batch.failed_events, 1u);
  ASSERT_EQ(batch.held.size(), 1u);
  EXPECT_EQ(batch.held[0].offset, held);
  EXPECT_THAT(batch.held[0].reason, HasSubstr("Later"));

  put_table(2, "Later", "a:long");
  events_ = {events[1], events[2]};
  batch = run();
  EXPECT_TRUE(batch.held.empty());
  EXPECT_THAT(rows_, ElementsAre("Later: 2", "T: 3"));
}

TEST_F(EventIngesterTest, AnEventWithoutATableIsToldSo) {
  settings_.is_routed = true;
  settings_.table = "";
  add(R"({"a":1})");
  EXPECT_EQ(run().failed_events, 1u);
  EXPECT_THAT(failure(), HasSubstr("names no table"));
}

TEST_F(EventIngesterTest, FollowsTheCatalog) {
  put_table(1, "T", "a:long");
  auto ingest_one = [&] {
    add(R"({"a":1,"b":"x"})");
    run();
    return rows_;
  };
  EXPECT_THAT(ingest_one(), ElementsAre("T: 1"));
  put_table(1, "T", "a:long,b:string");
  EXPECT_THAT(ingest_one(), ElementsAre("T: 1 \"x\""));
  catalog_ = catalog_->apply(catalog::DropTable{1});
  EXPECT_THAT(ingest_one(), IsEmpty());
}

TEST_F(EventIngesterTest, CompressedBodies) {
  // `{"a":7}` by gzip.
  const std::string packed =
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\x54\xb2\x32\xaf\x05\x00\x29\x0b\x41\x00\x07\x00\x00\x00"s;
  settings_.is_routed = true;
  put_table(1, "T", "a:long");
  add(packed, {{"Compression", "GZip"}});
  add(packed.substr(0, 20), {{"Compression", "GZip"}});
  add(R"({"a":8})", {{"Compression", "GZip"}});
  add(R"({"a":9})", {{"Compression", "None"}});
  add(packed, {{"Compression", "gzip"}, {"Encoding", "utf-16"}});
  EXPECT_EQ(run().failed_events, 3u);
  EXPECT_THAT(rows_, ElementsAre("T: 7", "T: 9"));

  ingester_.reset();
  settings_.is_routed = false;
  settings_.is_gzip = true;
  settings_.max_queued_bytes = 6;
  add(packed);
  EXPECT_EQ(run().failed_events, 1u);
  EXPECT_THAT(failure(), HasSubstr("exceeds 6 bytes"));
}

TEST_F(EventIngesterTest, EncodedBodies) {
  settings_.is_routed = true;
  put_table(1, "T", "a:string,b:string");
  auto add_csv = [&](std::string body, std::string encoding) {
    add(std::move(body), {{"Format", "csv"}, {"Encoding", std::move(encoding)}});
  };
  add_csv(
      "\xFF\xFE"
      "a\0,\0\xAC\x20"s,
      "utf-16");  // with its byte order mark
  add_csv("\0b\0,\x20\xAC"s, "unicodeFFFE");
  add_csv("c,\x80", "Windows-1252");
  add_csv("d,\x82\xA0", "shift_jis");
  add_csv("e\0,\0f"s, "Unicode");  // half a character at the end
  add_csv(std::string(1, 'f'), "UTF-8");
  EXPECT_EQ(run().failed_events, 0u);
  EXPECT_THAT(rows_, ElementsAre("T: \"a\" \"€\"", "T: \"b\" \"€\"", "T: \"c\" \"€\"",
                                 "T: \"d\" \"あ\"", "T: \"e\" \"\uFFFD\"", "T: \"f\" \"\""));
  for (std::string_view name : {"none", "utf-16,version=1", "/etc/passwd", "UTF-16LE,swaplfnl"}) {
    add_csv("g", std::string(name));
    EXPECT_EQ(run().failed_events, 1u) << name;
    EXPECT_THAT(failure(), HasSubstr("'" + std::string(name) + "' is not known"));
  }
}

TEST_F(EventIngesterTest, SystemPropertiesInJson) {
  settings_.is_routed = true;
  auto known = known_system_properties();
  settings_.event_system_properties.assign(known.begin(), known.end());
  put_table(
      1, "T",
      "a:long,x-opt-enqueued-time:datetime,x-opt-sequence-number:long,x-opt-offset:string,"
      "x-opt-publisher:string,x-opt-partition-key:string,kafka-key:string,kafka-partition:int,"
      "kafka-timestamp:datetime");
  Event& event = add("\xEF\xBB\xBF [ {\"a\":1}, {\"a\":2} ]", {{"x-opt-publisher", "me"}}, 5);
  event.key = "a \"key\"";
  add("{ }", {{"x-opt-partition-key", "\xA1\x02pk"}}, 6).key = "k";
  run();
  EXPECT_THAT(
      rows_,
      ElementsAre(
          R"(T: 1 "2026-01-02T03:04:05.6Z" 100 "100" "me" "a \"key\"" "a \"key\"" 5 "2026-01-02T03:04:05.6Z")",
          R"(T: 2 null null "" "" "" "" null null)",
          R"(T: null "2026-01-02T03:04:05.6Z" 101 "101" "" "pk" "k" 6 "2026-01-02T03:04:05.6Z")"));

  // By mappings, in both forms of the path.
  put_table(2, "U", "a:long,t:datetime,o:string,all:dynamic",
            {{"json", "m",
              R"([{"column":"a","path":"$.a"},{"column":"t","path":"$.x-opt-enqueued-time"},
                  {"column":"o","path":"$.['x-opt-offset']"},{"column":"all","path":"$"}])"}});
  ingester_.reset();
  settings_.event_system_properties = {"x-opt-enqueued-time", "x-opt-offset"};
  add(R"({"a":1})", {{"Table", "U"}, {"Format", "json"}, {"IngestionMappingReference", "m"}});
  add("7", {{"Table", "U"}, {"Format", "json"}});
  add("", {{"Table", "U"}, {"Format", "json"}});
  EXPECT_EQ(run().failed_events, 2u);
  EXPECT_THAT(
      rows_,
      ElementsAre(
          R"(U: 1 "2026-01-02T03:04:05.6Z" "102" {"x-opt-enqueued-time":"2026-01-02T03:04:05.6000000Z","x-opt-offset":"102","a":1})"));
}

TEST_F(EventIngesterTest, SystemPropertiesInDelimitedText) {
  settings_.is_routed = true;
  settings_.event_system_properties = {"kafka-key", "x-opt-publisher", "x-opt-offset"};
  put_table(1, "T", "k:string,p:string,o:long,a:long,b:string");
  for (std::string_view format : {"csv", "tsv", "psv", "scsv", "sohsv", "tsve"}) {
    char delimiter = ingest::delimiter(ingest::parse_format(format));
    add("\xEF\xBB\xBF\r\n1"s + delimiter + "x\r\n", {{"Format", std::string(format)}}).key =
        "a\"\t\n\\,;|b";
  }
  run();
  for (size_t i = 0; i < rows_.size(); ++i) {
    EXPECT_EQ(rows_[i], R"(T: "a\"\t\n\\,;|b" "" )" + std::to_string(100 + i) + " 1 \"x\"");
  }
  EXPECT_EQ(rows_.size(), 6u);

  add("1,x\n2,y\n", {{"Format", "csv"}});
  add("3,z\n", {{"Format", "csv"}});
  add("\n\n", {{"Format", "csv"}});
  add("text\n", {{"Format", "txt"}});  // nothing is embedded
  EXPECT_EQ(run().failed_events, 2u);
  EXPECT_THAT(rows_, ElementsAre("T: \"\" \"\" 107 3 \"z\"", "T: \"text\" \"\" null null \"\""));
}

TEST_F(EventIngesterTest, FailedEventsAreKept) {
  settings_.is_routed = true;
  settings_.dead_letter_table = "Dead";
  put_table(1, "T", "a:long");
  put_table(2, "Dead", dead_letter_schema());
  Event& event = add("{", {{"Table", "T"}, {"other", "\xA1\x01x"}}, 3);
  event.key = "key";
  add("\xff{", {{"Table", "no\xffne"}});
  add(R"({"a":1})");
  EventBatch batch = run();
  EXPECT_EQ(batch.rows, 1u);
  EXPECT_EQ(batch.failed_events, 2u);
  ASSERT_EQ(rows_.size(), 3u);
  EXPECT_EQ(rows_[0], "T: 1");
  EXPECT_THAT(
      rows_[1],
      HasSubstr(
          R"(Dead: "2026-01-02T03:04:05.6Z" "conn" "topic" 3 100 "key" {"Table":"T","other":"x"} "db" "T" "{" "utf-8" "BadRequest_UnexpectedCharacterInInputStream" "Invalid JSON)"));
  EXPECT_THAT(rows_[2],
              HasSubstr("\"no\xEF\xBF\xBDne\" \"/3s=\" \"base64\" \"BadRequest_TableNotExist\""));

  // What the table has of the columns is filled; a table of something else takes nothing.
  put_table(2, "Dead", "Body:string,Offset:string,Partition:int,x:long");
  add("{");
  run();
  EXPECT_THAT(rows_, ElementsAre("Dead: 0 \"{\""));
  put_table(2, "Dead", "body:string,Offset:string");
  add("{");
  EXPECT_EQ(run().failed_events, 1u);
  EXPECT_THAT(rows_, IsEmpty());
  catalog_ = catalog_->apply(catalog::DropTable{2});
  add("{");
  EXPECT_EQ(run().failed_events, 1u);
}

TEST_F(EventIngesterTest, ABatchEndsBeforeItsRowsTakeTooMuch) {
  std::string schema;
  for (int i = 0; i < 500; ++i) schema += (i == 0 ? "c" : ",c") + std::to_string(i) + ":long";
  put_table(1, "T", schema);
  settings_.max_batch_bytes = 100'000;
  settings_.max_queued_bytes = 10'000'000;
  for (int i = 0; i < 1'000; ++i) add("{}");
  std::vector<Event> events = events_;
  size_t batches = 0, rows = 0;
  while (!events.empty()) {
    events_ = events;
    EventBatch batch = run();
    EXPECT_EQ(batch.rows, batch.events);
    EXPECT_GE(batch.events, 1u);
    events.erase(events.begin(), events.begin() + static_cast<ptrdiff_t>(batch.events));
    rows += batch.rows;
    ++batches;
  }
  EXPECT_EQ(rows, 1'000u);
  EXPECT_GT(batches, 5u);
  EXPECT_LT(batches, 20u);

  // One event that takes more than all may.
  std::string body;
  for (int i = 0; i < 10'000; ++i) body += "{}";
  add(body);
  add("{}");
  EventBatch batch = run();
  EXPECT_EQ(batch.failed_events, 1u);
  EXPECT_EQ(batch.events, 1u);
  EXPECT_THAT(failure(), HasSubstr("more memory"));
}

TEST_F(EventIngesterTest, WhatFailedRowsTookCounts) {
  settings_.is_routed = true;
  settings_.max_batch_bytes = 100'000;
  std::string body;
  for (int i = 0; i < 20'000; ++i) body += "{}";
  body += "{";
  for (catalog::TableId id = 1; id <= 10; ++id) {
    std::string name = "T" + std::to_string(id);
    put_table(id, name, "a:long,b:long,c:long");
    add(body, {{"Table", name}});
  }
  EventBatch batch = run();
  EXPECT_EQ(batch.events, 1u);
  EXPECT_EQ(batch.failed_events, 1u);
}

// Through a store, with its own catalog.
class StoredEventsTest : public ::testing::Test {
 protected:
  StoredEventsTest() {
    connection_.settings.table = "T";
    connection_.settings.is_routed = true;
    connection_.settings.dead_letter_table = "Dead";
  }

  EventBatch store_events(std::vector<Event> events) {
    EventIngester ingester(connection_, cache_, statistics_, failures_, clock_);
    EventBatch batch = ingester.ingest("topic", events, store_->catalog());
    store_->commit(std::move(ingestion_of(batch, *store_).transaction()));
    ingester.record(batch);
    return batch;
  }
  std::shared_ptr<const store::TableSnapshot> snapshot(const catalog::Table& table) {
    return store_->snapshot(std::vector<catalog::TableId>{table.id})->table(table.id);
  }

  TemporaryDirectory directory_;
  store::testing::TestClock clock_;
  std::unique_ptr<store::Store> store_ = store::Store::open(
      store::testing::small_options(directory_.path()), posix_file_system(), clock_);
  std::shared_ptr<const catalog::Table> table_ = store::testing::create_table(*store_, "T");
  std::shared_ptr<const catalog::Table> dead_ =
      store::testing::create_table(*store_, "Dead", {{"Body", ScalarType::kString}});
  ingest::TargetCache cache_;
  activity::StreamingStatistics statistics_;
  activity::FailureLog failures_;
  EventIngester::Connection connection_{Guid{3, 3}, "NetDefaultDB", "conn", {}};
};

TEST_F(StoredEventsTest, WithWhatFailed) {
  std::vector<Event> events(4);
  events[0].body = R"({"id":1,"text":"one"}{"id":2})";
  events[1].body = "3";
  events[1].properties = {{"Format", "csv"}};
  events[2].body = "{";
  events[3].body = R"({"id":4})";
  store_events(events);
  EXPECT_THAT(store::testing::all_ids(*store_, table_->id), ElementsAre(1, 2, 3, 4));
  ASSERT_EQ(snapshot(*dead_)->chunks().size(), 1u);
  EXPECT_EQ(snapshot(*dead_)->chunks()[0].row_count, 1u);
  EXPECT_EQ(failures_.list().size(), 1u);
}

TEST_F(StoredEventsTest, WithTags) {
  std::vector<Event> events(5);
  const char* const tags[] = {"['a','drop-by:b']", "", R"(["c"])", "['a','drop-by:b']", "[]"};
  std::vector<std::string> bodies;
  for (size_t i = 0; i < events.size(); ++i) {
    bodies.push_back("{\"id\":" + std::to_string(i) + "}");
    events[i].properties = {{"Tags", tags[i]}};
  }
  for (size_t i = 0; i < events.size(); ++i) events[i].body = bodies[i];
  EventBatch batch = store_events(events);
  EXPECT_EQ(batch.rows, 5u);
  EXPECT_THAT(store::testing::all_ids(*store_, table_->id), ElementsAre(0, 1, 2, 3, 4));
  auto extents = snapshot(*table_)->extents();
  ASSERT_EQ(extents.size(), 2u);
  EXPECT_THAT(extents[0]->tags, ElementsAre("a", "drop-by:b"));
  EXPECT_EQ(store::testing::extent_rows(*table_, *extents[0]).size(), 2u);
  EXPECT_THAT(extents[1]->tags, ElementsAre("c"));

  // A batch makes a limited number of extents.
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back("['" + std::to_string(i) + "']");
  events.assign(100, events[0]);
  for (size_t i = 0; i < events.size(); ++i) events[i].properties = {{"Tags", many[i]}};
  EXPECT_EQ(store_events(events).events, 16u);
}

}  // namespace
}  // namespace rivulet::sources
