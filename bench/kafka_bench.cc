// What a data connection does with a Kafka topic: how fast it stores the events that are there already, into
// one table and, by a header, into very many; what a bare consumer, which only counts, needs for the same
// topic in the same run; and how long an event takes from the producer's call until a query shows it.
//
// `tests/kafka/broker.py build/bench/kafka_bench` brings a broker and names it in KAFKA_BROKERS; the server
// is started here, anew for each figure. --help lists what can be chosen. Events are JSON of 200 bytes, beside a header of about ten. Prints
// one JSON object.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>

#include "sources/kafka_handle.h"
#include "support/load.h"
#include "support/machine.h"

namespace rivulet::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kEventBytes = 200;

struct Options {
  std::string brokers;
  std::string server = "build/rivulet";
  std::string data = ".";
  std::string only;
  uint64_t events = 1'000'000;
  int tables = 10'000;
  double rate = 1000;
  double seconds = 10;
  bool is_awake = false;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

using sources::KafkaHandle;
using Kafka = KafkaHandle<rd_kafka_t, rd_kafka_destroy>;
using Settings = std::vector<std::pair<const char*, std::string>>;

void check(rd_kafka_resp_err_t error, std::string_view what) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error(fmt::format("{}: {}", what, rd_kafka_err2str(error)));
}

Kafka connect(rd_kafka_type_t type, const Settings& settings) {
  char why[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK)
      throw std::runtime_error(why);
  }
  Kafka client(rd_kafka_new(type, conf, why, sizeof why));
  if (client == nullptr) throw std::runtime_error(why);
  return client;
}

