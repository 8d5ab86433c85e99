// The server under load, seen from outside: streaming ingestion of single rows into some and into very many
// tables, and of 1 MB bodies; small queries while nothing and while rows flow; whether a row is visible as
// soon as it is acknowledged; what very many small tables and a long log cost. What the disk and the parser
// do bare is measured in the same run, and the processor time of a request on both sides.
//
// Without --url it starts build/rivulet with its data in a new folder under --data (default: here), and
// removes that at the end. --help lists what can be chosen. Prints one JSON object.
#include <unistd.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>

#include "ingest/ingest.h"
#include "support/load.h"
#include "support/machine.h"
#include "support/telemetry.h"

namespace rivulet::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string url;
  std::string server = "build/rivulet";
  std::string data = ".";
  std::string only;
  int connections = 64;
  int tables = 100;
  double seconds = 5;
  double rate = 0;
  bool is_awake = false;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Address parse_url(const std::string& url) {
  std::string rest = url.substr(url.find("://") + 3);
  Address address;
  address.host = rest.substr(0, rest.find(':'));
  if (address.host == "localhost") address.host = "127.0.0.1";
  address.port = static_cast<uint16_t>(std::atoi(rest.substr(rest.find(':') + 1).c_str()));
  return address;
}

std::string csv_row(uint64_t i) {
  return fmt::format("2026-01-01T{:02}:{:02}:{:02}.{:07}Z,device-{},{},{:.3f},state {}\n",
                     i / 3600 % 24, i / 60 % 60, i % 60, i % 10'000'000, i % 1000, i,
                     static_cast<double>(i) * 0.001, i % 7);
}

// About a megabyte.
std::string large_body(ingest::Format format) {
  return telemetry(format, format == ingest::Format::kCsv ? 10'000 : 4'600);
}

class Bench {
 public:
  Bench(const Options& options, const Address& address, const OwnServer* server)
      : options_(options), address_(address), server_(server) {}

  // Tables Load0, Load1, … of five columns.
  void create_tables(int count) {
    constexpr int kAtOnce = 500;
    Client client(address_);
    for (int done = 0; done < count;) {
      std::string command = ".create-merge tables ";
      for (int end = std::min(done + kAtOnce, count); done < end; ++done) {
        command += fmt::format(
            "{}Load{} (Timestamp:datetime, Device:string, Sequence:long, Value:real, State:string)",
            command.ends_with(' ') ? "" : ", ", done);
      }
      client.ask_successfully(query_request("/v1/rest/mgmt", command));
    }
  }

  std::string single_rows(double seconds) {
    return rows_into_tables(options_.tables, {.seconds = seconds});
  }

  // One row to each of the tables in turn, 5 times a second or at the rate of the options.
  std::string rows_at_rate() {
    double rate = options_.rate > 0 ? options_.rate : 5.0 * options_.tables;
    return rows_into_tables(options_.tables, {.seconds = options_.seconds, .rate = rate});
  }

  std::string large_bodies(ingest::Format format) {
    const char* name = format == ingest::Format::kCsv ? "csv" : "json";
    Client client(address_);
    client.ask_successfully(query_request(
        "/v1/rest/mgmt", fmt::format(".create-merge table Large_{} {}", name, telemetry_schema())));
    std::string body = large_body(format);
    std::string request = post(
        fmt::format("/v1/rest/ingest/NetDefaultDB/Large_{}?streamFormat={}", name, name), body);
    Load load{.connections = 4, .seconds = options_.seconds};
    load.make = [&](int, uint64_t) -> const std::string& { return request; };
    return run(load, std::count(body.begin(), body.end(), '\n'));
  }

  std::string small_queries(int connections, double seconds) {
    std::string request = query_request(
        "/v2/rest/query", "Load1 | where Device == 'device-1' | summarize count(), max(Value)");
    Load load{.connections = connections, .seconds = seconds};
    load.make = [&](int, uint64_t) -> const std::string& { return request; };
    return run(load, 1);
  }

  // One query on each of a thousand of the tables, picked at random.
  std::string random_table_queries() {
    constexpr uint64_t kQueries = 1000;
    std::minstd_rand random(1);
    std::string request;
    Load load{.connections = 1, .requests = kQueries};
    load.make = [&](int, uint64_t) -> const std::string& {
      request = query_request("/v2/rest/query",
                              fmt::format("Load{} | summarize count(), max(Value) by Device",
                                          random() % options_.tables));
      return request;
    };
    return run(load, 1);
  }

