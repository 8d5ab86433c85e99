// The store alone: durable commits a second next to what the disk gives bare, large appends, recovery, and
// what very many small tables cost.
// Usage: store_bench [directory [idle|commits|events|replay|amplification [MiB of log to replay]]]

#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

#include "common/file_system.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

double cpu_seconds(int who = RUSAGE_SELF) {
  rusage usage;
  getrusage(who, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t allocated_bytes() {
  struct mallinfo2 heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

// Writes and syncs over a file that has its blocks already: the most that the log could do.
void bench_disk(const std::filesystem::path& directory, size_t bytes) {
  constexpr uint64_t kFileBytes = 16 << 20;
  auto path = directory / "bare";
  auto file = posix_file_system().open(path, FileSystem::Mode::kCreate);
  std::vector<std::byte> data(kFileBytes);
  file->write(0, data);
  file->sync();
  auto start = SteadyClock::now();
  uint64_t syncs = 0;
  for (uint64_t offset = 0; seconds_since(start) < 2; offset = (offset + bytes) % kFileBytes) {
    file->write(offset, std::span(data).first(bytes));
    file->sync();
    ++syncs;
  }
  fmt::print("bare write of {:5} bytes + fdatasync  {:8.0f} /s\n", bytes,
             static_cast<double>(syncs) / seconds_since(start));
  posix_file_system().remove(path);
}

std::shared_ptr<const catalog::Table> sensor_table(Store& store, const std::string& name) {
  return testing::create_table(store, name,
                               {{"timestamp", ScalarType::kDateTime},
                                {"device", ScalarType::kString},
                                {"sensor", ScalarType::kString},
                                {"value", ScalarType::kReal},
                                {"count", ScalarType::kLong},
                                {"note", ScalarType::kDynamic}});
}

// Of the first six columns.
Append sensor_rows(const catalog::Table& table, size_t count) {
  std::vector<ScalarType> types;
  Append append{table.id, {}, nullptr};
  for (const auto& column : std::span(table.columns).first(6)) {
    types.push_back(column.type);
    append.column_ids.push_back(column.id);
  }
  auto rows = std::make_shared<ColumnBatch>(types);
  for (size_t i = 0; i < count; ++i) {
    rows->column(0).append(static_cast<int64_t>(638'000'000'000'000'000 + i * 10'000));
    rows->column(1).append_text(fmt::format("device-{:06}-of-the-north", i % 1000));
    rows->column(2).append_text("temperature");
    rows->column(3).append(20.0 + static_cast<double>(i % 100) / 10);
    rows->column(4).append(static_cast<int64_t>(i));
    if (i % 4 == 0) {
      rows->column(5).append_text(R"({"unit":"C"})");
    } else {
      rows->column(5).append_null();
    }
  }
  append.rows = std::move(rows);
  return append;
}

void bench_commits(Store& store, size_t outstanding) {
  std::vector<Append> appends;
  for (int i = 0; i < 100; ++i) {
    auto table = sensor_table(store, fmt::format("commits_{}_{}", outstanding, i));
    appends.push_back(sensor_rows(*table, 1));
  }
  std::mutex mutex;
  std::condition_variable wake;
  size_t in_flight = 0;
  uint64_t commits = 0;
  uint64_t syncs = store.statistics().log_syncs;
  double cpu = cpu_seconds();
  auto start = SteadyClock::now();
  std::unique_lock lock(mutex);
  for (size_t i = 0; seconds_since(start) < 3; ++i) {
    wake.wait(lock, [&] { return in_flight < outstanding; });
    ++in_flight;
    lock.unlock();
    store.commit(testing::one_append(appends[i % appends.size()]), [&](const CommitResult&) {
      std::lock_guard done(mutex);
      ++commits;
      if (--in_flight == outstanding - 1 || in_flight == 0) wake.notify_one();
    });
    lock.lock();
  }
  wake.wait(lock, [&] { return in_flight == 0; });
  double seconds = seconds_since(start);
  auto count = static_cast<double>(commits);
  syncs = store.statistics().log_syncs - syncs;
  fmt::print(
      "{:3} outstanding  {:8.0f} commits/s  {:6.0f} syncs/s  {:5.1f} commits/sync  {:5.1f} us "
      "CPU/commit\n",
      outstanding, count / seconds, static_cast<double>(syncs) / seconds,
      count / static_cast<double>(syncs), (cpu_seconds() - cpu) / count * 1e6);
}

void bench_large_appends(Store& store) {
  auto table = sensor_table(store, "large");
  constexpr size_t kRows = 1'000'000, kBatch = 50'000;
  Append rows = sensor_rows(*table, kBatch);
  auto start = SteadyClock::now();
  for (size_t done = 0; done < kRows; done += kBatch) store.commit(testing::one_append(rows));
  fmt::print("1M rows in batches of {}: {:.2f} Mrow/s\n", kBatch,
             kRows / seconds_since(start) / 1e6);
  start = SteadyClock::now();
  store.commit(testing::one_append(sensor_rows(*table, kRows)));
  fmt::print("1M rows in one transaction (with making them): {:.2f} Mrow/s\n",
             kRows / seconds_since(start) / 1e6);
}

constexpr size_t kManyTables = 100'000;

void append_to_each(Store& store, std::span<const std::shared_ptr<const catalog::Table>> tables) {
  for (size_t done = 0; done < tables.size();) {
    Transaction transaction;
    for (size_t end = std::min(done + 1000, tables.size()); done < end; ++done) {
      transaction.appends.push_back(sensor_rows(*tables[done], 1));
    }
    store.commit(std::move(transaction));
  }
}

// Tables of ten columns, and ten rows in each.
void bench_many_tables(Store& store) {
  auto start = SteadyClock::now();
  uint64_t before = allocated_bytes();
  std::vector<catalog::TableId> ids;
  std::vector<std::shared_ptr<const catalog::Table>> tables;
  for (size_t done = 0; done < kManyTables;) {
    Transaction transaction;
    transaction.alter = [&](const catalog::Catalog& catalog) {
      std::vector<catalog::Change> changes;
      for (size_t i = 0; i < 1000; ++i) {
        catalog::Table table;
        table.id = catalog.next_table_id() + i;
        table.database_id = catalog.find_database("NetDefaultDB")->id;
        table.guid = new_guid();
        table.name = fmt::format("many_{}", done + i);
        table.columns = {
            {1, "timestamp", ScalarType::kDateTime, ""}, {2, "device", ScalarType::kString, ""},
            {3, "sensor", ScalarType::kString, ""},      {4, "value", ScalarType::kReal, ""},
            {5, "count", ScalarType::kLong, ""},         {6, "note", ScalarType::kDynamic, ""},
            {7, "low", ScalarType::kReal, ""},           {8, "high", ScalarType::kReal, ""},
            {9, "is_valid", ScalarType::kBool, ""},      {10, "site", ScalarType::kString, ""}};
        table.next_column_id = 11;
        ids.push_back(table.id);
        changes.emplace_back(catalog::PutTable{table});
      }
      return changes;
    };
    store.commit(std::move(transaction));
    done += 1000;
  }
  auto each = [&] {
    return (static_cast<double>(allocated_bytes()) - static_cast<double>(before)) / kManyTables;
  };
  fmt::print("100k tables: made in {:.2f} s, {:.0f} bytes each\n", seconds_since(start), each());
  auto catalog = store.catalog();
  for (catalog::TableId id : ids) tables.push_back(catalog->find_table(id));
  for (size_t round = 0; round < 10; ++round) {
    append_to_each(store, tables);
    if (round == 0 || round == 9) {
      fmt::print("100k tables with {} rows in memory: {:.0f} bytes each\n", round + 1, each());
    }
  }
  start = SteadyClock::now();
  auto snapshot = store.snapshot(ids);
  fmt::print("snapshot of 100k tables: {:.1f} ms\n", seconds_since(start) * 1e3);
}

std::unique_ptr<Store> timed_open(const StoreOptions& options, const char* what) {
  uint64_t before = resident_bytes();
  auto start = SteadyClock::now();
  double cpu = cpu_seconds();
  auto store = Store::open(options, posix_file_system(), system_clock());
  double seconds = seconds_since(start);
  StoreStatistics statistics = store->statistics();
  fmt::print("open {}: {:.2f} s ({:.2f} s CPU), {} MB of log, {} rows in tails, {:+} MB resident\n",
             what, seconds, cpu_seconds() - cpu, statistics.log_bytes >> 20, statistics.tail_rows,
             (static_cast<int64_t>(resident_bytes()) - static_cast<int64_t>(before)) >> 20);
  return store;
}

size_t files_in(const std::filesystem::path& directory) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    count += entry.is_regular_file() ? 1 : 0;
  }
  return count;
}

// What 100,000 tables of ten rows cost when their rows have gone to row files, and to open the store then.
void bench_idle_tables(const StoreOptions& options) {
  auto store = Store::open(options, posix_file_system(), system_clock());
  bench_many_tables(*store);
  auto start = SteadyClock::now();
  store->checkpoint();
  StoreStatistics statistics = store->statistics();
  fmt::print("checkpoint of 100k tables: {:.2f} s; {} files on disk, {} MB in row files\n",
             seconds_since(start), files_in(options.directory), statistics.row_file_bytes >> 20);
  struct Cost {
    double allocated = 0, resident = 0;
  };
  auto reopen = [&](const char* what) {
    store = nullptr;
    ::malloc_trim(0);
    auto allocated = static_cast<double>(allocated_bytes());
    auto resident = static_cast<double>(resident_bytes());
    store = timed_open(options, what);
    ::malloc_trim(0);
    return Cost{static_cast<double>(allocated_bytes()) - allocated,
                static_cast<double>(resident_bytes()) - resident};
  };
  Cost idle = reopen("100k tables in row files");
  fmt::print("bytes_per_idle_table: {:.0f} allocated, {:.0f} resident\n",
             idle.allocated / kManyTables, idle.resident / kManyTables);
  auto tables = store->catalog()->find_database("NetDefaultDB")->tables();
  std::vector<catalog::TableId> ids;
  for (const auto& table : tables) ids.push_back(table->id);
  constexpr size_t kSealed = 2000;
  start = SteadyClock::now();
  store->seal(std::span(ids).first(kSealed));
  double seal_ms = seconds_since(start) * 1e3 / kSealed;
  store->checkpoint();
  Cost sealed = reopen("100k tables, 2k of them sealed");
  fmt::print("an extent in place of a run: {:+.0f} bytes a table; {:.2f} ms to seal each\n",
             (sealed.allocated - idle.allocated) / kSealed, seal_ms);
  auto allocated = static_cast<double>(allocated_bytes());
  append_to_each(*store, tables);
  store->checkpoint();
  fmt::print("one more run: {:+.0f} bytes a table\n",
             (static_cast<double>(allocated_bytes()) - allocated) / kManyTables);
  start = SteadyClock::now();
  uint64_t rows = 0;
  for (size_t i = 0; i < 1000; ++i) {
    catalog::TableId id = ids[i * 97 % ids.size()];
    auto table = store->snapshot({&id, 1})->table(id);
    for (const auto& run : table->runs()) rows += run->read()->front().row_count;
  }
  fmt::print("the rows of 1000 tables read: {:.1f} us a table ({} rows)\n",
             seconds_since(start) * 1e3, rows);
}

// Single-row records of ten columns in 1,000 tables, so many bytes of them, and then a restart.
void bench_replay(const StoreOptions& options, uint64_t bytes) {
  {
    auto store = Store::open(options, posix_file_system(), system_clock());
    std::vector<Append> appends;
    for (int i = 0; i < 1000; ++i) {
      auto table = testing::create_table(*store, fmt::format("replay_{}", i),
                                         {{"timestamp", ScalarType::kDateTime},
                                          {"device", ScalarType::kString},
                                          {"sensor", ScalarType::kString},
                                          {"value", ScalarType::kReal},
                                          {"count", ScalarType::kLong},
                                          {"note", ScalarType::kDynamic},
                                          {"low", ScalarType::kReal},
                                          {"high", ScalarType::kReal},
                                          {"is_valid", ScalarType::kBool},
                                          {"site", ScalarType::kString}});
      std::vector<ScalarType> types;
      Append append{table->id, {}, nullptr};
      for (const auto& column : table->columns) {
        types.push_back(column.type);
        append.column_ids.push_back(column.id);
      }
      auto rows = std::make_shared<ColumnBatch>(types);
      rows->column(0).append(static_cast<int64_t>(638'000'000'000'000'000 + i));
      rows->column(1).append_text(fmt::format("device-{:06}-of-the-north", i));
      rows->column(2).append_text("temperature");
      rows->column(3).append(20.5);
      rows->column(4).append(static_cast<int64_t>(i));
      rows->column(5).append_text(R"({"unit":"C"})");
      rows->column(6).append(1.5);
      rows->column(7).append(99.5);
      rows->column(8).append(uint8_t{1});
      rows->column(9).append_text("a building");
      append.rows = std::move(rows);
      appends.push_back(std::move(append));
    }
    std::mutex mutex;
    std::condition_variable wake;
    size_t in_flight = 0;
    for (size_t i = 0; i % 1024 != 0 || store->statistics().log_bytes < bytes; ++i) {
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return in_flight < 2048; });
      ++in_flight;
      lock.unlock();
      store->commit(testing::one_append(appends[i % appends.size()]), [&](const CommitResult&) {
        std::lock_guard done(mutex);
        if (--in_flight % 1024 == 0) wake.notify_one();
      });
    }
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return in_flight == 0; });
  }
  timed_open(options, "single-row records");
}