// An event of 200 bytes.
std::string event(uint64_t id, int partition) {
  std::string text = fmt::format(
      R"({{"Timestamp":"2026-01-01T{:02}:{:02}:{:02}.{:07}Z","Id":{},"Partition":{},"Device":"device-{}","Value":{:.3f},"State":")",
      id / 3600 % 24, id / 60 % 60, id % 60, id % 10'000'000, id, partition, id % 1000,
      static_cast<double>(id % 100'000) * 0.001);
  text.append(kEventBytes - text.size() - 2, static_cast<char>('a' + id % 26));
  return text + "\"}";
}
constexpr const char* kSchema =
    "(Timestamp:datetime, Id:long, Partition:int, Device:string, Value:real, State:string)";

class Producer {
 public:
  explicit Producer(const Options& options, const char* linger_ms)
      : client_(connect(RD_KAFKA_PRODUCER, {{"bootstrap.servers", options.brokers},
                                            {"linger.ms", linger_ms},
                                            {"batch.num.messages", "10000"},
                                            {"queue.buffering.max.messages", "1000000"}})) {}

  void create_topic(const std::string& topic, int partitions) {
    char why[512];
    KafkaHandle<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy> wanted(
        rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, why, sizeof why));
    if (wanted == nullptr) throw std::runtime_error(why);
    KafkaHandle<rd_kafka_queue_t, rd_kafka_queue_destroy> queue(rd_kafka_queue_new(client_.get()));
    rd_kafka_NewTopic_t* topics[] = {wanted.get()};
    rd_kafka_CreateTopics(client_.get(), topics, 1, nullptr, queue.get());
    KafkaHandle<rd_kafka_event_t, rd_kafka_event_destroy> answer(
        rd_kafka_queue_poll(queue.get(), 30'000));
    if (answer == nullptr) throw std::runtime_error("the broker does not answer");
    check(rd_kafka_event_error(answer.get()), topic);
    size_t count = 0;
    const auto** results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(answer.get()), &count);
    for (size_t i = 0; i < count; ++i) check(rd_kafka_topic_result_error(results[i]), topic);
  }

  void send(const std::string& topic, int partition, const std::string& body,
            const std::string& table) {
    while (true) {
      auto error = rd_kafka_producev(
          client_.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
          RD_KAFKA_V_VALUE(const_cast<char*>(body.data()), body.size()),
          RD_KAFKA_V_HEADER("Table", table.data(), static_cast<ssize_t>(table.size())),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
      rd_kafka_poll(client_.get(), error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 50 : 0);
      if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) continue;
      check(error, topic);
      return;
    }
  }

  void flush() { check(rd_kafka_flush(client_.get(), 120'000), "events do not reach the broker"); }

 private:
  Kafka client_;
};

// Reads the topic from its beginning as a member of a new group, and counts; seconds from nothing to the
// last event.
double consume_bare(const Options& options, const std::string& topic, uint64_t events) {
  auto start = Clock::now();
  Kafka client =
      connect(RD_KAFKA_CONSUMER, {{"bootstrap.servers", options.brokers},
                                  {"group.id", fmt::format("bare-{}-{}", topic, getpid())},
                                  {"enable.auto.commit", "false"},
                                  {"auto.offset.reset", "earliest"}});
  check(rd_kafka_poll_set_consumer(client.get()), topic);
  KafkaHandle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy> topics(
      rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  check(rd_kafka_subscribe(client.get(), topics.get()), topic);
  KafkaHandle<rd_kafka_queue_t, rd_kafka_queue_destroy> queue(
      rd_kafka_queue_get_consumer(client.get()));
  std::vector<rd_kafka_message_t*> messages(10'000);
  for (uint64_t seen = 0; seen < events;) {
    if (seconds_since(start) > 600) throw std::runtime_error("the topic does not end");
    ssize_t count =
        rd_kafka_consume_batch_queue(queue.get(), 100, messages.data(), messages.size());
    for (ssize_t i = 0; i < count; ++i) {
      seen += messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
      rd_kafka_message_destroy(messages[i]);
    }
  }
  double seconds = seconds_since(start);
  rd_kafka_consumer_close(client.get());
  return seconds;
}

// A server of its own, and commands and queries to it.
class Target {
 public:
  explicit Target(const Options& options)
      : options_(options),
        server_(options.server,
                std::filesystem::path(options.data) / fmt::format("kafka_bench.{}", getpid())),
        client_(Address{.port = server_.port()}) {}

  std::string command(const std::string& text) {
    return client_.ask_successfully(query_request("/v1/rest/mgmt", text));
  }
  // The one number that a query answers with.
  uint64_t number(const std::string& query) {
    std::string answer = client_.ask_successfully(query_request("/v2/rest/query", query));
    return after(answer, R"("TableKind":"PrimaryResult")");
  }
  // Events stored by the connection, failed ones too.
  uint64_t stored_events() {
    return after(command(".show data-connections | project Events"), R"("Rows")");
  }

  // Events0, Events1, …
  void create_tables(int count) {
    constexpr int kAtOnce = 500;
    for (int done = 0; done < count;) {
      std::string text = ".create tables ";
      for (int end = std::min(done + kAtOnce, count); done < end; ++done)
        text += fmt::format("{}Events{} {}", text.ends_with(' ') ? "" : ", ", done, kSchema);
      command(text);
    }
  }

  // In a group of its own: without a name for it, each connection has one.
  void connect_topic(const std::string& topic, bool is_routed) {
    command(fmt::format(
        ".create data-connection Bench kind=kafka ('{}') with (topic='{}', format='json', "
        "retrievalStartDate='earliest', {})",
        options_.brokers, topic, is_routed ? "routing=true" : "table='Events0'"));
  }

  double cpu_seconds() const { return server_.cpu_seconds(); }
  uint64_t resident_bytes() const { return server_.resident_bytes(); }

 private:
  // The first number in brackets behind `mark`: [[123]].
  static uint64_t after(const std::string& answer, std::string_view mark) {
    size_t begin = answer.find("[[", answer.find(mark));
    if (begin == std::string::npos) return 0;
    return std::strtoull(answer.c_str() + begin + 2, nullptr, 10);
  }

  const Options& options_;
  OwnServer server_;
  Client client_;
};

// Stores the whole topic; seconds from the command that makes the connection until all is visible.
std::string store_topic(const Options& options, const std::string& topic, bool is_routed,
                        double bare_rate) {
  Target target(options);
  target.create_tables(is_routed ? options.tables : 1);
  double cpu = target.cpu_seconds();
  auto start = Clock::now();
  target.connect_topic(topic, is_routed);
  while (target.stored_events() < options.events) {
    if (seconds_since(start) > 600) throw std::runtime_error("the connection does not get on");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  double seconds = seconds_since(start);
  cpu = target.cpu_seconds() - cpu;
  auto events = static_cast<double>(options.events);
  // The tables say themselves what they have: the first of them here.
  uint64_t rows = target.number("Events0 | count");
  if (is_routed ? rows == 0 : rows != options.events)
    throw std::runtime_error(fmt::format("{} rows are in Events0", rows));
  return fmt::format(
      R"({{"events_per_second":{:.0f},"of_bare":{:.2f},"seconds":{:.2f},"server_cpu_us":{:.2f},"resident_mb":{}}})",
      events / seconds, events / seconds / bare_rate, seconds, cpu / events * 1e6,
      target.resident_bytes() >> 20);
}

std::string throughput(const Options& options, int partitions) {
  std::string topic = fmt::format("bench-{}-{}", partitions, getpid());
  auto start = Clock::now();
  {
    Producer producer(options, "20");
    producer.create_topic(topic, partitions);
    std::minstd_rand random(1);
    for (uint64_t i = 0; i < options.events; ++i) {
      int partition = static_cast<int>(i % static_cast<uint64_t>(partitions));
      producer.send(topic, partition, event(i, partition),
                    fmt::format("Events{}", random() % static_cast<uint64_t>(options.tables)));
    }
    producer.flush();
  }
  auto events = static_cast<double>(options.events);
  double filled = seconds_since(start);
  double before = events / consume_bare(options, topic, options.events);
  std::string one = store_topic(options, topic, false, before);
  std::string many = store_topic(options, topic, true, before);
  double after = events / consume_bare(options, topic, options.events);
  return fmt::format(
      R"({{"produce":{{"events_per_second":{:.0f}}},"bare":{{"events_per_second":{:.0f},"again_at_the_end":{:.0f}}},)"
      R"("one_table":{},"many_tables":{}}})",
      events / filled, before, after, one, many);
}

// Events at a steady rate into one partition, and a query for the newest of them again and again: an event
// is visible when the answer that first shows it has arrived.
std::string latency(const Options& options) {
  std::string topic = fmt::format("bench-latency-{}", getpid());
  Producer producer(options, "0");
  producer.create_topic(topic, 1);
  Target target(options);
  target.create_tables(1);
  target.connect_topic(topic, false);
  auto newest = [&] { return target.number("Events0 | summarize coalesce(max(Id), 0)"); };
  auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  // The first events wait for the consumer group: they are not measured.
  auto first = static_cast<uint64_t>(options.rate);
  auto end = first + static_cast<uint64_t>(options.rate * options.seconds);
  for (uint64_t i = 0; i < first; ++i) producer.send(topic, 0, event(i, 0), "Events0");
  while (newest() + 1 < first) pause();

  std::vector<std::atomic<Clock::time_point>> produced(end);
  auto start = Clock::now();
  auto sender = std::async(std::launch::async, [&] {
    for (uint64_t i = first; i < end; ++i) {
      std::chrono::duration<double> due(static_cast<double>(i - first) / options.rate);
      std::this_thread::sleep_until(start + std::chrono::duration_cast<Clock::duration>(due));
      produced[i] = Clock::now();
      producer.send(topic, 0, event(i, 0), "Events0");
    }
  });
  Histogram times;
  Histogram queries;
  auto add = [](Histogram& histogram, Clock::duration time) {
    histogram.add(
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count()));
  };
  for (uint64_t next = first; next < end; pause()) {
    if (seconds_since(start) > options.seconds + 60)
      throw std::runtime_error("events do not become visible");
    auto asked = Clock::now();
    uint64_t visible = newest();
    auto answered = Clock::now();
    add(queries, answered - asked);
    for (; next <= visible; ++next) add(times, answered - produced[next].load());
  }
  sender.get();
  return fmt::format(
      R"({{"events_per_second":{:.0f},"p50_ms":{:.2f},"p99_ms":{:.2f},"max_ms":{:.2f},"query_p50_ms":{:.2f},)"
      R"("query_p99_ms":{:.2f}}})",
      options.rate, times.percentile_ms(0.5), times.percentile_ms(0.99), times.percentile_ms(1),
      queries.percentile_ms(0.5), queries.percentile_ms(0.99));
}

void run(const Options& options) {
  std::optional<AwakeCores> awake;
  if (options.is_awake) awake.emplace();
  fmt::print(R"({{"cores":{},"events":{},"event_bytes":{},"tables":{})",
             std::thread::hardware_concurrency(), options.events, kEventBytes, options.tables);
  for (int partitions : {1, 8, 64}) {
    if (!options.only.empty() && options.only != std::to_string(partitions)) continue;
    fmt::print(",\n \"partitions: {}\":{}", partitions, throughput(options, partitions));
    std::fflush(stdout);
  }
  if (options.only.empty() || options.only == "latency")
    fmt::print(",\n \"visible after\":{}", latency(options));
  fmt::print("}}\n");
}

}  // namespace
}  // namespace rivulet::bench

int main(int argc, char** argv) {
  rivulet::bench::Options options;
  CLI::App app("What a data connection does with a Kafka topic");
  app.add_option("--brokers", options.brokers, "HOST:PORT; tests/kafka/broker.py brings one")
      ->envname("KAFKA_BROKERS")
      ->required();
  app.add_option("--server", options.server, "The program")->capture_default_str();
  app.add_option("--data", options.data, "Folder for its data")->capture_default_str();
  app.add_option("--only", options.only, "1, 8, 64 or latency");
  app.add_option("--events", options.events)->capture_default_str();
  app.add_option("--tables", options.tables)->capture_default_str();
  app.add_option("--rate", options.rate, "Events a second, for latency")->capture_default_str();
  app.add_option("--seconds", options.seconds, "For latency")->capture_default_str();
  app.add_option("--awake", options.is_awake, "yes keeps the cores from sleeping");
  CLI11_PARSE(app, argc, argv);
  try {
    rivulet::bench::run(options);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "kafka_bench: {}\n", error.what());
    return 1;
  }
}
