// The store over a log that misbehaves as a replicated one may (log/testing/simulated_log.h), with everything that its
// threads would do done by one, in an order that a seed decides. What clients asked and were answered is kept, and
// judged: acknowledged is there, whole, once, and in order; what was refused left nothing; what was answered "not known"
// is there once or not at all, and a retry with the same key makes it once.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "common/error.h"
#include "log/testing/simulated_log.h"
#include "store/stepped_store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

// A client's request: rows for one table or two, some with a retry key, some with the offset of a stream, some as
// an extent.
struct Operation {
  enum class Answer { kNone, kStored, kRefused, kUnknown };

  std::map<std::string, size_t> rows;  // how many, by table
  bool has_key = false;
  bool is_extent = false;         // the rows are written as one, without the log
  std::optional<int64_t> offset;  // of the stream, before its rows
  int begun = 0, answered = 0;    // when, in steps
  Answer answer = Answer::kNone;
  bool was_unknown = false;  // one of its attempts
  Sequence sequence = 0;
};

class Simulation {
 public:
  static constexpr int64_t kIdsEach = 1000;

  // Of one node, which crashes and comes back, or of two, which take the log from each other.
  Simulation(uint64_t seed, size_t nodes)
      : random_(seed), topic_(std::make_shared<log::SimulatedTopic>(seed)), nodes_(nodes) {
    // What only one of them has, as extents, the other could not read.
    has_extents_ = nodes == 1;
    if (!has_extents_) topic_->keep_all();
  }

  void run(int steps) {
    open(0);
    while (!nodes_[0].store) open(0);
    create_tables();
    for (step_ = 0; step_ < steps && !::testing::Test::HasFailure(); ++step_) step();
    // All is well again, and every retry is answered.
    topic_->set_faults(log::SimulatedFaults::none());
    owner_ = 0;
    open(owner_);
    for (size_t i = 0; i < operations_.size(); ++i) {
      while (may_retry(i)) {
        submit(owner_, i);
        while (outstanding_.contains(i)) drive(*nodes_[owner_].store);
      }
    }
    check(owner_);
    note("end");
    // The same by what is on the disk, and in the log.
    open(owner_);
    check(owner_);
  }

  const std::string& trace() const { return trace_; }
  const std::vector<Operation>& operations() const { return operations_; }
  const StoreStatistics& statistics() const { return statistics_; }
  log::SimulatedTopic::Voids voids() const { return topic_->voids(); }
  uint64_t most_under_way() const { return most_under_way_; }

 private:
  using Part = SteppedStore::Part;
  using Answer = Operation::Answer;
  struct Node {
    TemporaryDirectory directory;
    std::unique_ptr<SteppedStore> store;
    std::set<size_t> waiting;  // operations that it has not answered
  };

  bool chance(uint64_t of_thousand) { return random_() % 1000 < of_thousand; }
  template <typename... Arguments>
  void note(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    trace_ += fmt::format("{}: ", step_);
    trace_ += fmt::format(format, std::forward<Arguments>(arguments)...);
    trace_ += '\n';
  }

  StoreOptions options(const Node& node) const {
    StoreOptions options = small_options(node.directory.path());
    options.log_limit_bytes = 32 << 10;
    options.seal_rows = has_extents_ ? 300 : 1'000'000;
    options.idempotency_window = kTicksPerDay;
    options.make_log = [topic = topic_] { return std::make_unique<log::SimulatedLog>(topic); };
    return options;
  }

  // Kills the node if it is there, and starts it again.
  void open(size_t index) {
    Node& node = nodes_[index];
    node.store = nullptr;
    for (size_t operation : std::exchange(node.waiting, {})) {
      set_answer(operation, Answer::kUnknown);
    }
    try {
      node.store = SteppedStore::open(options(node), posix_file_system(), clock_,
                                      [this](Committer& committer) { drive(committer); });
      owner_ = index;
      next_offset_.reset();
      note("node {} opens at {}", index, node.store->snapshot({})->sequence());
    } catch (const Error& error) {
      EXPECT_FALSE(error.is_permanent()) << error.message();
      EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.message();
      note("node {} does not open: {}", index, error.message());
    }
  }

