#include "sources/testing/mock_cluster.h"

#include <memory>
#include <stdexcept>

#include "sources/kafka_handle.h"

#ifdef __SANITIZE_THREAD__
#include <pthread.h>
#include <threads.h>

// The client library starts its threads so, and the thread sanitizer of g++ 12 knows only those of pthread_create:
// it crashes at the first allocation in another.
extern "C" int thrd_create(thrd_t* thread, thrd_start_t start, void* argument) {
  struct Start {
    thrd_start_t start;
    void* argument;
  };
  auto run = [](void* given) -> void* {
    std::unique_ptr<Start> start(static_cast<Start*>(given));
    start->start(start->argument);
    return nullptr;
  };
  auto given = std::make_unique<Start>(Start{start, argument});
  if (pthread_create(thread, nullptr, run, given.get()) != 0) return thrd_error;
  given.release();
  return thrd_success;
}
extern "C" int thrd_join(thrd_t thread, int* result) {
  if (result != nullptr) *result = 0;
  return pthread_join(thread, nullptr) == 0 ? thrd_success : thrd_error;
}
#endif

namespace rivulet::sources::testing {
namespace {

void check(rd_kafka_resp_err_t error) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(error));
}

rd_kafka_t* make_client(rd_kafka_type_t type,
                        const std::vector<std::pair<std::string, std::string>>& settings) {
  char message[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), message, sizeof message) !=
        RD_KAFKA_CONF_OK) {
      throw std::runtime_error(message);
    }
  }
  rd_kafka_t* client = rd_kafka_new(type, conf, message, sizeof message);
  if (client == nullptr) throw std::runtime_error(message);
  return client;
}

}  // namespace

MockCluster::MockCluster(int brokers) {
  producer_ = make_client(RD_KAFKA_PRODUCER, {{"test.mock.num.brokers", std::to_string(brokers)},
                                              {"linger.ms", "1"},
                                              {"enable.idempotence", "true"},
                                              {"log_level", "0"}});
  cluster_ = rd_kafka_handle_mock_cluster(producer_);
}

MockCluster::~MockCluster() {
  rd_kafka_destroy(producer_);
}

std::string MockCluster::brokers() const {
  return rd_kafka_mock_cluster_bootstraps(cluster_);
}

void MockCluster::create_topic(const std::string& topic, int partitions) {
  check(rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, 1));
}

void MockCluster::produce(const std::string& topic, int32_t partition, std::string_view body,
                          const Headers& headers) {
  rd_kafka_headers_t* list = rd_kafka_headers_new(headers.size());
  for (const auto& [name, value] : headers) {
    rd_kafka_header_add(list, name.c_str(), -1, value.data(), static_cast<ssize_t>(value.size()));
  }
  for (;;) {
    rd_kafka_resp_err_t error = rd_kafka_producev(
        producer_, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE(const_cast<char*>(body.data()), body.size()),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_headers_destroy(list);
      check(error);
    }
    rd_kafka_poll(producer_, 10);
  }
}

void MockCluster::flush() {
  check(rd_kafka_flush(producer_, 60'000));
}

int64_t MockCluster::committed(const std::string& group, const std::string& topic,
                               int32_t partition) {
  KafkaHandle<rd_kafka_t, rd_kafka_destroy> client(
      make_client(RD_KAFKA_CONSUMER,
                  {{"bootstrap.servers", brokers()}, {"group.id", group}, {"log_level", "0"}}));
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), partition);
  rd_kafka_resp_err_t error = rd_kafka_committed(client.get(), list, 10'000);
  int64_t offset = list->elems[0].offset;
  rd_kafka_topic_partition_list_destroy(list);
  check(error);
  return offset < 0 ? -1 : offset;
}

}  // namespace rivulet::sources::testing