// What is written to disk for a row until it stands in an extent, next to its place in the log: a checkpoint
// for each 16 MiB of log, and each table sealed after about 32 of them, one after the other.
void bench_amplification(const StoreOptions& options, size_t table_count) {
  constexpr size_t kRowsAtATime = 3, kCheckpoints = 80, kSealedAfter = 32;
  auto store = Store::open(options, posix_file_system(), system_clock());
  std::vector<catalog::TableId> ids;
  std::vector<Append> rows;
  for (size_t i = 0; i < table_count; ++i) {
    auto table = sensor_table(*store, fmt::format("amplified_{}", i));
    ids.push_back(table->id);
    rows.push_back(sensor_rows(*table, kRowsAtATime));
  }
  size_t next_sealed = 0;
  uint64_t most_files = 0, most_bytes = 0;
  for (StoreStatistics now = store->statistics(); now.checkpoints < kCheckpoints;
       now = store->statistics()) {
    for (size_t done = 0; done < rows.size(); done += 500) {
      Transaction transaction;
      for (size_t i = done; i < std::min(done + 500, rows.size()); ++i) {
        transaction.appends.push_back(rows[i]);
      }
      store->commit(std::move(transaction));
    }
    for (; next_sealed < table_count * now.checkpoints / kSealedAfter; ++next_sealed) {
      store->seal({&ids[next_sealed % table_count], 1});
    }
    most_files = std::max(most_files, now.row_files);
    most_bytes = std::max(most_bytes, now.row_file_bytes);
  }
  StoreStatistics statistics = store->statistics();
  auto ratio = [&](uint64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(statistics.log_written);
  };
  fmt::print(
      "written for {} tables: log {} MB; of that row files {:.2f}, merges {:.2f}, bases {:.2f}, "
      "extents {:.2f}, all with the log {:.2f}; {} merges, {} seals; at most {} row files, {} MB\n",
      table_count, statistics.log_written >> 20, ratio(statistics.spill_written),
      ratio(statistics.merge_written), ratio(statistics.base_written),
      ratio(statistics.extent_written),
      1 + ratio(statistics.spill_written + statistics.merge_written + statistics.base_written +
                statistics.extent_written),
      statistics.row_file_merges, statistics.seals, most_files, most_bytes >> 20);
}