  // A row is written over one connection and, once acknowledged, sought over another.
  std::string visibility() {
    Client writer(address_);
    Client reader(address_);
    writer.ask_successfully(query_request("/v1/rest/mgmt", ".create-merge table Seen (Id:long)"));
    uint64_t misses = 0;
    uint64_t rows = 0;
    auto start = Clock::now();
    int64_t base = std::chrono::system_clock::now().time_since_epoch().count();
    for (; seconds_since(start) < options_.seconds; ++rows) {
      int64_t id = base + static_cast<int64_t>(rows);
      writer.ask_successfully(
          post("/v1/rest/ingest/NetDefaultDB/Seen?streamFormat=csv", fmt::format("{}\n", id)));
      std::string answer = reader.ask_successfully(
          query_request("/v2/rest/query", fmt::format("Seen | where Id == {} | count", id)));
      if (answer.find(R"("Rows":[[1]])") == std::string::npos) ++misses;
    }
    return fmt::format(R"({{"rows":{},"misses":{}}})", rows, misses);
  }

  // --tables tables, and ten rows in each, one row a request.
  std::string many_tables(OwnServer& server) {
    uint64_t before = server.resident_bytes();
    auto start = Clock::now();
    create_tables(options_.tables);
    double created = seconds_since(start);
    Load load;
    load.requests = uint64_t{10} * static_cast<uint64_t>(options_.tables);
    std::string rows = rows_into_tables(options_.tables, load);
    double filled = seconds_since(start);
    std::this_thread::sleep_for(std::chrono::seconds(2));
    uint64_t after = server.resident_bytes();
    std::string out = fmt::format(
        R"({{"tables":{},"create_seconds":{:.1f},"total_seconds":{:.1f},"resident_mb_before":{},"resident_mb":{},)"
        R"("bytes_per_table":{},"files":{},"rows":{}}})",
        options_.tables, created, filled, before >> 20, after >> 20,
        (after - before) / static_cast<uint64_t>(options_.tables), server.file_count(), rows);
    return out;
  }

  // Large bodies until the log has had `bytes` of them.
  void fill_log(uint64_t bytes) {
    Client client(address_);
    client.ask_successfully(
        query_request("/v1/rest/mgmt", ".create-merge table Filled " + telemetry_schema()));
    std::string body = large_body(ingest::Format::kCsv);
    std::string request = post("/v1/rest/ingest/NetDefaultDB/Filled?streamFormat=csv", body);
    for (uint64_t done = 0; done < bytes; done += body.size()) client.ask_successfully(request);
  }

 private:
  std::string rows_into_tables(int tables, Load load) {
    if (requests_.empty()) {
      int count = std::max(tables, 1000);
      for (int i = 0; i < count; ++i) {
        requests_.push_back(
            post(fmt::format("/v1/rest/ingest/NetDefaultDB/Load{}?streamFormat=csv", i % tables),
                 csv_row(static_cast<uint64_t>(i))));
      }
    }
    load.connections = options_.connections;
    // All tables in turn, whatever connections do.
    load.make = [this](int, uint64_t) -> const std::string& {
      return requests_[next_request_++ % requests_.size()];
    };
    return run(load, 1);
  }

  std::string run(const Load& load, int64_t rows_per_request) {
    double cpu = server_ != nullptr ? server_->cpu_seconds() : 0;
    LoadResult result = drive(address_, load);
    if (server_ != nullptr) cpu = server_->cpu_seconds() - cpu;
    auto requests = static_cast<double>(result.requests);
    auto microseconds = [&](double seconds) { return seconds / std::max(requests, 1.0) * 1e6; };
    // Where in the run its stalls were.
    std::string seconds = load.rate > 0 ? fmt::format(R"(,"longest_ms_by_second":[{:.0f}])",
                                                      fmt::join(result.longest_ms, ","))
                                        : "";
    return fmt::format(
        R"({{"requests":{},"failures":{},"seconds":{:.2f},"requests_per_second":{:.0f},)"
        R"("rows_per_second":{:.0f},"megabytes_per_second":{:.2f},"p50_ms":{:.3f},"p99_ms":{:.3f},)"
        R"("max_ms":{:.3f},"server_cpu_us":{:.1f},"generator_cpu_us":{:.1f}{}}})",
        result.requests, result.failures, result.seconds, requests / result.seconds,
        requests * static_cast<double>(rows_per_request) / result.seconds,
        static_cast<double>(result.bytes) / 1e6 / result.seconds, result.latency.percentile_ms(0.5),
        result.latency.percentile_ms(0.99), result.latency.percentile_ms(1), microseconds(cpu),
        microseconds(result.generator_cpu_seconds), seconds);
  }

  const Options& options_;
  const Address& address_;
  const OwnServer* server_;
  std::vector<std::string> requests_;
  size_t next_request_ = 0;
};

