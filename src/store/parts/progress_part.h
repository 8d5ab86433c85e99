#pragma once

#include "store/parts/catalog_part.h"
#include "store/parts/part.h"
#include "store/parts/progress.h"

namespace rivulet::store {

// How far owners have come in their streams: Transaction::progress. It goes with the owner.
class ProgressPart final : public Part {
 public:
  static constexpr ItemKind kProgress{6};

  explicit ProgressPart(const CatalogPart& catalog) : catalog_(catalog) {}

  // As published; the caller holds the lock.
  const ProgressMap& published() const { return published_; }

  std::vector<ItemKind> item_kinds() const override { return {kProgress}; }
  std::vector<rowstore::BlockKind> block_kinds() const override {
    return {rowstore::BlockKind::kProgress};
  }
  void encode(const Transaction& transaction, BodyWriter& body) const override;
  void begin_group() override { staged_.clear(); }
  void check(const Turn& turn) override;
  void stage(const Turn& turn, std::string& record) override;
  void apply(ItemKind kind, ByteReader& item, const RecordPlace& place) override;
  void drop_owner(const Guid& owner) override;
  bool publish() override;
  Save freeze(Sequence sequence) const override;
  void load(rowstore::BlockKind kind, std::string_view content) override;

 private:
  void set(const std::vector<Progress>& list);

  const CatalogPart& catalog_;
  ProgressMap checked_;  // what the transaction that is checked moves
  ProgressMap staged_;
  // Applied, and not published: what was moved, and whose progress went before.
  ProgressMap moved_;
  std::vector<Guid> dropped_;
  ProgressMap published_;
};

}  // namespace rivulet::store
