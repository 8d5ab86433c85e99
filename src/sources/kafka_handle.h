#pragma once

#include <memory>

namespace rivulet::sources {

// Owns an object of librdkafka, which `destroy` ends: KafkaHandle<rd_kafka_t, rd_kafka_destroy>.
template <auto destroy>
struct DestroyKafkaObject {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};
template <typename T, auto destroy>
using KafkaHandle = std::unique_ptr<T, DestroyKafkaObject<destroy>>;

}  // namespace rivulet::sources
