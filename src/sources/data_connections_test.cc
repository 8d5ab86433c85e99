#include "sources/data_connections.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
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

// Waits for it, two minutes at most; whether it came.
bool eventually(const std::function<bool()>& condition) {
  auto deadline = std::chrono::steady_clock::now() + 120s;
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
  catalog::TableId table() const { return table_; }

 private:
  TemporaryDirectory directory_;
  store::StoreOptions options_;
  FileSystem& files_;
  Guid id_ = new_guid();
  activity::StreamingStatistics statistics_;
  activity::FailureLog failures_;
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
  for (int64_t round = 1; round < 3; ++round) {
    node.close();
    produce(cluster, round * 500, 500, 2);
    node.open();
    EXPECT_TRUE(node.wait_for_rows(static_cast<size_t>(round + 1) * 500));
  }
  EXPECT_EQ(node.ids(), numbers(0, 1500));
}

// The mock cluster refuses commits of offsets while a group is joined, where a broker takes them: so nothing is
// produced then.
TEST(DataConnections, TwoServersShareThePartitions) {
  MockCluster cluster;
  cluster.create_topic("topic", 4);
  Node first, second;
  auto ids = [&] {
    std::vector<int64_t> all = first.ids();
    for (int64_t id : second.ids()) all.push_back(id);
    std::ranges::sort(all);
    return all;
  };
  int64_t produced = 0;
  auto produce_and_wait = [&] {
    produce(cluster, produced, 400, 4);
    produced += 400;
    EXPECT_TRUE(eventually([&] { return ids().size() >= static_cast<size_t>(produced); }));
    EXPECT_EQ(ids(), numbers(0, produced));
    EXPECT_TRUE(eventually([&] {
      for (int32_t partition = 0; partition < 4; ++partition) {
        if (cluster.committed("group", "topic", partition) != produced / 4) return false;
      }
      return true;
    }));
  };
  auto await_partitions = [](const Node& node, size_t count) {
    EXPECT_TRUE(eventually([&] {
      ConnectionStatus status = node.status();
      return status.state == "Running" && status.partitions.size() == count;
    }));
  };
  first.put(Node::settings(cluster));
  await_partitions(first, 4);
  produce_and_wait();
  second.put(Node::settings(cluster));
  await_partitions(second, 2);
  await_partitions(first, 2);
  produce_and_wait();
  EXPECT_EQ(second.ids().size(), 200u);
  // One leaves for good, and the other has everything again; and one that was there before comes back.
  first.put(Node::settings(cluster), false);
  await_partitions(second, 4);
  produce_and_wait();
  first.put(Node::settings(cluster));
  await_partitions(first, 2);
  await_partitions(second, 2);
  produce_and_wait();
}

