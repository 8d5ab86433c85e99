#include "demo/kafka_producer.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "client/http_client.h"
#include "sources/kafka_handle.h"

namespace rivulet::demo {
namespace {

using sources::KafkaHandle;

constexpr int kTimeoutMs = 10'000;

// Of the error that the client library reports last, for those of its calls that only say "timed out".
void on_error(rd_kafka_t*, int, const char* reason, void* last_error) {
  *static_cast<std::string*>(last_error) = reason;
}

}  // namespace

struct KafkaProducer::State {
  std::string brokers;
  std::string topic;
  std::string last_error;
  KafkaHandle<rd_kafka_t, rd_kafka_destroy> client;

  [[noreturn]] void fail(std::string_view what, std::string_view why) const {
    throw client::ClientError(fmt::format("{} at {}: {}.", what, brokers, why));
  }

  void connect() {
    char why[512];
    rd_kafka_conf_t* settings = rd_kafka_conf_new();
    auto set = [&](const char* name, const char* value) {
      if (rd_kafka_conf_set(settings, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(settings);
        fail("cannot use a Kafka broker", why);
      }
    };
    set("bootstrap.servers", brokers.c_str());
    set("enable.idempotence", "true");
    set("linger.ms", "5");
    set("log_level", "0");
    rd_kafka_conf_set_error_cb(settings, on_error);
    rd_kafka_conf_set_opaque(settings, &last_error);
    client.reset(rd_kafka_new(RD_KAFKA_PRODUCER, settings, why, sizeof why));
    if (client == nullptr) {
      rd_kafka_conf_destroy(settings);
      fail("cannot use a Kafka broker", why);
    }
  }

  void await_broker() {
    const rd_kafka_metadata_t* metadata = nullptr;
    rd_kafka_resp_err_t error = rd_kafka_metadata(client.get(), 0, nullptr, &metadata, kTimeoutMs);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_poll(client.get(), 0);
      fail("no Kafka broker answers", last_error.empty() ? rd_kafka_err2str(error) : last_error);
    }
    rd_kafka_metadata_destroy(metadata);
  }

  void create_topic(int partitions) {
    char why[512];
    KafkaHandle<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy> wanted(
        rd_kafka_NewTopic_new(topic.c_str(), partitions, -1, why, sizeof why));
    if (wanted == nullptr) fail(fmt::format("cannot create the topic {}", topic), why);
    KafkaHandle<rd_kafka_queue_t, rd_kafka_queue_destroy> queue(rd_kafka_queue_new(client.get()));
    rd_kafka_NewTopic_t* topics[] = {wanted.get()};
    rd_kafka_CreateTopics(client.get(), topics, 1, nullptr, queue.get());
    KafkaHandle<rd_kafka_event_t, rd_kafka_event_destroy> answer(
        rd_kafka_queue_poll(queue.get(), kTimeoutMs));
    const rd_kafka_CreateTopics_result_t* result =
        answer != nullptr ? rd_kafka_event_CreateTopics_result(answer.get()) : nullptr;
    if (result == nullptr)
      fail(fmt::format("cannot create the topic {}", topic), "no answer in time");
    size_t count = 0;
    const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(result, &count);
    rd_kafka_resp_err_t error =
        count > 0 ? rd_kafka_topic_result_error(results[0]) : rd_kafka_event_error(answer.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      fail(fmt::format("cannot create the topic {}", topic), rd_kafka_err2str(error));
    }
  }
};

KafkaProducer::KafkaProducer(const std::string& brokers, const std::string& topic, int partitions)
    : state_(std::make_unique<State>()) {
  state_->brokers = brokers;
  state_->topic = topic;
  state_->connect();
  state_->await_broker();
  state_->create_topic(partitions);
}

KafkaProducer::~KafkaProducer() = default;

void KafkaProducer::send(std::string_view table, std::string_view body) {
  rd_kafka_resp_err_t error = rd_kafka_producev(
      state_->client.get(), RD_KAFKA_V_TOPIC(state_->topic.c_str()),
      RD_KAFKA_V_KEY(table.data(), table.size()),
      RD_KAFKA_V_VALUE(const_cast<char*>(body.data()), body.size()),
      RD_KAFKA_V_HEADER("Table", table.data(), static_cast<ssize_t>(table.size())),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    state_->fail("cannot send an event to the broker", rd_kafka_err2str(error));
  rd_kafka_poll(state_->client.get(), 0);
}

void KafkaProducer::flush() {
  if (rd_kafka_flush(state_->client.get(), kTimeoutMs) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    state_->fail("events do not reach the broker",
                 state_->last_error.empty() ? "no answer in time" : state_->last_error);
  }
}

}  // namespace rivulet::demo
