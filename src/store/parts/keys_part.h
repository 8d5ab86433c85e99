#pragma once

#include <optional>
#include <unordered_map>

#include "store/parts/idempotency_window.h"
#include "store/parts/part.h"

namespace rivulet::store {

// The retry keys of the transactions that were committed last: IdempotencyWindow.
class KeysPart final : public Part {
 public:
  static constexpr ItemKind kKeyWithoutContent{5}, kKey{7};  // the first of older programs

  KeysPart(Ticks duration, size_t capacity) : window_(duration, capacity) {}

  // The transaction that had a key of this name: one that was committed, or one that is staged, of which only the
  // number of its record is known.
  struct Earlier {
    IdempotencyWindow::Committed committed;
    std::optional<size_t> staged_record;
  };
  std::optional<Earlier> find(const Hash128& name, Ticks now) const;
  // Any thread.
  size_t size() const { return window_.size(); }

  std::vector<ItemKind> item_kinds() const override { return {kKeyWithoutContent, kKey}; }
  std::vector<rowstore::BlockKind> block_kinds() const override {
    return {rowstore::BlockKind::kKeysWithoutContents, rowstore::BlockKind::kKeys};
  }
  void begin_group() override { staged_.clear(); }
  void stage(const Turn& turn, std::string& record) override;
  void apply(ItemKind kind, ByteReader& item, const RecordPlace& place) override;
  void set_back(Ticks time) override { window_.set_back(time); }
  // A key counts for the writer only.
  bool publish() override { return false; }
  Save freeze(Sequence sequence) const override;
  void load(rowstore::BlockKind kind, std::string_view content) override;

 private:
  IdempotencyWindow window_;
  std::unordered_map<Hash128, Earlier, IdempotencyWindow::Hash> staged_;
};

}  // namespace rivulet::store
