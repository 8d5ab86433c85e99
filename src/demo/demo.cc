#include "demo/demo.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <future>
#include <optional>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "client/http_client.h"
#include "client/result_printer.h"
#include "commands/text.h"
#include "demo/host_metrics.h"
#include "demo/kafka_producer.h"
#include "types/text.h"

namespace rivulet::demo {
namespace {

std::atomic<bool> is_interrupted{false};

class Demo {
 public:
  explicit Demo(const DemoArguments& arguments) : arguments_(arguments) {
    for (size_t i = 0; i < kConnections; ++i)
      clients_.emplace_back(arguments.server, arguments.token);
    if (!arguments.kafka.empty()) connect_kafka();
  }

  void run() {
    auto begin = std::chrono::steady_clock::now();
    auto next_sample = begin;
    auto next_report = begin + std::chrono::seconds(arguments_.report_seconds);
    while (!is_interrupted) {
      std::vector<MetricRow> rows = metrics_.sample(system_clock().now());
      create_tables(rows);
      if (kafka_) {
        send_events(rows);
      } else {
        send(rows);
      }
      if (std::chrono::steady_clock::now() >= next_report) {
        report();
        next_report += std::chrono::seconds(arguments_.report_seconds);
      }
      if (arguments_.seconds > 0 &&
          std::chrono::steady_clock::now() - begin > std::chrono::seconds(arguments_.seconds)) {
        break;
      }
      next_sample =
          std::max(next_sample + std::chrono::seconds(1), std::chrono::steady_clock::now());
      while (!is_interrupted && std::chrono::steady_clock::now() < next_sample) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
    if (kafka_) kafka_->flush();
    fmt::print("{} rows were {} {} tables.\n", sent_rows_,
               kafka_ ? "sent as events for" : "streamed into", tables_.size());
  }

 private:
  static constexpr size_t kConnections = 4;
  static constexpr const char* kDataConnection = "RivuletDemo";
  static constexpr const char* kTopic = "rivulet-demo";
  static constexpr int kPartitions = 4;

  client::HttpAnswer ask(std::string_view target, const std::string& text) {
    std::string body = "{\"db\":";
    append_json_string(body, arguments_.database);
    body += ",\"csl\":";
    append_json_string(body, text);
    body += '}';
    client::HttpAnswer answer =
        clients_[0].post(target, body, {{"Content-Type", "application/json"}});
    if (answer.status != 200) throw client::ClientError(client::error_text(answer));
    return answer;
  }

  // From now on the server reads the topic, and each event says itself which table it is for.
  void connect_kafka() {
    kafka_.emplace(arguments_.kafka, kTopic, kPartitions);
    ask("/v1/rest/mgmt",
        fmt::format(
            ".create-or-alter data-connection {} kind=kafka ({}) with (topic='{}', format='csv', "
            "routing=true, onMissingTarget='hold')",
            kDataConnection, commands::quoted_string(arguments_.kafka), kTopic));
  }

  void create_tables(const std::vector<MetricRow>& rows) {
    size_t known = tables_.size();
    for (const MetricRow& row : rows) {
      if (tables_.contains(row.table)) continue;
      ask("/v1/rest/mgmt",
          fmt::format(".create-merge table {} {} with (folder='demo')", row.table, row.schema));
      tables_.insert(row.table);
    }
    if (known == 0)
      fmt::print(
          "Streaming a row a second into each of {} tables of {}{}.\n", tables_.size(),
          arguments_.server,
          kafka_ ? fmt::format(" through the topic {} of {}", kTopic, arguments_.kafka) : "");
    std::fflush(stdout);
  }

  // Each row is a request of its own: what a hundred small sources would send.
  void send(const std::vector<MetricRow>& rows) {
    std::vector<std::future<void>> senders;
    for (size_t first = 0; first < kConnections; ++first) {
      senders.push_back(std::async(std::launch::async, [&, first] {
        for (size_t i = first; i < rows.size(); i += kConnections) {
          std::string target =
              fmt::format("/v1/rest/ingest/{}/{}?streamFormat=csv",
                          client::percent_encode(arguments_.database), rows[i].table);
          client::HttpAnswer answer = clients_[first].post(target, rows[i].csv);
          if (answer.status != 200)
            throw client::ClientError(
                fmt::format("{}: {}", rows[i].table, client::error_text(answer)));
          ++sent_rows_;
        }
      }));
    }
    for (auto& sender : senders) sender.get();
  }

  void send_events(const std::vector<MetricRow>& rows) {
    for (const MetricRow& row : rows) kafka_->send(row.table, row.csv);
    sent_rows_ += rows.size();
  }

  std::string union_of(std::string_view kind) {
    std::string names;
    for (const std::string& table : tables_) {
      if (!table.starts_with(kind)) continue;
      names += names.empty() ? "" : ", ";
      names += table;
    }
    return names.empty() ? "" : "union withsource=Table " + names;
  }

  void show(const std::string& query) {
    if (query.empty()) return;
    bool is_command = query.starts_with('.');
    client::HttpAnswer answer = ask(is_command ? "/v1/rest/mgmt" : "/v2/rest/query", query);
    client::Answer parsed(answer.body);
    for (const client::Answer::Table& table : parsed.results())
      fmt::print("{}\n", as_text_table(table));
  }

  void report() {
    fmt::print("\n");
    show(
        union_of("") +
        " | where Timestamp > ago(10s) | summarize Tables=dcount(Table), RowsOfTenSeconds=count(), "
        "Newest=max(Timestamp)");
    show(union_of("Cpu_") +
         " | where Timestamp > ago(10s) | summarize arg_max(Timestamp, UserPercent, SystemPercent, "
         "IdlePercent) "
         "by Table | order by Table asc");
    if (std::string processes = union_of("Process_"); !processes.empty()) {
      show(processes +
           " | where Timestamp > ago(10s) | summarize Cpu=round(avg(CpuPercent), 1), "
           "ResidentMB=max(ResidentBytes)/1048576, Newest=max(Timestamp) by ProcessId, Name | top "
           "5 by Cpu desc");
    }
    if (kafka_) {
      show(fmt::format(
          ".show data-connections | where Name == '{}' | project Name, State, Lag, Rows, "
          "RowsPerSecond, LastError",
          kDataConnection));
    }
    std::fflush(stdout);
  }

  const DemoArguments& arguments_;
  std::vector<client::HttpClient> clients_;
  std::optional<KafkaProducer> kafka_;
  HostMetrics metrics_;
  std::set<std::string> tables_;
  std::atomic<uint64_t> sent_rows_{0};
};

}  // namespace

int run_demo(const DemoArguments& arguments) {
  std::signal(SIGINT, [](int) { is_interrupted = true; });
  std::signal(SIGTERM, [](int) { is_interrupted = true; });
  try {
    Demo(arguments).run();
    return 0;
  } catch (const std::exception& error) {
    if (is_interrupted) return 0;
    fmt::print(stderr, "rivulet demo: {}\n", error.what());
    return 1;
  }
}

}  // namespace rivulet::demo
