#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "common/clock.h"
#include "common/file_system.h"
#include "common/testing/temporary_directory.h"
#include "store/store.h"

// What tests of the store, and of rooms above it, need again and again.
namespace rivulet::store::testing {

using rivulet::TemporaryDirectory;

// A clock that goes on by one tick at each look, so that times in a test are never the same by chance.
class TestClock final : public Clock {
 public:
  Ticks now() const override { return ticks_.fetch_add(1) + 1; }
  std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::now();
  }
  void set(Ticks ticks) { ticks_ = ticks; }
  void advance(Ticks ticks) { ticks_ += ticks; }

 private:
  mutable std::atomic<Ticks> ticks_{630'000'000'000'000'000};
};

// A clock of which a test owns both sides. Who waits until a time that was computed from it goes on at once; or, where
// durations are told to begin late, waits until it is woken.
class SteppedClock final : public Clock {
 public:
  static constexpr std::chrono::seconds kLate{1'000'000'000};
  explicit SteppedClock(std::chrono::seconds begin = -kLate) : seconds_(begin.count()) {}

  Ticks now() const override { return ticks_.fetch_add(1) + 1; }
  std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(seconds_.load()));
  }
  // Time goes on, and both sides with it.
  void pass(std::chrono::seconds time) {
    seconds_ += time.count();
    ticks_ += time.count() * kTicksPerSecond;
  }
  // The time of day alone.
  void step(Ticks ticks) { ticks_ += ticks; }

 private:
  mutable std::atomic<Ticks> ticks_{630'000'000'000'000'000};
  std::atomic<int64_t> seconds_;
};

// A clock by which durations pass at once, a second at each look, so that what is put off is tried again soon. The time
// of day goes on only when it is told to.
class FastClock final : public Clock {
 public:
  explicit FastClock(Ticks now = 630'000'000'000'000'000) : now_(now) {}
  Ticks now() const override { return now_; }
  std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(++seconds_));
  }
  void advance(Ticks ticks) { now_ += ticks; }

 private:
  std::atomic<Ticks> now_;
  // Always long past for who waits until a time that was computed from it.
  mutable std::atomic<int64_t> seconds_ = -1'000'000'000;
};

// Waits for something that the background does; fails the test when it does not come.
void wait_until(const std::function<bool()>& condition);
// Changes a byte of the file.
void damage(const std::filesystem::path& path, uint64_t offset);

// How many random histories a test goes through: RIVULET_FAULT_SEEDS, or 4.
uint64_t seed_count();

// Small segments, so that a test crosses many.
StoreOptions small_options(const std::filesystem::path& directory);

struct NamedType {
  std::string name;
  ScalarType type;
};
// Creates a table in NetDefaultDB.
std::shared_ptr<const catalog::Table> create_table(Store& store, std::string_view name,
                                                   const std::vector<NamedType>& columns);
// Columns "id:long, text:string".
std::shared_ptr<const catalog::Table> create_table(Store& store, std::string_view name);
void drop_table(Store& store, catalog::TableId table);

// For Transaction::alter: creates a data connection of NetDefaultDB, or gives it another guid, so that its offsets
// go.
std::function<std::vector<catalog::Change>(const catalog::Catalog&)> put_connection(
    std::string name, const Guid& id);
// What is stored for a connection, by partition; of one topic.
std::map<int32_t, int64_t> stored_offsets(const Store& store, const Guid& connection);

// Rows (id, text(id)) for a table of those columns, ids from `first` on.
Append make_rows(const catalog::Table& table, int64_t first, size_t count);
// The text that goes with an id: some short, some long, some empty.
std::string text_of(int64_t id);
Transaction one_append(Append append);

// A row as it is read back.
struct Row {
  int64_t id;
  std::string text;
  Sequence sequence;
  Ticks time;

  bool operator==(const Row&) const = default;
};
// The rows of the tail of a table of (id, text), those in row files included, in order.
std::vector<Row> tail_rows(const TableSnapshot& table);
// The files of a folder, and of those in it.
std::set<std::filesystem::path> files_of(const std::filesystem::path& folder);
// The rows of an extent of such a table, in order.
std::vector<Row> extent_rows(const catalog::Table& table, const ExtentView& extent);
// The rows of the table now, those of extents included, sorted by id.
std::vector<Row> all_rows(const Store& store, catalog::TableId table);
// Just their ids.
std::vector<int64_t> all_ids(const Store& store, catalog::TableId table);

}  // namespace rivulet::store::testing