  // Tries until it is stored.
  void commit(const std::function<Transaction()>& make) {
    for (bool is_done = false; !is_done;) {
      bool is_answered = false;
      nodes_[0].store->commit(make(), [&](const CommitResult& result) {
        is_done = !result.error;
        is_answered = true;
      });
      while (!is_answered) drive(*nodes_[0].store);
    }
  }

  void create_tables() {
    for (std::string name : {"A", "B", "S"}) {
      commit([&] {
        Transaction transaction;
        transaction.alter = [name](const catalog::Catalog& catalog) {
          auto database = catalog.find_database("NetDefaultDB");
          std::vector<catalog::Change> changes;
          // An attempt whose outcome was not known may have made it.
          if (database->find_table(name)) return changes;
          catalog::Table table;
          table.id = catalog.next_table_id();
          table.database_id = database->id;
          table.name = name;
          table.columns = {{1, "id", ScalarType::kLong, ""}, {2, "text", ScalarType::kString, ""}};
          table.next_column_id = 3;
          changes.emplace_back(catalog::PutTable{table});
          return changes;
        };
        return transaction;
      });
    }
    commit([&] {
      Transaction transaction;
      transaction.alter = put_connection("hub", hub_);
      return transaction;
    });
  }

  // What goes on while somebody waits: the log, the committer, and clients.
  template <typename Steps>
  void drive(Steps& committer) {
    if (chance(400)) {
      topic_->step();
    } else if (chance(700)) {
      step_committer(committer);
    } else if (!operations_.empty()) {
      act_as_client();
    }
  }
  static void step_committer(Committer& committer) { committer.step(); }
  static void step_committer(SteppedStore& store) { store.step(Part::kCommitter); }

