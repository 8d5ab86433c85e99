#include "store/parts/clock_part.h"

#include <cassert>

namespace rivulet::store {

void ClockPart::begin_record(const RecordPlace& place) {
  if (place.time < newest_time_) {
    steps_.add(place.sequence - 1, newest_time_, place.time);
    is_changed_ = true;
    for (Part* part : parts_) part->set_back(place.time);
  }
  newest_time_ = place.time;
}

void ClockPart::bound_age(const ExtentView& extent) {
  bool is_ahead = extent.max_time > newest_time_ && extent.max_created == extent.max_time;
  if (!is_ahead || steps_.empty()) return;
  Ticks known = steps_.corrected(extent.max_time, extent.max_sequence, newest_time_);
  if (known > newest_time_) {
    steps_.add(extent.max_sequence, extent.max_time, newest_time_);
    is_changed_ = true;
  }
}

void ClockPart::apply(ItemKind /*kind*/, ByteReader& /*item*/, const RecordPlace& /*place*/) {
  assert(false);
}

bool ClockPart::publish() {
  if (std::exchange(is_changed_, false)) published_ = steps_;
  return false;
}

Part::Save ClockPart::freeze(Sequence /*sequence*/) const {
  if (published_.empty()) return nullptr;
  return [steps = published_](rowstore::BlockFileWriter& file) {
    std::string bytes;
    steps.encode(bytes);
    file.put(rowstore::BlockKind::kClockSteps, 0, bytes);
  };
}

void ClockPart::load(rowstore::BlockKind /*kind*/, std::string_view content) {
  steps_.restore(content);
  is_changed_ = true;
}

}  // namespace rivulet::store