TEST(DataConnections, RequestsThatFailLoseAndDoubleNothing) {
  MockCluster cluster;
  cluster.create_topic("topic", 2);
  produce(cluster, 0, 100, 2);
  // By the numbers of the protocol: fetch, list offsets, metadata, offset commit, offset fetch, find coordinator,
  // join, heartbeat and sync of the group.
  auto fail = [&](std::initializer_list<int16_t> requests, rd_kafka_resp_err_t error) {
    for (int16_t request : requests) rd_kafka_mock_push_request_errors(*cluster, request, 1, error);
  };
  fail({2, 3, 10}, RD_KAFKA_RESP_ERR__TRANSPORT);
  fail({1, 9, 11, 14}, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
  Node node;
  node.put(Node::settings(cluster));
  EXPECT_TRUE(node.wait_for_rows(100));
  int64_t produced = 100;
  for (rd_kafka_resp_err_t error :
       {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_UNKNOWN, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT}) {
    fail({1, 8, 12}, error);
    produce(cluster, produced, 100, 2);
    produced += 100;
    EXPECT_TRUE(node.wait_for_rows(static_cast<size_t>(produced))) << rd_kafka_err2name(error);
  }
  EXPECT_EQ(node.ids(), numbers(0, produced));
  EXPECT_TRUE(eventually([&] { return cluster.committed("group", "topic", 1) == produced / 2; }));
}

TEST(DataConnections, ABrokerThatIsAwayIsShownAndWaitedFor) {
  MockCluster cluster;
  cluster.create_topic("topic", 2);
  produce(cluster, 0, 100, 2);
  Node node;
  node.put(Node::settings(cluster));
  EXPECT_TRUE(node.wait_for_rows(100));
  rd_kafka_mock_broker_set_down(*cluster, -1);
  EXPECT_TRUE(node.wait_for_state("Disconnected"));
  EXPECT_NE(node.status().last_error, "");
  // A stop does not wait for it, and a start comes through when it is back.
  node.close();
  node.open();
  EXPECT_TRUE(node.wait_for_state("Disconnected"));
  rd_kafka_mock_broker_set_up(*cluster, -1);
  EXPECT_TRUE(node.wait_for_state("Running"));
  produce(cluster, 100, 100, 2);
  EXPECT_TRUE(node.wait_for_rows(200));
  EXPECT_EQ(node.ids(), numbers(0, 200));
}

TEST(DataConnections, ASlowLinkOnlyTakesLonger) {
  MockCluster cluster;
  cluster.create_topic("topic", 4);
  rd_kafka_mock_broker_set_rtt(*cluster, -1, 300);
  produce(cluster, 0, 2000, 4);
  Node node;
  node.put(Node::settings(cluster));
  EXPECT_TRUE(node.wait_for_rows(2000));
  EXPECT_EQ(node.ids(), numbers(0, 2000));
}

// As by a transaction that an older run of the connection still had queued.
TEST(DataConnections, GoesOnWhereTheStoreIsWhenAnotherMovedIt) {
  MockCluster cluster;
  cluster.create_topic("topic", 1);
  Node node;
  node.put(Node::settings(cluster));
  produce(cluster, 0, 10, 1);
  EXPECT_TRUE(node.wait_for_rows(10));
  store::Transaction transaction;
  transaction.progress.push_back({node.id(), "topic", 0, 10, 15});
  node.store().commit(std::move(transaction));
  produce(cluster, 10, 10, 1);
  EXPECT_TRUE(node.wait_for_rows(15));
  std::vector<int64_t> expected = numbers(0, 10);
  for (int64_t id : numbers(15, 5)) expected.push_back(id);
  EXPECT_EQ(node.ids(), expected);
}

TEST(DataConnections, ADiskThatFailsLosesAndDoublesNothing) {
  MockCluster cluster;
  cluster.create_topic("topic", 3);
  TemporaryDirectory directory;
  FaultFileSystem files(directory.path());
  Node node(files, directory.path());
  node.put(Node::settings(cluster));
  std::atomic<int> count = 0;
  std::atomic<bool> fails_always = false;
  using Operation = FaultFileSystem::Operation;
  auto hook = files.set_hook([&](Operation operation, const std::filesystem::path&) {
    if (operation != Operation::kSync && operation != Operation::kWrite) return 0;
    return fails_always || ++count % 30 == 0 ? EIO : 0;
  });
  for (int64_t first = 0; first < 2000; first += 20) produce(cluster, first, 20, 3);
  EXPECT_TRUE(node.wait_for_rows(2000));
  EXPECT_EQ(node.ids(), numbers(0, 2000));

  fails_always = true;
  produce(cluster, 2000, 100, 3);
  EXPECT_TRUE(node.wait_for_state("Retrying"));
  EXPECT_TRUE(node.status().last_error.starts_with("Events could not be stored"));
  hook.remove();
  EXPECT_TRUE(node.wait_for_rows(2100));
  EXPECT_TRUE(node.wait_for_state("Running"));
  EXPECT_TRUE(eventually([&] { return node.status().rows == 2100; }));
  EXPECT_EQ(node.ids(), numbers(0, 2100));
}

TEST(DataConnections, APartitionWaitsForItsTable) {
  MockCluster cluster;
  cluster.create_topic("topic", 2);
  Node node;
  ConnectionSettings settings = Node::settings(cluster);
  settings.is_routed = true;
  settings.on_missing_target = MissingTarget::kHold;
  node.put(settings);
  produce(cluster, 0, 100, 2);
  cluster.produce("topic", 1, R"({"id":-1,"text":"held"})", {{"Table", "Later"}});
  produce(cluster, 100, 100, 2);
  // Partition 0 goes on.
  EXPECT_TRUE(node.wait_for_rows(150));
  EXPECT_TRUE(node.wait_for_state("Holding"));
  std::vector<PartitionStatus> partitions = node.status().partitions;
  ASSERT_EQ(partitions.size(), 2u);
  EXPECT_EQ(partitions[0].state, "Reading");
  EXPECT_EQ(partitions[1].state, "Holding");
  EXPECT_NE(partitions[1].reason.find("Later"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return node.status().partitions[1].next_offset == 50; }));
  // Nothing behind the held event was stored, nor the event counted as read.
  node.close();
  node.open();
  EXPECT_TRUE(node.wait_for_state("Holding"));
  EXPECT_EQ(node.status().partitions[1].next_offset, 50);

  catalog::TableId later = store::testing::create_table(node.store(), "Later")->id;
  EXPECT_TRUE(node.wait_for_rows(200));
  EXPECT_TRUE(node.wait_for_state("Running"));
  EXPECT_EQ(node.ids(), numbers(0, 200));
  EXPECT_EQ(all_ids(node.store(), later), std::vector<int64_t>{-1});
  EXPECT_EQ(node.status().partitions[1].state, "Reading");
}

