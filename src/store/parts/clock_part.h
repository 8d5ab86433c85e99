#pragma once

#include "store/parts/clock_steps.h"
#include "store/parts/part.h"

namespace rivulet::store {

// The time of the newest transaction, and where the clock went back: ClockSteps. It has no items: each record says its
// time.
class ClockPart final : public Part {
 public:
  // `parts` are all parts, which are told when the clock went back; it may be filled later.
  explicit ClockPart(const std::vector<Part*>& parts) : parts_(parts) {}

  // Before the items of a record.
  void begin_record(const RecordPlace& place);
  // After an extent came that was sealed of rows of both sides of a step: it says the time of the one, and the
  // sequence of the other.
  void bound_age(const ExtentView& extent);
  // As applied.
  Ticks newest_time() const { return newest_time_; }
  void load_newest_time(Ticks time) { newest_time_ = time; }
  // As published; the caller holds the lock.
  const ClockSteps& published() const { return published_; }

  std::vector<ItemKind> item_kinds() const override { return {}; }
  std::vector<rowstore::BlockKind> block_kinds() const override {
    return {rowstore::BlockKind::kClockSteps};
  }
  void apply(ItemKind kind, ByteReader& item, const RecordPlace& place) override;
  bool publish() override;
  Save freeze(Sequence sequence) const override;
  void load(rowstore::BlockKind kind, std::string_view content) override;

 private:
  const std::vector<Part*>& parts_;
  Ticks newest_time_ = 0;
  ClockSteps steps_, published_;
  bool is_changed_ = false;
};

}  // namespace rivulet::store