// What a data connection does: transactions of very many small appends with the offsets of 64 partitions, four
// under way.
void bench_events(Store& store) {
  constexpr size_t kTables = 10'000, kPartitions = 64;
  constexpr double kSeconds = 3;
  Guid connection = new_guid();
  Transaction connect;
  connect.alter = testing::put_connection("hub", connection);
  store.commit(std::move(connect));
  std::vector<Append> appends;
  for (size_t i = 0; i < kTables; ++i) {
    appends.push_back(sensor_rows(*sensor_table(store, fmt::format("events_{}", i)), 1));
  }
  for (auto [tables, partitions] : {std::pair<size_t, size_t>{1, 0},
                                    {1, kPartitions},
                                    {100, kPartitions},
                                    {5'000, 0},
                                    {5'000, kPartitions}}) {
    std::vector<int64_t> offsets(kPartitions, -1);
    for (const Progress& stored : store.progress(connection)) {
      offsets[static_cast<size_t>(stored.partition)] = stored.position;
    }
    std::mutex mutex;
    std::condition_variable wake;
    size_t in_flight = 0, transactions = 0, next_table = 0;
    double committer_first = -1, committer_last = 0;
    double caller = cpu_seconds(RUSAGE_THREAD);
    auto start = SteadyClock::now();
    std::unique_lock lock(mutex);
    for (; seconds_since(start) < kSeconds; ++transactions) {
      wake.wait(lock, [&] { return in_flight < 4; });
      ++in_flight;
      lock.unlock();
      Transaction transaction;
      for (size_t i = 0; i < tables; ++i) {
        transaction.appends.push_back(appends[next_table++ % kTables]);
      }
      for (size_t i = 0; i < partitions; ++i) {
        transaction.progress.push_back({connection, "telemetry-of-the-north",
                                        static_cast<int32_t>(i), offsets[i], offsets[i] + 100});
        offsets[i] += 100;
      }
      store.commit(std::move(transaction), [&](const CommitResult& result) {
        if (result.error) std::rethrow_exception(result.error);
        std::lock_guard done(mutex);
        committer_last = cpu_seconds(RUSAGE_THREAD);
        if (committer_first < 0) committer_first = committer_last;
        --in_flight;
        wake.notify_one();
      });
      lock.lock();
    }
    wake.wait(lock, [&] { return in_flight == 0; });
    double seconds = seconds_since(start);
    auto count = static_cast<double>(transactions);
    fmt::print(
        "{:5} appends, {:2} offsets  {:7.0f} transactions/s  {:8.0f} appends/s  CPU a transaction: "
        "caller {:8.1f} us, committer {:8.1f} us\n",
        tables, partitions, count / seconds, count * static_cast<double>(tables) / seconds,
        (cpu_seconds(RUSAGE_THREAD) - caller) / count * 1e6,
        (committer_last - committer_first) / (count - 1) * 1e6);
  }
}

void run(const std::filesystem::path& parent, const std::string& part, uint64_t size) {
  auto directory = parent / fmt::format("rivulet-store-bench-{}", getpid());
  auto is_wanted = [&](const char* name) { return part.empty() || part == name; };
  StoreOptions options;
  options.log_limit_bytes = uint64_t{8} << 30;
  auto fresh = [&] {
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    options.directory = directory / "data";
  };
  if (is_wanted("idle")) {
    fresh();
    bench_idle_tables(options);
  }
  if (is_wanted("commits")) {
    fresh();
    bench_disk(directory, 4096);
    bench_disk(directory, 16384);
    auto store = Store::open(options, posix_file_system(), system_clock());
    for (size_t outstanding : {1, 16, 64, 256}) bench_commits(*store, outstanding);
    bench_large_appends(*store);
  }
  if (is_wanted("events")) {
    fresh();
    auto store = Store::open(options, posix_file_system(), system_clock());
    bench_events(*store);
  }
  if (is_wanted("replay")) {
    fresh();
    bench_replay(options, size > 0 ? size : uint64_t{1} << 30);
  }
  for (size_t tables : {500, 4000}) {
    if (!is_wanted("amplification")) continue;
    fresh();
    StoreOptions small = options;
    small.log_limit_bytes = 16 << 20;
    small.log_segment_bytes = 4 << 20;
    bench_amplification(small, tables);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace rivulet::store

int main(int argc, char** argv) {
  std::setbuf(stdout, nullptr);
  spdlog::set_level(spdlog::level::warn);
  rivulet::store::run(argc > 1 ? argv[1] : ".", argc > 2 ? argv[2] : "",
                      argc > 3 ? std::stoull(argv[3]) << 20 : 0);
  return 0;
}