  void step() {
    size_t index = random_() % nodes_.size();
    Node& node = nodes_[index];
    if (chance(3) || (!node.store && chance(100))) {
      open(index);
    } else if (!node.store || chance(300)) {
      topic_->step();
    } else if (chance(550)) {
      node.store->step(Part::kCommitter);
    } else if (chance(800)) {
      act_as_client();
    } else if (chance(200)) {
      clock_.pass(std::chrono::seconds(10));
    } else if (chance(500)) {
      // What fails of these is tried again.
      Part part = has_extents_ && chance(300) ? Part::kUpkeep : Part::kMaintenance;
      bool did_something = node.store->step(part);
      note("node {} background {}: {}", index, static_cast<int>(part), did_something);
    } else if (chance(100)) {
      try {
        if (has_extents_ && chance(500)) {
          node.store->seal({});
        } else {
          node.store->checkpoint();
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.message();
      }
      note("node {} checkpoint", index);
    } else if (chance(300)) {
      // A strong read: of the node that has the log.
      if (nodes_[owner_].store) check(owner_);
    }
    if (node.store) add_statistics(node.store->statistics());
    most_under_way_ = std::max<uint64_t>(most_under_way_, outstanding_.size());
  }

  void act_as_client() {
    size_t index = random_() % nodes_.size();
    if (!nodes_[index].store) return;
    if (chance(300) && !operations_.empty()) {
      size_t operation = random_() % operations_.size();
      if (may_retry(operation)) submit(index, operation);
      return;
    }
    if (outstanding_.size() > 20) return;
    Operation operation;
    operation.begun = step_;
    operation.has_key = chance(500);
    size_t count = 1 + random_() % 20;
    if (chance(300)) {
      if (!next_offset_) next_offset_ = std::max<int64_t>(0, stored_offset(index));
      operation.offset = *next_offset_;
      operation.rows["S"] = count;
      *next_offset_ += static_cast<int64_t>(count);
    } else {
      if (chance(700)) operation.rows["A"] = count;
      if (operation.rows.empty() || chance(300)) operation.rows["B"] = count;
      operation.is_extent = has_extents_ && chance(100);
    }
    operations_.push_back(operation);
    submit(index, operations_.size() - 1);
  }

  int64_t stored_offset(size_t index) const {
    auto offsets = stored_offsets(*nodes_[index].store, hub_);
    return offsets.empty() ? -1 : offsets.begin()->second;
  }

  bool may_retry(size_t index) const {
    const Operation& operation = operations_[index];
    return operation.has_key && !outstanding_.contains(index) && !operation.offset &&
           operation.answer != Answer::kStored;
  }

  void submit(size_t node, size_t index) {
    Operation& operation = operations_[index];
    Store& store = *nodes_[node].store;
    auto database = store.catalog()->find_database("NetDefaultDB");
    Transaction transaction;
    int64_t first = static_cast<int64_t>(index) * kIdsEach;
    for (const auto& [name, count] : operation.rows) {
      // A node that was deposed may not know it.
      auto table = database->find_table(name);
      if (!table) return;
      Append rows = make_rows(*table, first, count);
      if (operation.is_extent) {
        transaction.replace.push_back(
            {.table = table->id, .added = store.write_extents(*table, rows)});
      } else {
        transaction.appends.push_back(std::move(rows));
      }
      first += static_cast<int64_t>(count);
    }
    if (operation.has_key) {
      transaction.key = IdempotencyKey{{index + 1, 7}, {index + 1, 8}};
    }
    if (operation.offset) {
      int64_t expected = *operation.offset == 0 ? -1 : *operation.offset;
      int64_t next = *operation.offset + static_cast<int64_t>(operation.rows.at("S"));
      transaction.progress.push_back({hub_, "topic", 0, expected, next});
    }
    operation.answer = Answer::kNone;
    outstanding_.insert(index);
    nodes_[node].waiting.insert(index);
    store.commit(std::move(transaction), [this, node, index](const auto& result) {
      nodes_[node].waiting.erase(index);
      take_answer(index, result);
    });
  }

  void take_answer(size_t index, const CommitResult& result) {
    if (!result.error) {
      Operation& operation = operations_[index];
      operation.sequence = result.sequence;
      operation.answered = step_;
      set_answer(index, Answer::kStored);
      return;
    }
    try {
      std::rethrow_exception(result.error);
    } catch (const ProgressOutdated&) {
      set_answer(index, Answer::kRefused);
    } catch (const Error& error) {
      EXPECT_FALSE(error.is_permanent()) << error.message();
      EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.message();
      bool is_unknown = error.message().find("is not known") != std::string::npos;
      set_answer(index, is_unknown ? Answer::kUnknown : Answer::kRefused);
    }
    next_offset_.reset();
  }

  void set_answer(size_t index, Answer answer) {
    Operation& operation = operations_[index];
    operation.answer = answer;
    operation.was_unknown |= answer == Answer::kUnknown;
    outstanding_.erase(index);
    note("operation {}: {} at {}", index, static_cast<int>(answer), operation.sequence);
  }

  // Judges what a node shows.
  void check(size_t index) {
    const Store& store = *nodes_[index].store;
    auto database = store.catalog()->find_database("NetDefaultDB");
    struct Seen {
      std::map<std::string, size_t> rows;
      std::set<Sequence> sequences;
    };
    std::map<size_t, Seen> seen;
    size_t stream_rows = 0;
    for (std::string name : {"A", "B", "S"}) {
      auto table = database->find_table(name);
      ASSERT_NE(table, nullptr);
      std::vector<Row> rows = all_rows(store, table->id);
      for (size_t i = 0; i < rows.size(); ++i) {
        ASSERT_TRUE(i == 0 || rows[i].id != rows[i - 1].id) << rows[i].id << " is there twice";
        ASSERT_EQ(rows[i].text, text_of(rows[i].id));
        Seen& operation = seen[static_cast<size_t>(rows[i].id / kIdsEach)];
        ++operation.rows[name];
        operation.sequences.insert(rows[i].sequence);
      }
      if (name == "S") stream_rows = rows.size();
    }
    // The offset is that of the rows, so none of them is there twice or missing.
    EXPECT_EQ(std::max<int64_t>(0, stored_offset(index)), static_cast<int64_t>(stream_rows));
    std::vector<std::pair<int, Sequence>> answered;
    for (size_t i = 0; i < operations_.size(); ++i) {
      const Operation& operation = operations_[i];
      auto found = seen.find(i);
      if (found == seen.end()) {
        ASSERT_NE(operation.answer, Answer::kStored) << "operation " << i << " is lost";
        ASSERT_FALSE(seen_before_.contains(i)) << "operation " << i << " was there before";
        continue;
      }
      ASSERT_EQ(found->second.rows, operation.rows) << "operation " << i << " is there in part";
      ASSERT_EQ(found->second.sequences.size(), 1u);
      Sequence sequence = *found->second.sequences.begin();
      if (operation.answer == Answer::kStored) {
        ASSERT_EQ(sequence, operation.sequence) << "operation " << i;
        answered.emplace_back(operation.answered, sequence);
      }
      ASSERT_TRUE(operation.answer != Answer::kRefused || operation.was_unknown)
          << "operation " << i << " was refused, and is there";
    }
    // Answered before another one was begun: before it in the order.
    std::sort(answered.begin(), answered.end());
    for (const auto& [i, operation] : seen) {
      Sequence newest = 0;
      for (const auto& [when, sequence] : answered) {
        if (when < operations_[i].begun) newest = std::max(newest, sequence);
      }
      ASSERT_GT(*operation.sequences.begin(), newest) << "operation " << i;
      seen_before_.insert(i);
    }
    note("node {} shows {} operations", index, seen.size());
  }

  void add_statistics(const StoreStatistics& statistics) {
    statistics_.seals = std::max(statistics_.seals, statistics.seals);
    statistics_.checkpoints = std::max(statistics_.checkpoints, statistics.checkpoints);
  }

  std::mt19937_64 random_;
  SteppedClock clock_{std::chrono::seconds(0)};
  std::shared_ptr<log::SimulatedTopic> topic_;
  std::vector<Node> nodes_;
  size_t owner_ = 0;  // the node that opened the log last
  bool has_extents_;
  const Guid hub_{1, 2};
  int step_ = 0;
  std::vector<Operation> operations_;
  std::set<size_t> outstanding_, seen_before_;
  std::optional<int64_t> next_offset_;  // of the stream, if all that is under way is stored
  StoreStatistics statistics_;
  uint64_t most_under_way_ = 0;
  std::string trace_;
};

class SimulationTest : public ::testing::Test {
 protected:
  SimulationTest() { spdlog::set_level(spdlog::level::off); }
  ~SimulationTest() override { spdlog::set_level(spdlog::level::info); }

