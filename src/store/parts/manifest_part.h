#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "extents/extent_files.h"
#include "extents/manifest.h"
#include "store/parts/catalog_part.h"
#include "store/parts/clock_part.h"
#include "store/parts/part.h"
#include "store/parts/tails_part.h"

namespace rivulet::store {

// Which extents each table has, and what takes rows from one place to another: Transaction::replace and if_empty.
class ManifestPart final : public Part {
 public:
  static constexpr ItemKind kReplace{4}, kCut{8};

  ManifestPart(const CatalogPart& catalog, TailsPart& tails, ClockPart& clock,
               extents::ExtentFiles& files)
      : catalog_(catalog), tails_(tails), clock_(clock), files_(files) {}

  // As published; the caller holds the lock.
  const extents::Manifest& manifest() const { return manifest_; }

  std::vector<ItemKind> item_kinds() const override { return {kReplace, kCut}; }
  std::vector<rowstore::BlockKind> block_kinds() const override {
    return {rowstore::BlockKind::kExtents};
  }
  void begin_group() override { staged_ = {}; }
  void check(const Turn& turn) override;
  void stage(const Turn& turn, std::string& record) override;
  void apply(ItemKind kind, ByteReader& item, const RecordPlace& place) override;
  void clear_table(catalog::TableId table) override;
  bool publish() override;
  void free_garbage() override { old_.clear(); }
  Save freeze(Sequence sequence) const override;
  void load(rowstore::BlockKind kind, std::string_view content) override;

 private:
  struct Staged {
    std::set<catalog::TableId> cleared, cut;
    std::set<Guid> removed;
    std::set<std::pair<catalog::TableId, std::string>> tags;  // of extents that came
  };

  // Whether what is to go is there, with what is staged.
  bool is_current(const Replace& replace, const Transaction& transaction) const;
  // Throws TagExists.
  void check_tags(const Replace& replace) const;
  // Whether a published extent of the table, but for those whose removal is staged, has one of the tags.
  bool has_tag(catalog::TableId table, const std::vector<std::string>& tags) const;
  // Whether the table has no rows, as published.
  bool is_empty(catalog::TableId table) const;
  void encode_replace(const Replace& replace, Ticks time, std::string& record) const;

  const CatalogPart& catalog_;
  TailsPart& tails_;
  ClockPart& clock_;
  extents::ExtentFiles& files_;
  extents::Manifest manifest_;
  Staged staged_;
  bool is_restructured_ = false;  // applied, and not published
  std::vector<std::shared_ptr<const extents::ExtentList>> old_;
};

}  // namespace rivulet::store
