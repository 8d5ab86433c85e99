#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "query/testing/fake_table.h"
#include "store/store.h"

// A store in memory for tests of this room and those below it: nothing is durable.
namespace rivulet::query {

class FakeStore : public store::Store {
 public:
  FakeStore() : catalog_(std::make_shared<catalog::Catalog>()) {}

  // Makes the database when it is not there, and the table in it; columns get the ids 1, 2, ….
  std::shared_ptr<FakeTable> add_table(const std::string& database, const std::string& name,
                                       const std::vector<ResultColumn>& columns);
  void apply(const catalog::Change& change);
  void set_sequence(store::Sequence sequence) { sequence_ = sequence; }

  void commit(store::Transaction transaction, store::CommitCallback done) override;
  std::vector<std::shared_ptr<store::ExtentView>> write_extents(const catalog::Table&,
                                                                const store::Append&) override {
    return {};
  }
  std::shared_ptr<store::ExtentView> rewrite_extent(const catalog::Table&,
                                                    std::shared_ptr<const store::ExtentView>,
                                                    std::vector<int64_t>) override {
    return nullptr;
  }
  std::shared_ptr<store::ExtentView> move_extent(const catalog::Table&,
                                                 std::shared_ptr<const store::ExtentView>,
                                                 std::map<uint32_t, uint32_t>) override {
    return nullptr;
  }
  std::shared_ptr<void> hold_merges(catalog::TableId) override { return nullptr; }
  std::shared_ptr<const catalog::Catalog> catalog() const override;
  std::unique_ptr<store::Snapshot> snapshot(
      std::span<const catalog::TableId> tables) const override;
  std::vector<store::Progress> progress(const Guid&) const override { return {}; }
  void seal(std::span<const catalog::TableId>) override {}
  void checkpoint() override {}
  void upkeep() override {}
  store::StoreStatistics statistics() const override { return {}; }
  std::vector<store::FailedWork> failed_work() const override { return {}; }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const catalog::Catalog> catalog_;
  std::map<catalog::TableId, std::shared_ptr<FakeTable>> tables_;
  store::Sequence sequence_ = 1;
};

}  // namespace rivulet::query
