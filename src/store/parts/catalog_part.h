#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/parts/part.h"

namespace rivulet::store {

// Databases, tables and what else commands define: a fold of catalog changes. Tells the other parts when the rows of
// a table go, and when an owner of progress does.
class CatalogPart final : public Part {
 public:
  static constexpr ItemKind kChange{1}, kClear{2};

  // `parts` are all parts, which are told; it may be filled later.
  explicit CatalogPart(const std::vector<Part*>& parts);

  // ---- Applied.

  const std::shared_ptr<const catalog::Catalog>& newest() const { return newest_; }
  // Null when there is none. Much faster than the catalog, among very many.
  const catalog::Table* find_table(catalog::TableId id) const;
  // Throws std::runtime_error when there is none.
  const catalog::Table& existing_table(catalog::TableId id) const;
  bool has_owner(const Guid& owner) const { return owners_.contains(owner); }

  // ---- As the transaction that is checked makes it.

  const std::shared_ptr<const catalog::Catalog>& checked() const { return checked_; }
  // Null when there is none; valid until the next check().
  const catalog::Table* find_checked_table(catalog::TableId id) const;
  bool has_checked_owner(const Guid& owner) const;

  // With what is staged.
  const std::shared_ptr<const catalog::Catalog>& staged() const { return staged_; }

  // ---- Published; the caller holds the lock.

  const std::shared_ptr<const catalog::Catalog>& published() const { return published_; }

  std::vector<ItemKind> item_kinds() const override { return {kChange, kClear}; }
  std::vector<rowstore::BlockKind> block_kinds() const override {
    return {rowstore::BlockKind::kCatalog};
  }
  void begin_group() override;
  void check(const Turn& turn) override;
  void stage(const Turn& turn, std::string& record) override;
  void apply(ItemKind kind, ByteReader& item, const RecordPlace& place) override;
  bool publish() override;
  void free_garbage() override { old_ = nullptr; }
  Save freeze(Sequence sequence) const override;
  void load(rowstore::BlockKind kind, std::string_view content) override;

 private:
  // A change that was checked, and what it makes of the catalog before it: taken by the record that has it, so that
  // `after` is the one catalog that everybody sees.
  struct Step {
    std::string encoded;
    catalog::Change change;
    std::shared_ptr<const catalog::Catalog> before, after;
  };

  // `after` is the catalog that it makes.
  void apply(const catalog::Change& change, std::shared_ptr<const catalog::Catalog> after);
  void apply_encoded(std::string_view change);
  void clear(catalog::TableId table);
  void drop_table(catalog::TableId table);
  void drop_owner_everywhere(const Guid& owner);

  const std::vector<Part*>& parts_;
  std::shared_ptr<const catalog::Catalog> newest_;
  // Of newest_.
  std::unordered_map<catalog::TableId, std::shared_ptr<const catalog::Table>> tables_;
  std::set<Guid> owners_;  // the data connections
  std::shared_ptr<const catalog::Catalog> staged_, checked_;
  std::vector<Step> checked_steps_;  // from staged_ to checked_
  std::deque<Step> staged_steps_;    // from newest_ to staged_
  std::shared_ptr<const catalog::Catalog> published_, old_;
};

}  // namespace rivulet::store
