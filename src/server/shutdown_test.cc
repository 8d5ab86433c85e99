// A server that ends, or whose table changes, while a commit is under way.
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "activity/query_registry.h"
#include "server/server.h"
#include "store/testing/store_fixture.h"

namespace rivulet::server {
namespace {

using namespace std::chrono_literals;
using store::testing::TemporaryDirectory;

// A store whose disk takes as long as the test wants.
class HeldStore final : public store::Store {
 public:
  explicit HeldStore(store::Store& store) : store_(store) {}

  void await_commit() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [this] { return !held_.empty(); });
  }
  void let_go() {
    std::vector<std::pair<store::Transaction, store::CommitCallback>> held;
    {
      std::lock_guard lock(mutex_);
      held.swap(held_);
    }
    for (auto& [transaction, done] : held) store_.commit(std::move(transaction), std::move(done));
  }

  using Store::commit;
  void commit(store::Transaction transaction, store::CommitCallback done) override {
    std::lock_guard lock(mutex_);
    held_.emplace_back(std::move(transaction), std::move(done));
    came_.notify_one();
  }
  std::vector<std::shared_ptr<store::ExtentView>> write_extents(
      const catalog::Table& table, const store::Append& rows) override {
    return store_.write_extents(table, rows);
  }
  std::shared_ptr<store::ExtentView> rewrite_extent(const catalog::Table& table,
                                                    std::shared_ptr<const store::ExtentView> extent,
                                                    std::vector<int64_t> deleted) override {
    return store_.rewrite_extent(table, std::move(extent), std::move(deleted));
  }
  std::shared_ptr<store::ExtentView> move_extent(const catalog::Table& table,
                                                 std::shared_ptr<const store::ExtentView> extent,
                                                 std::map<uint32_t, uint32_t> sources) override {
    return store_.move_extent(table, std::move(extent), std::move(sources));
  }
  std::shared_ptr<void> hold_merges(catalog::TableId table) override {
    return store_.hold_merges(table);
  }
  std::shared_ptr<const catalog::Catalog> catalog() const override { return store_.catalog(); }
  std::unique_ptr<store::Snapshot> snapshot(
      std::span<const catalog::TableId> tables) const override {
    return store_.snapshot(tables);
  }
  std::vector<store::Progress> progress(const Guid& connection) const override {
    return store_.progress(connection);
  }
  void seal(std::span<const catalog::TableId> tables) override { store_.seal(tables); }
  void checkpoint() override { store_.checkpoint(); }
  void upkeep() override { store_.upkeep(); }
  store::StoreStatistics statistics() const override { return store_.statistics(); }
  std::vector<store::FailedWork> failed_work() const override { return store_.failed_work(); }

 private:
  store::Store& store_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::pair<store::Transaction, store::CommitCallback>> held_;
};

class NoEngine final : public query::Engine {
 public:
  std::unique_ptr<query::RunningQuery> start(const query::QueryRequest&) override {
    throw internal_error("no queries here");
  }
  activity::QueryRegistry& queries() override { return queries_; }
  query::EngineMemory memory() override { return {}; }

 private:
  activity::QueryRegistry queries_{system_clock()};
};

// A server of which each commit is held, and a client of it.
class HeldServerTest : public ::testing::Test {
 protected:
  HeldServerTest() {
    settings_.listen = "127.0.0.1:0";
    settings_.shutdown_timeout = 1ms;
    server_ = std::make_unique<Server>(
        Services{settings_, memory_, store_, engine_,
                 [](const commands::CommandRequest&) -> commands::CommandResult {
                   throw internal_error("no commands here");
                 },
                 streaming_, data_connections_, system_clock(), metrics_});
    server_->start();
    client_.connect({boost::asio::ip::make_address("127.0.0.1"), server_->port()});
  }

  // Sends a row for T, and waits for its commit.
  void send_row() {
    std::string request =
        "POST /v1/rest/ingest/NetDefaultDB/T?streamFormat=csv HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 4\r\n\r\n1,a\n";
    boost::asio::write(client_, boost::asio::buffer(request));
    store_.await_commit();
  }
  // The first line of the answer.
  std::string status() {
    std::string answer;
    size_t end = boost::asio::read_until(client_, boost::asio::dynamic_buffer(answer), "\r\n");
    return answer.substr(0, end - 2);
  }
  void alter_table(const std::function<void(catalog::Table&)>& change) {
    store::Transaction transaction;
    transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::Table table = *catalog.find_table(table_->id);
      change(table);
      return {catalog::PutTable{std::move(table)}};
    };
    disk_->commit(std::move(transaction));
  }

  TemporaryDirectory directory_;
  std::unique_ptr<store::Store> disk_ = store::Store::open(
      store::testing::small_options(directory_.path()), posix_file_system(), system_clock());
  std::shared_ptr<const catalog::Table> table_ = store::testing::create_table(*disk_, "T");
  HeldStore store_{*disk_};
  Settings settings_;
  const MemoryBudget memory_ = default_memory();
  NoEngine engine_;
  activity::StreamingStatistics streaming_;
  activity::FailureLog failures_;
  sources::Secrets secrets_;
  sources::DataConnections data_connections_{store_, streaming_, failures_, secrets_,
                                             system_clock()};
  Metrics metrics_;
  std::unique_ptr<Server> server_;
  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket client_{io_};
};

TEST_F(HeldServerTest, WaitsForTheCommitsThatOutlastItsTimeout) {
  send_row();
  std::future<void> end = std::async(std::launch::async, [&] { server_.reset(); });
  // What the callback will touch is there for as long as it may come.
  EXPECT_EQ(end.wait_for(300ms), std::future_status::timeout);
  store_.let_go();
  end.get();
  EXPECT_EQ(metrics_.ingestions_under_way.Value(), 0);
  EXPECT_EQ(store::testing::all_ids(*disk_, table_->id), std::vector<int64_t>{1});
}

TEST_F(HeldServerTest, MakesARequestAgainWhoseTableChanged) {
  send_row();
  alter_table([](catalog::Table& table) { table.docstring = "another version"; });
  store_.let_go();
  store_.await_commit();
  EXPECT_TRUE(store::testing::all_ids(*disk_, table_->id).empty());
  store_.let_go();
  EXPECT_EQ(status(), "HTTP/1.1 200 OK");
  EXPECT_EQ(store::testing::all_ids(*disk_, table_->id), std::vector<int64_t>{1});
}

// A policy that was altered between parsing and commit is the one that holds (P3).
TEST_F(HeldServerTest, ObeysThePolicyThatHoldsAtItsTurn) {
  send_row();
  alter_table([](catalog::Table& table) {
    table.policies.set("streamingingestion", R"({"IsEnabled":false})");
  });
  store_.let_go();
  EXPECT_EQ(status(), "HTTP/1.1 400 Bad Request");
  EXPECT_TRUE(store::testing::all_ids(*disk_, table_->id).empty());
}

}  // namespace
}  // namespace rivulet::server