// The parser alone, on one thread, over the bytes that the server gets.
double bare_parser_megabytes_per_second(ingest::Format format) {
  std::string body = large_body(format);
  auto mapping = ingest::compile_mapping(format, "", *telemetry_table());
  auto start = Clock::now();
  uint64_t bytes = 0;
  for (; seconds_since(start) < 1; bytes += body.size()) {
    ingest::parse(body, *mapping, {.format = format});
  }
  return static_cast<double>(bytes) / 1e6 / seconds_since(start);
}

void run(const Options& options) {
  std::filesystem::path folder =
      std::filesystem::path(options.data) / fmt::format("load_bench.{}", getpid());
  std::unique_ptr<OwnServer> own;
  if (options.url.empty()) own = std::make_unique<OwnServer>(options.server, folder);
  Address address;
  if (own) {
    address.port = own->port();
  } else {
    address = parse_url(options.url);
  }
  std::optional<AwakeCores> awake;
  if (options.is_awake) awake.emplace();

  Bench bench(options, address, own.get());
  std::string out =
      fmt::format(R"({{"cores":{},"connections":{},"tables":{})",
                  std::thread::hardware_concurrency(), options.connections, options.tables);
  auto add = [&](std::string_view name, const std::string& value) {
    out += fmt::format(",\n \"{}\":{}", name, value);
  };
  auto is_named = [&](std::string_view name) { return options.only == name; };
  auto is_wanted = [&](std::string_view name) { return options.only.empty() || is_named(name); };

  DiskFigures disk = measure_disk(options.data);
  add("disk",
      fmt::format(
          R"({{"syncs_per_second":{:.0f},"sync_p50_ms":{:.3f},"megabytes_per_second":{:.0f}}})",
          disk.syncs_per_second, disk.sync_p50_ms, disk.megabytes_per_second));
  if (is_named("many_tables") && own) {
    add("many_tables", bench.many_tables(*own));
    add("queries_on_random_tables", bench.random_table_queries());
    add("restart_seconds", fmt::format("{:.2f}", own->restart(false)));
    add("restart_after_kill_seconds", fmt::format("{:.2f}", own->restart(true)));
    address.port = own->port();
    add("queries_on_random_tables_after_restart",
        Bench(options, address, own.get()).random_table_queries());
    add("resident_mb_after_restart", fmt::format("{}", own->resident_bytes() >> 20));
  } else if (is_named("log_replay") && own) {
    constexpr uint64_t kBytes = uint64_t{1} << 30;
    bench.fill_log(kBytes);
    add("restart_after_1_gib_seconds", fmt::format("{:.2f}", own->restart(true)));
  } else {
    bench.create_tables(options.tables);
  }
  if (is_wanted("single_rows")) {
    bench.single_rows(0.5);
    add("single_rows", bench.single_rows(options.seconds));
  }
  if (is_named("rate")) add("rows_at_rate", bench.rows_at_rate());
  for (ingest::Format format : {ingest::Format::kCsv, ingest::Format::kJson}) {
    std::string name(ingest::format_name(format));
    if (!is_wanted(name)) continue;
    add("bare_parser_" + name + "_megabytes_per_second",
        fmt::format("{:.0f}", bare_parser_megabytes_per_second(format)));
    add(name + "_megabytes", bench.large_bodies(format));
  }
  if (is_wanted("queries")) {
    add("small_queries", bench.small_queries(1, options.seconds));
    add("small_queries_8_connections", bench.small_queries(8, options.seconds));
  }
  if (is_wanted("mixed")) {
    std::string queries;
    std::thread asker([&] { queries = bench.small_queries(1, options.seconds); });
    std::string rows = bench.single_rows(options.seconds);
    asker.join();
    add("single_rows_beside_queries", rows);
    add("small_queries_beside_rows", queries);
  }
  if (is_wanted("visibility")) add("visible_when_acknowledged", bench.visibility());
  fmt::print("{}}}\n", out);
}

}  // namespace
}  // namespace rivulet::bench

int main(int argc, char** argv) {
  rivulet::bench::Options options;
  CLI::App app("The server under load, seen from outside");
  app.add_option("--url", options.url, "A server that runs already; else one is started");
  app.add_option("--server", options.server, "The program")->capture_default_str();
  app.add_option("--data", options.data, "Folder for its data")->capture_default_str();
  app.add_option("--only", options.only,
                 "single_rows, csv, json, queries, mixed, visibility; and those that run only when "
                 "they are named: rate, many_tables, log_replay");
  app.add_option("--connections", options.connections)->capture_default_str();
  app.add_option("--tables", options.tables)->capture_default_str();
  app.add_option("--seconds", options.seconds)->capture_default_str();
  app.add_option("--rate", options.rate, "Rows a second, of rate; 5 for each table by default");
  app.add_option("--awake", options.is_awake, "yes keeps the cores from sleeping");
  CLI11_PARSE(app, argc, argv);
  try {
    rivulet::bench::run(options);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "load_bench: {}\n", error.what());
    return 1;
  }
}