TEST(DataConnections, ATableThatIsDroppedAndMadeAgainInMidStream) {
  MockCluster cluster;
  cluster.create_topic("topic", 2);
  Node node;
  ConnectionSettings settings = Node::settings(cluster);
  settings.table = "Other";
  settings.on_missing_target = MissingTarget::kHold;
  node.put(settings);
  int64_t produced = 0;
  for (int round = 0; round < 5; ++round) {
    catalog::TableId table = store::testing::create_table(node.store(), "Other")->id;
    produce(cluster, produced, 200, 2);
    produced += 200;
    EXPECT_TRUE(eventually([&] { return !all_ids(node.store(), table).empty(); }));
    store::testing::drop_table(node.store(), table);
  }
  store::testing::create_table(node.store(), "Other");
  // Every event was stored in one of the tables.
  EXPECT_TRUE(eventually([&] { return node.status().rows == static_cast<uint64_t>(produced); }));
  EXPECT_EQ(node.status().failed_events, 0u);
}

TEST(DataConnections, DisabledAlteredAndDroppedInMidStream) {
  MockCluster cluster;
  cluster.create_topic("topic", 2);
  Node node;
  ConnectionSettings settings = Node::settings(cluster);
  node.put(settings);
  std::atomic<bool> is_enough = false;
  int64_t produced = 0;
  std::thread producer([&] {
    for (; !is_enough; produced += 10) produce(cluster, produced, 10, 2);
  });
  for (int round = 0; round < 3; ++round) {
    size_t before = node.ids().size();
    EXPECT_TRUE(node.wait_for_rows(before + 1));
    node.put(settings, false);
    EXPECT_EQ(node.status().state, "Disabled");
    EXPECT_EQ(node.status().partitions.size(), 2u);
    settings.max_batch_bytes += 1;
    node.put(settings);
  }
  is_enough = true;
  producer.join();
  EXPECT_TRUE(node.wait_for_rows(static_cast<size_t>(produced)));
  EXPECT_EQ(node.ids(), numbers(0, produced));

  node.drop();
  EXPECT_TRUE(node.connections().status().empty());
  EXPECT_TRUE(node.store().progress(node.id()).empty());
}

// While the disk does not answer, no more is taken than the setting says.
TEST(DataConnections, BackPressure) {
  MockCluster cluster;
  cluster.create_topic("topic", 2);
  TemporaryDirectory directory;
  FaultFileSystem files(directory.path());
  Node node(files, directory.path());
  ConnectionSettings settings = Node::settings(cluster);
  settings.max_queued_bytes = 64 << 10;
  settings.max_batch_bytes = 8 << 10;
  node.put(settings);
  produce(cluster, 0, 5000, 2);
  EXPECT_TRUE(node.wait_for_rows(5000));
  EXPECT_EQ(node.ids(), numbers(0, 5000));
  // Each transaction is of a batch: so many bytes, and the event that is one too many.
  std::map<store::Sequence, size_t> rows;
  auto snapshot = node.store().snapshot(std::vector{node.table()});
  for (const auto& row : store::testing::tail_rows(*snapshot->table(node.table())))
    ++rows[row.sequence];
  for (const auto& [sequence, count] : rows) EXPECT_LE(count, (8 << 10) / 64);
}

