// A management command: parsed, and carried out on a store that keeps its catalog only and has no rows.
#include <map>

#include "activity/failure_log.h"
#include "activity/streaming_statistics.h"
#include "commands/commands.h"
#include "common/error.h"
#include "input.h"
#include "sources/secrets.h"

using namespace rivulet;

namespace {

class EmptyTable final : public store::TableSnapshot {
 public:
  explicit EmptyTable(std::shared_ptr<const catalog::Table> table) : table_(std::move(table)) {}
  const catalog::Table& table() const override { return *table_; }
  const std::vector<std::shared_ptr<const store::StoredRun>>& runs() const override {
    return runs_;
  }
  const std::vector<store::ChunkView>& chunks() const override { return chunks_; }
  const std::vector<std::shared_ptr<const store::ExtentView>>& extents() const override {
    return extents_;
  }

 private:
  std::shared_ptr<const catalog::Table> table_;
  std::vector<std::shared_ptr<const store::StoredRun>> runs_;
  std::vector<store::ChunkView> chunks_;
  std::vector<std::shared_ptr<const store::ExtentView>> extents_;
};

class EmptySnapshot final : public store::Snapshot {
 public:
  EmptySnapshot(std::shared_ptr<const catalog::Catalog> catalog,
                std::span<const catalog::TableId> ids)
      : catalog_(std::move(catalog)) {
    for (catalog::TableId id : ids) {
      if (auto table = catalog_->find_table(id)) tables_[id] = std::make_shared<EmptyTable>(table);
    }
  }
  const std::shared_ptr<const catalog::Catalog>& catalog() const override { return catalog_; }
  store::Sequence sequence() const override { return 1; }
  std::shared_ptr<const store::TableSnapshot> table(catalog::TableId id) const override {
    auto found = tables_.find(id);
    return found == tables_.end() ? nullptr : found->second;
  }

 private:
  std::shared_ptr<const catalog::Catalog> catalog_;
  std::map<catalog::TableId, std::shared_ptr<const store::TableSnapshot>> tables_;
};

class CatalogStore final : public store::Store {
 public:
  explicit CatalogStore(std::shared_ptr<const catalog::Catalog> catalog)
      : catalog_(std::move(catalog)) {}

  using store::Store::commit;
  void commit(store::Transaction transaction, store::CommitCallback done) override {
    store::CommitResult result;
    try {
      std::vector<catalog::Change> changes;
      if (transaction.alter) changes = transaction.alter(*catalog_);
      auto next = catalog_;
      for (const catalog::Change& change : changes) {
        std::string bytes = catalog::encode_change(change);
        catalog::Change read = catalog::decode_change(bytes);
        fuzz::require(catalog::encode_change(read) == bytes, "a change is read as it was written");
        try {
          next = next->apply(read);
        } catch (const std::runtime_error&) {
          fuzz::require(false, "a command makes changes that are possible");
        }
      }
      catalog_ = next;
      result.catalog = next;
    } catch (const Error&) {
      result.error = std::current_exception();
    }
    done(result);
  }
  std::vector<std::shared_ptr<store::ExtentView>> write_extents(const catalog::Table&,
                                                                const store::Append&) override {
    throw unavailable("there are no extents");
  }
  std::shared_ptr<store::ExtentView> rewrite_extent(const catalog::Table&,
                                                    std::shared_ptr<const store::ExtentView>,
                                                    std::vector<int64_t>) override {
    throw unavailable("there are no extents");
  }
  std::shared_ptr<store::ExtentView> move_extent(const catalog::Table&,
                                                 std::shared_ptr<const store::ExtentView>,
                                                 std::map<uint32_t, uint32_t>) override {
    throw unavailable("there are no extents");
  }
  std::shared_ptr<void> hold_merges(catalog::TableId) override { return nullptr; }
  std::shared_ptr<const catalog::Catalog> catalog() const override { return catalog_; }
  std::unique_ptr<store::Snapshot> snapshot(
      std::span<const catalog::TableId> tables) const override {
    return std::make_unique<EmptySnapshot>(catalog_, tables);
  }
  std::vector<store::Progress> progress(const Guid&) const override { return {}; }
  void seal(std::span<const catalog::TableId>) override {}
  void checkpoint() override {}
  void upkeep() override {}
  store::StoreStatistics statistics() const override { return {}; }
  std::vector<store::FailedWork> failed_work() const override { return {}; }

 private:
  std::shared_ptr<const catalog::Catalog> catalog_;
};

class NoEngine final : public query::Engine {
 public:
  std::unique_ptr<query::RunningQuery> start(const query::QueryRequest&) override {
    throw bad_request("there are no queries");
  }
  activity::QueryRegistry& queries() override { return queries_; }
  query::EngineMemory memory() override { return {}; }

 private:
  activity::QueryRegistry queries_{system_clock()};
};

std::shared_ptr<const catalog::Catalog> make_catalog() {
  std::shared_ptr<const catalog::Catalog> made = std::make_shared<catalog::Catalog>();
  made = made->apply(catalog::PutDatabase{1, Guid{0, 1}, "db", "", {}, {}});
  catalog::Table table = fuzz::table_of_every_type();
  table.mappings.push_back({"json", "M", R"([{"column":"a","path":"$.a"}])", 0});
  made = made->apply(catalog::PutTable{table});
  table.id = 2;
  table.name = "U";
  made = made->apply(catalog::PutTable{table});
  made = made->apply(
      catalog::PutFunction{1, {"F", "(x: long, y: string = 'z')", "{ T | where c > x }", "", ""}});
  return made->apply(catalog::PutDataConnection{
      1,
      {Guid{1, 1}, "C", "kafka", R"({"kind":"kafka","brokers":"h:1","topic":"t","table":"T"})"}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<const catalog::Catalog> kCatalog = make_catalog();
  CatalogStore store(kCatalog);
  NoEngine engine;
  activity::StreamingStatistics streaming;
  activity::FailureLog failures;
  sources::Secrets secrets;
  commands::Commands commands(store, engine, engine.queries(), streaming, failures, nullptr,
                              secrets, system_clock(), {});
  commands::CommandRequest request;
  request.text = fuzz::as_text(data, size);
  request.database = "db";
  try {
    commands::CommandResult result = commands.execute(request);
    if (auto* table = std::get_if<ResultTable>(&result)) {
      for (size_t i = 0; i < table->columns.size(); ++i) {
        fuzz::read_cells(table->rows.column(i).view(), table->rows.row_count());
      }
    }
  } catch (const Error& error) {
    fuzz::require_presentable(error, request.text);
  }
  return 0;
}
