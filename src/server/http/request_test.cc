#include "server/http/request.h"

#include <gtest/gtest.h>

#include "common/error.h"
#include "server/http/gzip.h"
#include "server/http/response.h"
#include "server/http/router.h"
#include "server/http/target.h"
#include "server/http/worker_pool.h"
#include "server/rest/request_options.h"

#include <zlib.h>

#include <atomic>
#include <future>

namespace rivulet::server {
namespace {

using std::chrono::milliseconds;

TEST(Target, IsTakenLeniently) {
  Target target("//v1/rest//ingest/My%20Db/100%/?streamFormat=Csv&mappingName=a%2Fb+c");
  EXPECT_EQ(target.segments(), (std::vector<std::string>{"v1", "rest", "ingest", "My Db", "100%"}));
  EXPECT_EQ(target.parameter("STREAMFORMAT"), "Csv");
  EXPECT_EQ(target.parameter("mappingName"), "a/b c");
  EXPECT_EQ(target.parameter("sourceKind"), std::nullopt);
  EXPECT_EQ(Target("http://host:1/v2/rest/query?db=x").segments().size(), 3u);
  EXPECT_EQ(Target("http://host:1/v2/rest/query?db=x").authority(), "host:1");
  EXPECT_EQ(Target("http://host?csl=x").authority(), "host");
  EXPECT_EQ(Target("http://host?csl=x").parameter("csl"), "x");
  EXPECT_EQ(Target("/path").authority(), "");
  EXPECT_TRUE(Target("/").segments().empty());
  EXPECT_EQ(percent_decode("a+b%2", true), "a b%2");
}

TEST(Headers, AreFoundInAnyCase) {
  Request request;
  request.set_start_line("POST", "/x");
  request.add_header("Content-Type", "application/json");
  EXPECT_EQ(request.header("content-TYPE"), "application/json");
  EXPECT_EQ(request.header("accept"), "");
  EXPECT_EQ(request.method, Method::kPost);
}

TEST(Headers, ListItemsAndRefuseThemByQuality) {
  EXPECT_TRUE(header_lists("gzip,deflate", "gzip"));
  EXPECT_TRUE(header_lists("deflate, GZip ; q=0.5", "gzip"));
  EXPECT_FALSE(header_lists("gzip;q=0, deflate", "gzip"));
  EXPECT_FALSE(header_lists("gzip; q=0.000", "gzip"));
  EXPECT_FALSE(header_lists("x-gzip", "gzip"));
  EXPECT_FALSE(header_lists("", "gzip"));
}

TEST(QueryBody, TakesPropertiesAsTextOrObject) {
  constexpr std::string_view kObject =
      R"~({"Options":{"servertimeout":"00:00:30","notruncation":true},)~"
      R"~("Parameters":{"a":"int(1)","b":7}})~";
  constexpr std::string_view kText =
      R"~("{\"Options\":{\"servertimeout\":\"00:00:30\",\"notruncation\":\"true\"},)~"
      R"~(\"Parameters\":{\"a\":\"int(1)\",\"b\":7}}")~";
  for (std::string_view properties : {kObject, kText}) {
    QueryBody body = parse_query_body(R"({"db": "d", "csl": "T | count", "properties": )" +
                                      std::string(properties) + "}\n");
    EXPECT_EQ(body.database, "d");
    EXPECT_EQ(body.text, "T | count");
    EXPECT_EQ(body.options.properties.timeout, milliseconds(30'000));
    EXPECT_TRUE(body.options.properties.has_no_truncation);
    EXPECT_EQ(body.options.parameters.at("a"), "int(1)");
    EXPECT_EQ(body.options.parameters.at("b"), "7");
  }
}

TEST(QueryBody, IgnoresCaseUnknownNamesAndNulls) {
  QueryBody body = parse_query_body(
      R"({"DB":null,"CSL":"x","querySource":"schema","Properties":{"options":{"QUERY_TAKE_MAX_RECORDS":5,)"
      R"("additional":[1],"truncationmaxrecords":"7","results_progressive_enabled":true,"query_now":)"
      R"("1970-01-01T00:00:01Z"},"Parameters":null}})");
  EXPECT_EQ(body.database, "");
  EXPECT_EQ(body.options.properties.take_max_records, 5u);
  EXPECT_EQ(body.options.properties.max_records, 7u);
  EXPECT_TRUE(body.options.properties.is_progressive);
  EXPECT_EQ(body.options.properties.binding.now, kUnixEpochTicks + kTicksPerSecond);
  EXPECT_FALSE(body.options.properties.timeout.has_value());
  EXPECT_EQ(parse_query_body(R"({"csl":".show cluster"})").text, ".show cluster");
  EXPECT_EQ(parse_query_body(R"({"csl":"x","properties":null})").text, "x");
  EXPECT_EQ(parse_query_body(R"({"csl":"x","properties":""})").text, "x");
}

TEST(QueryBody, RefusesWhatIsNone) {
  EXPECT_THROW(parse_query_body(""), Error);
  EXPECT_THROW(parse_query_body("[]"), Error);
  EXPECT_THROW(parse_query_body(R"({"db":"x"})"), Error);
  EXPECT_THROW(parse_query_body(R"({"csl":1})"), Error);
  EXPECT_THROW(parse_query_body(R"({"csl":"x","properties":"{"})"), Error);
  EXPECT_THROW(parse_query_target(Target("/v1/rest/query?db=x")), Error);
}

TEST(QueryBody, ComesFromAUrlToo) {
  QueryBody body = parse_query_target(Target(
      "/v1/rest/"
      "query?db=My%20Db&csl=T%20%7C%20count&properties=%7B%22Options%22%3A%7B%22norequesttimeout%22"
      "%3Atrue%7D%7D"));
  EXPECT_EQ(body.database, "My Db");
  EXPECT_EQ(body.text, "T | count");
  EXPECT_TRUE(body.options.properties.has_no_timeout);
}

TEST(ServerTimeout, HasManySpellings) {
  EXPECT_EQ(kql::parse_server_timeout("00:04:00"), milliseconds(240'000));
  EXPECT_EQ(kql::parse_server_timeout("1.00:00:00"), milliseconds(86'400'000));
  EXPECT_EQ(kql::parse_server_timeout("0:03:00"), milliseconds(180'000));
  EXPECT_EQ(kql::parse_server_timeout("1 day, 2:00:00"), milliseconds(93'600'000));
  EXPECT_EQ(kql::parse_server_timeout("2 days, 0:00:01.500000"), milliseconds(172'801'500));
  EXPECT_EQ(kql::parse_server_timeout("50m"), milliseconds(3'000'000));
  EXPECT_EQ(kql::parse_server_timeout("30s"), milliseconds(30'000));
  EXPECT_EQ(kql::parse_server_timeout("00:00:20.123"), milliseconds(20'123));
  EXPECT_EQ(kql::parse_server_timeout("soon"), std::nullopt);
  EXPECT_EQ(kql::parse_server_timeout("-00:01:00"), std::nullopt);
}

TEST(QueryBody, RefusesOptionsOfAnotherType) {
  auto with = [](std::string_view option) {
    return R"({"csl":"x","properties":{"Options":{)" + std::string(option) + "}}}";
  };
  for (std::string_view wrong :
       {R"("servertimeout":"soon")", R"("servertimeout":"-00:01:00")", R"("notruncation":"maybe")",
        R"("truncationmaxrecords":-1)", R"("maxoutputcolumns":[1])", R"("query_now":"yesterday")",
        R"("query_language":"sql")", R"("query_datascope":"hotcache")",
        R"("query_cursor_scoped_tables":{"a":1})"}) {
    EXPECT_THROW(parse_query_body(with(wrong)), Error) << wrong;
  }
  for (std::string_view right :
       {R"("servertimeout":null)", R"("notruncation":"true")", R"("notruncation":1)",
        R"("truncationmaxrecords":"5")", R"~("query_now":"datetime(2020-01-01)")~",
        R"("queryconsistency":"weakconsistency")", R"("query_results_cache_max_age":"00:05:00")",
        R"("query_bin_auto_size":"1h")", R"("query_cursor_scoped_tables":["a"])",
        R"("additional":{"a":[1]})"}) {
    EXPECT_NO_THROW(parse_query_body(with(right))) << right;
  }
}

Request request_of(std::string_view method, std::string_view target) {
  Request request;
  request.set_start_line(method, target);
  request.add_header("Host", "localhost");
  request.add_header("Content-Type", "application/json");
  return request;
}

TEST(Router, FindsEndpoints) {
  Settings settings;
  Router router(settings);
  EXPECT_EQ(router.route(request_of("POST", "//v2/rest/query/")).endpoint, Endpoint::kQueryV2);
  EXPECT_EQ(router.route(request_of("GET", "/v1/rest/query?csl=x")).endpoint, Endpoint::kQueryV1);
  EXPECT_EQ(router.route(request_of("POST", "/v1/rest/mgmt")).endpoint, Endpoint::kCommand);
  EXPECT_EQ(router.route(request_of("GET", "/")).endpoint, Endpoint::kRoot);
  EXPECT_EQ(router.route(request_of("HEAD", "/healthz")).endpoint, Endpoint::kHealth);
  Route ingest = router.route(request_of("POST", "/v1/rest/ingest/d/t?streamFormat=csv"));
  EXPECT_EQ(ingest.endpoint, Endpoint::kIngest);
  EXPECT_EQ(ingest.body_limit, settings.ingestion_max_request_size);
  EXPECT_FALSE(ingest.refusal);
}

TEST(Router, RefusesWhatIsNotThereAndWrongMethods) {
  Settings settings;
  Router router(settings);
  EXPECT_EQ(router.route(request_of("GET", "/v3/rest/query")).refusal->kind(),
            ErrorKind::kPathNotFound);
  EXPECT_EQ(router.route(request_of("POST", "/v1/rest/ingest/d")).refusal->kind(),
            ErrorKind::kPathNotFound);
  EXPECT_EQ(router.route(request_of("GET", "/v1/rest/mgmt")).refusal->kind(),
            ErrorKind::kMethodNotAllowed);
  EXPECT_EQ(router.route(request_of("PUT", "/v1/rest/ingest/d/t")).refusal->kind(),
            ErrorKind::kMethodNotAllowed);
}

TEST(Router, AsksForATokenWhenThereIsOne) {
  Settings settings;
  settings.tokens = {"one", "two"};
  Router router(settings);
  EXPECT_EQ(router.route(request_of("POST", "/v2/rest/query")).refusal->kind(),
            ErrorKind::kUnauthorized);
  EXPECT_FALSE(router.route(request_of("GET", "/v1/rest/auth/metadata")).refusal);
  Request request = request_of("POST", "/v2/rest/query");
  request.add_header("authorization", "bearer two");
  EXPECT_FALSE(router.route(request).refusal);
  for (std::string_view header : {"Bearer tw", "Bearer twoo", "Basic two", "Bearer ", "two"}) {
    Request wrong = request_of("POST", "/v2/rest/query");
    wrong.add_header("Authorization", header);
    EXPECT_TRUE(router.route(wrong).refusal) << header;
  }
}

TEST(Router, AllowsConfiguredOrigins) {
  Settings settings;
  settings.cors_origins = {"https://a.example"};
  Router router(settings);
  Request request = request_of("OPTIONS", "/v2/rest/query");
  request.add_header("Origin", "https://a.example");
  request.add_header("Access-Control-Request-Method", "POST");
  EXPECT_EQ(router.route(request).endpoint, Endpoint::kPreflight);
  EXPECT_EQ(router.route(request).cors_origin, "https://a.example");
  Request other = request_of("POST", "/v2/rest/query");
  other.add_header("Origin", "https://b.example");
  EXPECT_EQ(router.route(other).cors_origin, "");
}

TEST(Response, HeadNamesTheRequest) {
  std::string out;
  HeadOptions head;
  head.content_type = "application/json";
  head.content_length = 2;
  append_head(out, head, {"abc;1", Guid{0x0123456789abcdef, 0xfedcba9876543210}}, "D");
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nDate: D\r\n"
            "x-ms-client-request-id: abc;1\r\n"
            "x-ms-activity-id: 01234567-89ab-cdef-fedc-ba9876543210\r\n\r\n");
  EXPECT_EQ(http_date(kUnixEpochTicks + 784'111'777 * kTicksPerSecond),
            "Sun, 06 Nov 1994 08:49:37 GMT");
}

std::string unzipped(const std::string& packed) {
  z_stream stream{};
  inflateInit2(&stream, 31);
  std::string out(1 << 22, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(Gzip, PiecesMakeOneStream) {
  GzipEncoder encoder;
  std::string packed;
  std::string all;
  for (int i = 0; i < 100; ++i) {
    std::string piece(static_cast<size_t>(i) * 301, static_cast<char>('a' + i % 26));
    all += piece;
    encoder.encode(piece, false, packed);
  }
  encoder.encode("", true, packed);
  EXPECT_EQ(unzipped(packed), all);
  EXPECT_EQ(unzipped(gzip("")), "");
  EXPECT_EQ(unzipped(gzip("hello")), "hello");
}

TEST(WorkerPool, RefusesBeyondItsQueue) {
  WorkerPool pool(1, 1, "query_concurrency");
  std::promise<void> release;
  std::shared_future<void> released(release.get_future());
  std::promise<void> begun;
  std::atomic<int> done{0};
  ASSERT_TRUE(pool.submit([&] {
    begun.set_value();
    released.wait();
    ++done;
  }));
  begun.get_future().wait();
  EXPECT_TRUE(pool.submit([&] { ++done; }));
  EXPECT_FALSE(pool.submit([&] { ++done; }));
  EXPECT_EQ(pool.waiting(), 1u);
  release.set_value();
  pool.stop();
  EXPECT_EQ(done, 2);
  EXPECT_FALSE(pool.submit([] {}));
}

TEST(WorkerPool, NoTaskIsForgottenAmongPausedOnes) {
  constexpr int kTasks = 20'000;
  std::atomic<int> done{0};
  std::promise<void> all;
  WorkerPool pool(2, 100'000, "query_concurrency", 50);
  for (int i = 0; i < kTasks; ++i) {
    ASSERT_TRUE(pool.submit([&] {
      { const WorkerPool::Pause pause(pool); }
      if (++done == kTasks) all.set_value();
    }));
  }
  // Ending the pool would wake everybody.
  EXPECT_EQ(all.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

TEST(WorkerPool, APausedTaskGivesItsPlaceToOthers) {
  WorkerPool pool(1, 10, "query_concurrency", 1);
  std::promise<void> release;
  std::shared_future<void> released(release.get_future());
  std::atomic<int> running{0}, most{0}, done{0};
  auto enter = [&] { most = std::max<int>(most, ++running); };
  std::promise<bool> granted;
  ASSERT_TRUE(pool.submit([&] {
    enter();
    {
      --running;
      const WorkerPool::Pause pause(pool);
      granted.set_value(pause.is_granted());
      released.wait();
    }
    enter();
    --running;
    ++done;
  }));
  EXPECT_TRUE(granted.get_future().get());
  std::promise<void> ran;
  ASSERT_TRUE(pool.submit([&] {
    enter();
    // No more than one may be paused.
    const WorkerPool::Pause pause(pool);
    EXPECT_FALSE(pause.is_granted());
    --running;
    ++done;
    ran.set_value();
  }));
  ran.get_future().wait();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(pool.submit([&] {
      enter();
      --running;
      ++done;
    }));
  }
  release.set_value();
  pool.stop();
  EXPECT_EQ(done, 7);
  EXPECT_EQ(most, 1);
}

}  // namespace
}  // namespace rivulet::server