TEST(DataConnections, BeginsWithWhatIsEnqueuedAfterItsStart) {
  MockCluster cluster;
  cluster.create_topic("topic", 2);
  produce(cluster, 0, 100, 2);
  Node node;
  ConnectionSettings settings = Node::settings(cluster);
  settings.retrieval_start = system_clock().now();
  node.put(settings);
  EXPECT_TRUE(node.wait_for_state("Running"));
  produce(cluster, 100, 100, 2);
  EXPECT_TRUE(node.wait_for_rows(100));
  EXPECT_EQ(node.ids(), numbers(100, 100));
}

TEST(DataConnections, AGapBehindTheStoredOffsetIsShown) {
  MockCluster cluster;
  cluster.create_topic("topic", 1);
  Node node;
  node.put(Node::settings(cluster));
  produce(cluster, 0, 10, 1);
  EXPECT_TRUE(node.wait_for_rows(10));
  node.put(Node::settings(cluster), false);
  // The cluster keeps the last 5 MiB of a partition.
  std::string text(100'000, 'x');
  constexpr int64_t kCount = 200;
  for (int64_t id = 10; id < 10 + kCount; ++id) {
    cluster.produce("topic", 0, fmt::format(R"({{"id":{},"text":"{}"}})", id, text));
    cluster.flush();
  }
  node.put(Node::settings(cluster));
  EXPECT_TRUE(eventually([&] {
    std::vector<int64_t> ids = node.ids();
    return !ids.empty() && ids.back() == 9 + kCount;
  }));
  std::vector<int64_t> ids = node.ids();
  ASSERT_GT(ids.size(), 10u);
  int64_t oldest = ids[10];
  EXPECT_GT(oldest, 10);
  EXPECT_EQ(
      node.status().last_error,
      fmt::format("Partition 0: events 10 to {} are no longer at the broker, and were not read",
                  oldest - 1));
  EXPECT_EQ(std::vector<int64_t>(ids.begin() + 10, ids.end()),
            numbers(oldest, 10 + kCount - oldest));
}

TEST(DataConnections, AStoredOffsetBeyondTheEndWaits) {
  MockCluster cluster;
  cluster.create_topic("topic", 2);
  Node node;
  node.put(Node::settings(cluster), false);
  store::Transaction transaction;
  transaction.progress.push_back({node.id(), "topic", 0, -1, 1000});
  transaction.progress.push_back({node.id(), "topic", 1, -1, 0});
  node.store().commit(std::move(transaction));
  // The broker is asked where the partition ends until it tells.
  constexpr int16_t kListOffsets = 2;
  std::vector<rd_kafka_resp_err_t> errors(1000, RD_KAFKA_RESP_ERR_INVALID_REQUEST);
  rd_kafka_mock_push_request_errors_array(*cluster, kListOffsets, errors.size(), errors.data());
  node.put(Node::settings(cluster));
  EXPECT_TRUE(eventually([&] {
    return node.status().last_error.starts_with("The offsets of the partitions could not be read");
  }));
  rd_kafka_mock_clear_request_errors(*cluster, kListOffsets);
  produce(cluster, 0, 100, 2);
  EXPECT_TRUE(node.wait_for_rows(50));
  EXPECT_TRUE(node.wait_for_state("Holding"));
  EXPECT_TRUE(eventually([&] { return node.status().partitions[0].state == "Waiting"; }));
  EXPECT_NE(node.status().partitions[0].reason.find("1000"), std::string::npos);
  EXPECT_EQ(node.ids().size(), 50u);
}

// The data directory is put back to what it was before the last events, and the consumer group is not.
class OlderCopy : public ::testing::Test {
 protected:
  OlderCopy() {
    cluster_.create_topic("topic", 1);
    settings_.consumer_group = own_consumer_group(node_.id());
    node_.put(settings_);
    produce(cluster_, 0, 10, 1);
    EXPECT_TRUE(node_.wait_for_rows(10));
    EXPECT_TRUE(eventually([&] { return committed() == 10; }));
    node_.close();
    std::filesystem::copy(data_, copy_, std::filesystem::copy_options::recursive);
    node_.open();
    produce(cluster_, 10, 10, 1);
    EXPECT_TRUE(node_.wait_for_rows(20));
    EXPECT_TRUE(eventually([&] { return committed() == 20; }));
    node_.close();
    std::filesystem::remove_all(data_);
    std::filesystem::rename(copy_, data_);
    node_.open();
  }
  int64_t committed() { return cluster_.committed(settings_.consumer_group, "topic", 0); }
  PartitionStatus partition() const {
    auto partitions = node_.status().partitions;
    return partitions.empty() ? PartitionStatus{} : partitions.front();
  }

  TemporaryDirectory directory_;
  const std::filesystem::path data_ = directory_.path() / "data",
                              copy_ = directory_.path() / "copy";
  MockCluster cluster_;
  Node node_{posix_file_system(), data_};
  ConnectionSettings settings_ = Node::settings(cluster_);
};

TEST_F(OlderCopy, WaitsAndReadsWhatItLostWhenItIsTold) {
  EXPECT_TRUE(node_.wait_for_state("Holding"));
  produce(cluster_, 20, 10, 1);
  EXPECT_EQ(partition().state, "Waiting");
  EXPECT_EQ(partition().next_offset, 10);
  EXPECT_EQ(partition().group_offset, 20);
  for (const char* words : {"at offset 20", "this store at 10", "onGroupAhead='read'"}) {
    EXPECT_NE(node_.status().state_reason.find(words), std::string::npos)
        << node_.status().state_reason;
  }
  EXPECT_EQ(node_.ids(), numbers(0, 10));
  EXPECT_EQ(committed(), 20);

  settings_.on_group_ahead = "read";
  node_.put(settings_);
  EXPECT_TRUE(node_.wait_for_rows(30));
  EXPECT_EQ(node_.ids(), numbers(0, 30));
  EXPECT_TRUE(eventually([&] { return committed() == 30; }));
}

TEST_F(OlderCopy, LeavesItOutWhenItIsTold) {
  EXPECT_TRUE(node_.wait_for_state("Holding"));
  settings_.on_group_ahead = "skip";
  node_.put(settings_);
  produce(cluster_, 20, 10, 1);
  EXPECT_TRUE(node_.wait_for_rows(20));
  std::vector<int64_t> expected = numbers(0, 10);
  for (int64_t id : numbers(20, 10)) expected.push_back(id);
  EXPECT_EQ(node_.ids(), expected);
  EXPECT_EQ(node_.status().state, "Running");
  for (const char* words : {"at offset 20", "this store at 10"}) {
    EXPECT_NE(node_.status().state_reason.find(words), std::string::npos)
        << node_.status().state_reason;
  }
}

TEST(DataConnections, ATopicMayBeMadeLater) {
  MockCluster cluster;
  cluster.create_topic("topic", 1);
  rd_kafka_mock_topic_set_error(*cluster, "topic", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  Node node;
  node.put(Node::settings(cluster));
  EXPECT_TRUE(node.wait_for_state("Disconnected"));
  EXPECT_NE(node.status().last_error.find("topic"), std::string::npos);
  rd_kafka_mock_topic_set_error(*cluster, "topic", RD_KAFKA_RESP_ERR_NO_ERROR);
  produce(cluster, 0, 10, 1);
  EXPECT_TRUE(node.wait_for_rows(10));
  EXPECT_EQ(node.ids(), numbers(0, 10));
}

TEST(DataConnections, SettingsThatCannotBeUsedAreShown) {
  MockCluster cluster;
  Node node;
  ConnectionSettings settings = Node::settings(cluster);
  settings.security_protocol = "sasl_plaintext";
  settings.sasl_mechanism = "PLAIN";
  settings.username = "user";
  settings.password = "env:RIVULET_SECRET_THAT_IS_NOT_SET";
  node.put(settings);
  EXPECT_TRUE(node.wait_for_state("Failed"));
  EXPECT_NE(node.status().last_error.find("RIVULET_SECRET_THAT_IS_NOT_SET"), std::string::npos);
  node.put(Node::settings(cluster));
  EXPECT_TRUE(eventually([&] { return node.status().state != "Failed"; }));
}

}  // namespace
}  // namespace rivulet::sources