  struct Counts {
    uint64_t stored = 0, refused = 0, unknown = 0, resolved = 0;
  };
  static Counts count(const Simulation& simulation) {
    Counts counts;
    for (const Operation& operation : simulation.operations()) {
      using Answer = Operation::Answer;
      bool is_stored = operation.answer == Answer::kStored;
      counts.stored += is_stored;
      counts.refused += operation.answer == Answer::kRefused;
      counts.unknown += operation.answer == Answer::kUnknown;
      counts.resolved += is_stored && operation.was_unknown;
    }
    return counts;
  }
};

TEST_F(SimulationTest, OneNodeKeepsItsPromisesOverALogThatMisbehaves) {
  Counts sum;
  StoreStatistics most;
  for (uint64_t seed = 0; seed < 2 * seed_count() && !HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Simulation simulation(seed, 1);
    simulation.run(2500);
    Counts counts = count(simulation);
    sum.stored += counts.stored;
    sum.refused += counts.refused;
    sum.unknown += counts.unknown;
    sum.resolved += counts.resolved;
    most.seals = std::max(most.seals, simulation.statistics().seals);
    most.checkpoints = std::max(most.checkpoints, simulation.statistics().checkpoints);
  }
  EXPECT_GT(sum.stored, 1000u);
  for (uint64_t count : {sum.refused, sum.unknown, sum.resolved}) EXPECT_GT(count, 10u);
  EXPECT_GT(most.seals, 2u);
  EXPECT_GT(most.checkpoints, 2u);
}

TEST_F(SimulationTest, TwoNodesThatTakeTheLogFromEachOtherKeepThemToo) {
  Counts sum;
  uint64_t deposed = 0;
  for (uint64_t seed = 100; seed < 100 + 4 * seed_count() && !HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Simulation simulation(seed, 2);
    simulation.run(2500);
    Counts counts = count(simulation);
    sum.stored += counts.stored;
    sum.resolved += counts.resolved;
    deposed += simulation.voids().deposed;
  }
  EXPECT_GT(sum.stored, 500u);
  EXPECT_GT(sum.resolved, 10u);
  EXPECT_GT(deposed, 10u);
}

TEST_F(SimulationTest, TheSameSeedGivesTheSameTrace) {
  for (size_t nodes : {1, 2}) {
    Simulation first(7, nodes), second(7, nodes);
    first.run(1500);
    second.run(1500);
    EXPECT_EQ(first.trace(), second.trace());
    EXPECT_GT(first.operations().size(), 50u);
  }
}

// With its threads, and answers that come from another one.
TEST_F(SimulationTest, ThreadsOfItsOwnKeepThemToo) {
  TemporaryDirectory directory;
  TestClock clock;
  auto topic = std::make_shared<log::SimulatedTopic>(1, log::SimulatedFaults::none());
  std::jthread network([topic](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!topic->step()) std::this_thread::yield();
    }
  });
  StoreOptions options = small_options(directory.path());
  options.make_log = [topic] { return std::make_unique<log::SimulatedLog>(topic); };
  auto store = Store::open(options, posix_file_system(), clock);
  auto table = create_table(*store, "T");
  topic->set_faults({});
  std::vector<int64_t> expected;
  std::vector<std::jthread> clients;
  for (int64_t client = 0; client < 4; ++client) {
    for (int64_t i = 0; i < 60; ++i) expected.push_back(client * 100 + i);
    clients.emplace_back([&, client] {
      for (int64_t i = 0; i < 60; ++i) {
        auto id = static_cast<uint64_t>(client * 100 + i);
        for (bool is_stored = false; !is_stored;) {
          Transaction transaction = one_append(make_rows(*table, client * 100 + i, 1));
          transaction.key = IdempotencyKey{{id + 1, 1}, {1, 1}};
          // The error of a group is looked at by the thread that it is told on: of an exception that several threads hold,
          // the thread sanitizer does not see who is the last.
          auto outcome = std::make_shared<std::promise<bool>>();
          store->commit(std::move(transaction), [outcome](const CommitResult& result) {
            try {
              if (result.error) std::rethrow_exception(result.error);
            } catch (const Error& error) {
              EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.message();
            }
            outcome->set_value(result.error == nullptr);
          });
          is_stored = outcome->get_future().get();
        }
      }
    });
  }
  clients.clear();
  EXPECT_EQ(all_ids(*store, table->id), expected);
  topic->set_faults(log::SimulatedFaults::none());
  store = nullptr;
  store = Store::open(options, posix_file_system(), clock);
  EXPECT_EQ(all_ids(*store, table->id), expected);
  store = nullptr;
}

}  // namespace
}  // namespace rivulet::store
