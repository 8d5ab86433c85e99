#include "sources/data_connections.h"

#include <chrono>
#include <functional>
#include <numeric>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/testing/fault_file_system.h"
#include "sources/connection_settings.h"
#include "sources/testing/mock_cluster.h"
#include "store/testing/store_fixture.h"

namespace rivulet::sources {
namespace {

using namespace std::chrono_literals;
using store::testing::all_ids;
using testing::MockCluster;

// Waits for it, half a minute at most; whether it came.
bool eventually(const std::function<bool()>& condition) {
  auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

std::vector<int64_t> numbers(int64_t first, int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

// A server's part of it: a store with the table T (id, text), and its data connections.
class Node {
 public:
  explicit Node(FileSystem& files = posix_file_system(), std::filesystem::path directory = {})
      : options_(store::testing::small_options(directory.empty() ? directory_.path() : directory)),
        files_(files) {
    open();
    table_ = store::testing::create_table(*store_, "T")->id;
  }

  void open() {
    store_ = store::Store::open(options_, files_, system_clock());
    connections_ = std::make_unique<DataConnections>(*store_, statistics_, failures_, secrets_,
                                                     system_clock(), 4000ms);
    connections_->start();
  }
  void close() {
    connections_.reset();
    store_.reset();
  }

  static ConnectionSettings settings(const MockCluster& cluster) {
    ConnectionSettings settings;
    settings.kind = ConnectionKind::kKafka;
    settings.brokers = cluster.brokers();
    settings.topic = "topic";
    settings.consumer_group = "group";
    settings.security_protocol = "plaintext";
    settings.table = "T";
    settings.format = ingest::Format::kJson;
    return settings;
  }

  void put(const ConnectionSettings& settings, bool is_enabled = true) {
    change([&](const catalog::Database& database) -> catalog::Change {
      return catalog::PutDataConnection{
          database.id, {id_, "events", "kafka", encode_settings(settings), is_enabled}};
    });
  }
  void drop() {
    change([&](const catalog::Database& database) -> catalog::Change {
      return catalog::DropDataConnection{database.id, "events"};
    });
  }
  void change(const std::function<catalog::Change(const catalog::Database&)>& make) {
    store::Transaction transaction;
    transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      return {make(*catalog.find_database("NetDefaultDB"))};
    };
    store_->commit(std::move(transaction));
    connections_->follow_catalog();
  }

  ConnectionStatus status() const {
    auto all = connections_->status();
    return all.empty() ? ConnectionStatus{} : all.front();
  }
  bool wait_for_state(std::string_view state) const {
    return eventually([&] { return status().state == state; });
  }
  std::vector<int64_t> ids() const { return all_ids(*store_, table_); }
  bool wait_for_rows(size_t count) const {
    return eventually([&] { return ids().size() >= count; });
  }

  store::Store& store() { return *store_; }
  DataConnections& connections() { return *connections_; }
  const Guid& id() const { return id_; }

 private:
  TemporaryDirectory directory_;
  store::StoreOptions options_;
  FileSystem& files_;
  Guid id_ = new_guid();
  ingest::StreamingStatistics statistics_;
  ingest::FailureLog failures_;
  Secrets secrets_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<DataConnections> connections_;
  catalog::TableId table_ = 0;
};

void produce(MockCluster& cluster, int64_t first, int64_t count, int partitions) {
  for (int64_t id = first; id < first + count; ++id) {
    cluster.produce("topic", static_cast<int32_t>(id % partitions),
                    fmt::format(R"({{"id":{},"text":"t{}"}})", id, id));
  }
  cluster.flush();
}

TEST(DataConnections, StoresEveryEventOnce) {
  MockCluster cluster;
  cluster.create_topic("topic", 4);
  produce(cluster, 0, 1000, 4);
  Node node;
  node.put(Node::settings(cluster));
  EXPECT_TRUE(node.wait_for_rows(1000));
  produce(cluster, 1000, 1000, 4);
  EXPECT_TRUE(node.wait_for_rows(2000));
  EXPECT_EQ(node.ids(), numbers(0, 2000));

  EXPECT_TRUE(eventually([&] { return node.status().rows == 2000; }));
  ConnectionStatus status = node.status();
  EXPECT_EQ(status.state, "Running");
  EXPECT_EQ(status.events, 2000u);
  EXPECT_EQ(status.last_error, "");
  ASSERT_EQ(status.partitions.size(), 4u);
  EXPECT_EQ(status.partitions[3].next_offset, 500);
  EXPECT_TRUE(eventually([&] { return node.status().partitions[3].lag == 0; }));
  EXPECT_TRUE(eventually([&] { return cluster.committed("group", "topic", 3) == 500; }));
}

TEST(DataConnections, GoesOnWhereTheStoreIs) {
  MockCluster cluster;
  cluster.create_topic("topic", 2);
  produce(cluster, 0, 500, 2);
  Node node;
  node.put(Node::settings(cluster));
  EXPECT_TRUE(node.wait_for_rows(500));
  for (int64_t round = 1; round < 4; ++round) {
    node.close();
    produce(cluster, round * 500, 500, 2);
    node.open();
    EXPECT_TRUE(node.wait_for_rows(static_cast<size_t>(round + 1) * 500));
  }
  EXPECT_EQ(node.ids(), numbers(0, 2000));
}

}  // namespace
}  // namespace rivulet::sources
