#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/clock.h"

namespace rivulet::sources {

// One record of a partition, as fetched. The texts belong to whoever fetched it.
struct Event {
  struct Property {  // a Kafka header
    std::string_view name;
    std::string_view value;
  };

  int32_t partition = 0;
  int64_t offset = 0;
  Ticks enqueued = 0;  // the broker's timestamp
  std::string_view key;
  std::string_view body;
  std::vector<Property> properties;
};

}  // namespace rivulet::sources
