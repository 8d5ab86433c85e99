// What a new kind of durable thing costs: a class like Counters, and the line that adds it to the state.

#include "store/parts/part.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "common/error.h"
#include "log/local_log.h"
#include "objects/directory_objects.h"
#include "store/checkpointer.h"
#include "store/committer.h"
#include "store/retries.h"
#include "store/state.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;

// Counters by name. A transaction adds to one, and is refused when that would be less than nothing.
class Counters final : public Part {
 public:
  static constexpr ItemKind kAdd{200};
  static constexpr rowstore::BlockKind kBlock{200};

  static PartItem add(std::string_view name, int64_t amount) {
    PartItem item{kAdd, {}};
    write(item.content, name, amount);
    return item;
  }
  const std::map<std::string, int64_t>& published() const { return published_; }

  std::vector<ItemKind> item_kinds() const override { return {kAdd}; }
  std::vector<rowstore::BlockKind> block_kinds() const override { return {kBlock}; }
  void begin_group() override { staged_.clear(); }
  void check(const Turn& turn) override {
    checked_ = staged_;
    for (const PartItem& item : turn.transaction.items) {
      if (item.kind != kAdd) continue;
      auto [name, amount] = read(item.content);
      int64_t added = checked_[name] += amount;
      auto applied = applied_.find(name);
      if ((applied == applied_.end() ? 0 : applied->second) + added < 0) {
        throw bad_request("A counter is not negative");
      }
    }
  }
  void stage(const Turn& /*turn*/, std::string& /*record*/) override { staged_ = checked_; }
  void apply(ItemKind /*kind*/, ByteReader& item, const RecordPlace& place) override {
    auto [name, amount] = read(item.string());
    applied_[name] += amount;
    applied_["sequence"] = static_cast<int64_t>(place.sequence);
  }
  bool publish() override {
    published_ = applied_;
    return false;
  }
  Save freeze(Sequence /*sequence*/) const override {
    return [counters = published_](rowstore::BlockFileWriter& file) {
      BlockGatherer blocks(file, kBlock);
      for (const auto& [name, value] : counters) {
        std::string item;
        write(item, name, value);
        ByteWriter(blocks.content()).string(item);
        blocks.end_item();
      }
      blocks.flush();
    };
  }
  void load(rowstore::BlockKind /*kind*/, std::string_view content) override {
    ByteReader reader(content);
    while (!reader.at_end()) {
      auto [name, value] = read(reader.string());
      applied_[name] = value;
    }
  }

 private:
  static void write(std::string& out, std::string_view name, int64_t amount) {
    ByteWriter writer(out);
    writer.string(name);
    writer.fixed(amount);
  }
  static std::pair<std::string, int64_t> read(std::string_view bytes) {
    ByteReader reader(bytes);
    std::string name(reader.string());
    return {name, reader.fixed<int64_t>()};
  }

  std::map<std::string, int64_t> checked_, staged_;  // what is added to applied_
  std::map<std::string, int64_t> applied_, published_;
};

// A store of its smallest pieces, with that part.
class PartTest : public ::testing::Test {
 protected:
  struct Pieces final : CommitListener {
    explicit Pieces(const std::filesystem::path& directory)
        : objects(posix_file_system(), directory),
          extent_files(objects),
          row_files(objects),
          state(extent_files, row_files, {}, 0),
          log({.directory = directory / "log"}, posix_file_system(), system_clock()),
          retries(state, system_clock()),
          checkpointer(objects, row_files, state, log, retries) {
      state.add(counters);
      Sequence base = checkpointer.load();
      Sequence last = base;
      log.tail(base + 1, [&](const log::StoredRecord& record) {
        state.apply(record.position, {&record.payload, 1});
        last = record.position;
        ++replayed;
      });
      std::vector<rowstore::TailEvent> events;
      state.publish(last, 0, events);
      log.open();
      committer = std::make_unique<Committer>(log, state, *this, system_clock(), CommitterLimits{});
    }
    void on_published(std::span<const rowstore::TailEvent>, uint64_t, uint64_t) override {}
    void on_extents_added(catalog::TableId) override {}

    objects::DirectoryObjects objects;
    extents::ExtentFiles extent_files;
    rowstore::RowFiles row_files;
    Counters counters;
    State state;
    log::LocalLog log;
    Retries retries;
    Checkpointer checkpointer;
    size_t replayed = 0;
    std::unique_ptr<Committer> committer;
  };

  PartTest() {
    for (const char* folder : {"log", "checkpoint", "rows", "extents"}) {
      std::filesystem::create_directories(directory_.path() / folder);
    }
    reopen();
  }
  void reopen() {
    pieces_ = nullptr;
    pieces_ = std::make_unique<Pieces>(directory_.path());
  }
  void commit(std::vector<PartItem> items) {
    Transaction transaction;
    transaction.items = std::move(items);
    pieces_->committer->commit(std::move(transaction));
  }
  const std::map<std::string, int64_t>& counters() const { return pieces_->counters.published(); }

  using Values = std::map<std::string, int64_t>;
  TemporaryDirectory directory_;
  std::unique_ptr<Pieces> pieces_;
};

TEST_F(PartTest, APartSurvivesTheLogAndACheckpoint) {
  commit({Counters::add("a", 5)});
  commit({Counters::add("a", -2), Counters::add("b", 1)});
  EXPECT_THROW(commit({Counters::add("b", 1), Counters::add("a", -4)}), Error);
  EXPECT_EQ(counters(), (Values{{"a", 3}, {"b", 1}, {"sequence", 2}}));

  reopen();
  EXPECT_EQ(pieces_->replayed, 2U);
  EXPECT_EQ(counters(), (Values{{"a", 3}, {"b", 1}, {"sequence", 2}}));

  pieces_->checkpointer.checkpoint(*pieces_->committer, false);
  commit({Counters::add("c", 7)});
  reopen();
  EXPECT_EQ(pieces_->replayed, 1U);
  EXPECT_EQ(counters(), (Values{{"a", 3}, {"b", 1}, {"c", 7}, {"sequence", 3}}));
}

// What transactions before it in the group do counts, and what a refused one would have done does not.
TEST_F(PartTest, AGroupIsCheckedAgainstWhatItStages) {
  std::atomic<size_t> refused = 0;
  auto add = [&](int64_t amount) {
    Transaction transaction;
    transaction.items.push_back(Counters::add("a", amount));
    pieces_->committer->submit(std::move(transaction), [&](const CommitResult& result) {
      if (result.error) ++refused;
    });
  };
  // Whether they come as one group or several: the order decides.
  for (int64_t amount : {2, -3, -2, 1, -2, -1}) add(amount);
  commit({});
  EXPECT_EQ(refused, 2U);
  EXPECT_EQ(counters().at("a"), 0);
}

TEST_F(PartTest, AnItemOfNoPartIsRefused) {
  EXPECT_THROW(commit({PartItem{ItemKind{201}, "x"}}), Error);
  // Nor are those of parts that have members of Transaction.
  EXPECT_THROW(commit({PartItem{TailsPart::kAppend, "x"}}), Error);
  EXPECT_TRUE(counters().empty());
}

}  // namespace
}  // namespace rivulet::store
