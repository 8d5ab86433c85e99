#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

namespace rivulet::sources::testing {

// A Kafka cluster inside the client library, that fails on request, and a producer for it.
class MockCluster {
 public:
  explicit MockCluster(int brokers = 1);
  ~MockCluster();
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;

  std::string brokers() const;
  // For the functions of rdkafka_mock.h.
  rd_kafka_mock_cluster_t* operator*() const { return cluster_; }

  void create_topic(const std::string& topic, int partitions);
  using Headers = std::vector<std::pair<std::string, std::string>>;
  void produce(const std::string& topic, int32_t partition, std::string_view body,
               const Headers& headers = {});
  // Returns when the broker has everything; throws when that takes a minute.
  void flush();

  // The group's offset of the partition; -1: none.
  int64_t committed(const std::string& group, const std::string& topic, int32_t partition);

 private:
  rd_kafka_t* producer_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

}  // namespace rivulet::sources::testing
