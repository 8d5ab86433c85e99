#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace rivulet::demo {

// Sends events to one topic of a Kafka broker, for the demo. Not thread-safe.
class KafkaProducer {
 public:
  // Makes the topic if it is not there. Throws ClientError when no broker answers or it refuses.
  KafkaProducer(const std::string& brokers, const std::string& topic, int partitions);
  ~KafkaProducer();

  // `table` goes along as the event's property of that name. Returns before the event is sent.
  void send(std::string_view table, std::string_view body);
  // Waits until the broker has every event. Throws ClientError when it does not within some seconds.
  void flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rivulet::demo
