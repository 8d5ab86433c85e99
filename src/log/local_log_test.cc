#include "log/local_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <thread>

#include "common/error.h"
#include "common/testing/fault_file_system.h"
#include "common/testing/temporary_directory.h"
#include "log/segment_format.h"

namespace rivulet::log {
namespace {

constexpr uint64_t kSegmentBytes = 16 << 10;

std::string payload_of(Position position, size_t size) {
  std::string payload = fmt::format("record {} ", position);
  while (payload.size() < size) payload += static_cast<char>('a' + payload.size() % 26);
  payload.resize(size);
  return payload;
}

class LocalLogTest : public ::testing::Test {
 protected:
  LocalLogTest() : path_(directory_.path() / "log") {}

  std::unique_ptr<LocalLog> make(FileSystem& files = posix_file_system()) {
    return std::make_unique<LocalLog>(
        LocalLogOptions{.directory = path_, .segment_bytes = kSegmentBytes, .kept_segments = 3},
        files, system_clock());
  }
  TailResult replay(LocalLog& log, Position from = 1) {
    replayed_.clear();
    TailResult result = log.tail(from, [this](const StoredRecord& record) {
      EXPECT_TRUE(replayed_.emplace(record.position, record.payload).second);
    });
    next_ = result.next;
    log.open();
    return result;
  }
  std::unique_ptr<LocalLog> open(Position from = 1) {
    auto log = make();
    result_ = replay(*log, from);
    return log;
  }
  static Outcome submit(Log& log, std::span<const Record> records) {
    Outcome result;
    log.submit(records, [&](const Outcome& outcome) { result = outcome; });
    return result;
  }
  // Appends a group of records of these sizes, in pieces. Throws what the log answers instead.
  void append(LocalLog& log, const std::vector<size_t>& sizes) {
    if (is_unknown_) log.open();
    is_unknown_ = false;
    std::vector<std::string> payloads;
    std::vector<std::array<std::string_view, 3>> pieces;
    Position position = next_;
    for (size_t size : sizes) payloads.push_back(payload_of(position++, size));
    for (const std::string& payload : payloads) {
      std::string_view all = payload;
      size_t third = all.size() / 3;
      pieces.push_back({all.substr(0, third), all.substr(third, third), all.substr(2 * third)});
    }
    std::vector<Record> records(pieces.begin(), pieces.end());
    Outcome outcome = submit(log, records);
    is_unknown_ = outcome.kind == Outcome::Kind::kUnknown;
    if (outcome.error) std::rethrow_exception(outcome.error);
    EXPECT_EQ(outcome.first, next_);
    for (const std::string& payload : payloads) expected_[next_++] = payload;
  }
  std::vector<std::filesystem::path> segments() const {
    std::vector<std::filesystem::path> paths;
    for (const std::string& name : posix_file_system().list(path_)) {
      if (parse_segment_name(name)) paths.push_back(path_ / name);
    }
    return paths;
  }
  static std::string read_file(const std::filesystem::path& path) {
    auto file = posix_file_system().open(path, FileSystem::Mode::kRead);
    std::string content(file->size(), '\0');
    file->read(0, std::as_writable_bytes(std::span(content)));
    return content;
  }
  static void write_file(const std::filesystem::path& path, std::string_view content) {
    auto file = posix_file_system().open(path, FileSystem::Mode::kReadWrite);
    file->write(0, std::as_bytes(std::span(content)));
  }
  static void expect_damaged(LocalLogTest& test, const std::filesystem::path& path,
                             uint64_t offset) {
    std::string before = read_file(path);
    try {
      test.open();
      FAIL() << "damage at offset " << offset << " was not noticed";
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(path.string()), std::string::npos) << error.message();
      EXPECT_NE(error.message().find(fmt::format("offset {} ", offset)), std::string::npos)
          << error.message();
    }
    EXPECT_EQ(read_file(path), before);
  }

  TemporaryDirectory directory_;
  const std::filesystem::path path_;
  std::map<Position, std::string> expected_, replayed_;
  TailResult result_;
  std::atomic<Position> next_ = 1;  // of the log that was opened last
  bool is_unknown_ = false;         // the outcome of the newest group
};

TEST_F(LocalLogTest, GivesBackWhatWasAppended) {
  for (int round = 0; round < 4; ++round) {
    auto log = open();
    EXPECT_EQ(replayed_, expected_);
    EXPECT_FALSE(result_.was_cut);
    EXPECT_EQ(next_, expected_.size() + 1);
    append(*log, {1});
    append(*log, {0, 7, 8, 9, 100, 1023, 1024, 1025});
    append(*log, {3000, 4000, 5000});
    append(*log, {1});
  }
  open();
  EXPECT_EQ(replayed_, expected_);
}

TEST_F(LocalLogTest, RecordsLargerThanASegmentOrTheBuffer) {
  {
    auto log = open();
    append(*log, {10});
    append(*log, {kSegmentBytes * 3});
    append(*log, {10});
    append(*log, {5 << 20, 10, 3 << 20});
    append(*log, {10});
  }
  auto log = open();
  EXPECT_EQ(replayed_, expected_);
  log->truncate(next_);
  for (int i = 0; i < 20; ++i) append(*log, {7000, 7000});
  for (const auto& path : segments()) {
    EXPECT_LE(std::filesystem::file_size(path), std::max<uint64_t>(kSegmentBytes, 9 << 20));
  }
}

TEST_F(LocalLogTest, SegmentsAreUsedAgainAndTheirOldRecordsMeanNothing) {
  auto log = open();
  Position kept = 1;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 10; ++i) append(*log, {500, 500});
    if (round % 3 == 0) {
      kept = next_ - 5;
      log->truncate(kept);
    }
    if (round % 7 == 0) {
      log = nullptr;
      log = open(kept);
      std::map<Position, std::string> expected(expected_.lower_bound(kept), expected_.end());
      ASSERT_EQ(replayed_, expected);
    }
  }
  EXPECT_LE(segments().size(), 8u);
}

TEST_F(LocalLogTest, ATornLastRecordIsCutAtWhateverByte) {
  {
    auto log = open();
    append(*log, {100, 200});
    append(*log, {300});
  }
  std::filesystem::path path = segments().back();
  std::string whole = read_file(path);
  uint64_t start = kPageBytes + record_bytes(100) + record_bytes(200);
  uint64_t end = start + record_bytes(300);
  std::map<Position, std::string> expected = expected_;
  expected.erase(3);
  for (uint64_t cut = start; cut < end; ++cut) {
    // What the write did not reach is zero, or what an earlier life of the segment left there.
    for (char rest : {'\0', '\x5a'}) {
      std::string torn = whole;
      std::fill(torn.begin() + static_cast<ptrdiff_t>(cut), torn.end(), rest);
      if (torn == whole || cut >= start + sizeof(RecordHeader) + 300) continue;
      write_file(path, torn);
      ASSERT_NO_THROW(open()) << cut;
      ASSERT_EQ(replayed_, expected) << cut;
      // From the second word on the header says that there was a record of this segment.
      if (cut >= start + 16) {
        ASSERT_TRUE(result_.was_cut) << cut;
        ASSERT_NE(result_.cut_message.find(path.string()), std::string::npos);
      }
    }
  }
  // The log goes on behind the cut.
  write_file(path, whole.substr(0, end - 20) + std::string(20, '\0'));
  expected_ = expected;
  auto log = open();
  append(*log, {400});
  append(*log, {50});
  log = nullptr;
  open();
  EXPECT_EQ(replayed_, expected_);
  EXPECT_FALSE(result_.was_cut);
}

TEST_F(LocalLogTest, DamageBeforeALaterRecordIsRefused) {
  {
    auto log = open();
    append(*log, {100, 200});
    append(*log, {300});
    append(*log, {100});
  }
  std::filesystem::path path = segments().back();
  std::string whole = read_file(path);
  uint64_t second = kPageBytes + record_bytes(100);
  uint64_t third = second + record_bytes(200);
  uint64_t fourth = third + record_bytes(300);
  for (auto [from, to] : {std::pair(kPageBytes, second), {second, third}, {third, fourth}}) {
    for (uint64_t at = from; at < to; at += 3) {
      std::string damaged = whole;
      damaged[at] ^= 0x10;
      write_file(path, damaged);
      // Padding is not read.
      if (at >= from + sizeof(RecordHeader) + (from == third ? 300 : from == second ? 200 : 100)) {
        continue;
      }
      expect_damaged(*this, path, from);
    }
  }
  write_file(path, whole);
  open();
  EXPECT_EQ(replayed_, expected_);
}

TEST_F(LocalLogTest, AGroupWhosePagesCameOutOfOrderIsCutAsAWhole) {
  {
    auto log = open();
    append(*log, {100});
    append(*log, {5000, 200, 300});
  }
  std::filesystem::path path = segments().back();
  std::string damaged = read_file(path);
  damaged[kPageBytes + record_bytes(100) + 2000] ^= 1;
  write_file(path, damaged);
  expected_ = {{1, expected_[1]}};
  {
    auto log = open();
    EXPECT_EQ(replayed_, expected_);
    EXPECT_TRUE(result_.was_cut);
    // The later records of the group were whole. They must not come back behind a new one.
    append(*log, {5000});
  }
  open();
  EXPECT_EQ(replayed_, expected_);
}

TEST_F(LocalLogTest, DamageInAnEarlierSegmentIsRefused) {
  {
    auto log = open();
    for (int i = 0; i < 12; ++i) append(*log, {3000});
  }
  auto paths = segments();
  ASSERT_GE(paths.size(), 3u);
  std::string whole = read_file(paths[0]);
  std::string damaged = whole;
  // The last record of the segment: nothing valid follows it there.
  damaged[kPageBytes + 2 * record_bytes(3000) + 100] ^= 1;
  write_file(paths[0], damaged);
  expect_damaged(*this, paths[0], kPageBytes + 2 * record_bytes(3000));
  write_file(paths[0], whole);
  std::string second = read_file(paths[1]);
  damaged = second;
  damaged[20] ^= 1;
  write_file(paths[1], damaged);
  EXPECT_THROW(open(), Error);
  write_file(paths[1], second);
  open();
  EXPECT_EQ(replayed_, expected_);
  // A segment that is gone.
  std::filesystem::remove(paths[1]);
  EXPECT_THROW(open(), Error);
}

TEST_F(LocalLogTest, AnEmptyLogBehindACheckpointIsRefused) {
  EXPECT_THROW(open(5), Error);
}

TEST_F(LocalLogTest, RecordsThatAreMissingAreRefused) {
  {
    auto log = open();
    for (int i = 0; i < 12; ++i) append(*log, {3000});
  }
  std::filesystem::remove(segments().front());
  EXPECT_THROW(open(), Error);
  open(5);
  EXPECT_EQ(replayed_.begin()->first, 5u);
}

TEST_F(LocalLogTest, AFailedWriteOrSyncRefusesAndTheLogGoesOn) {
  using Operation = FaultFileSystem::Operation;
  for (Operation failing : {Operation::kWrite, Operation::kSync}) {
    std::filesystem::remove_all(path_);
    expected_.clear();
    FaultFileSystem files(directory_.path());
    auto log = make(files);
    replay(*log);
    append(*log, {100, 200});
    int countdown = 0;
    auto hook = files.set_hook([&](Operation operation, const auto&) {
      return operation == failing && countdown-- == 0 ? EIO : 0;
    });
    EXPECT_THROW(append(*log, {300, 400}), Error);
    EXPECT_TRUE(is_unknown_);
    std::string_view piece = "before it is opened again";
    Record record(&piece, 1);
    EXPECT_EQ(submit(*log, {&record, 1}).kind, Outcome::Kind::kRefused);
    append(*log, {50});
    countdown = 0;
    EXPECT_THROW(append(*log, {5000}), Error);
    append(*log, {5000});
    log = nullptr;
    hook.remove();
    open();
    EXPECT_EQ(replayed_, expected_);
  }
}

// A step for each look, so that nothing waits to be tried again.
class SteppingClock final : public Clock {
 public:
  Ticks now() const override { return 0; }
  std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(++steps_));
  }

 private:
  mutable std::atomic<int64_t> steps_ = 0;
};

// A new segment that got its name ends the one before it, even if opening it failed in the end. Whatever fails
// while one is opened, and whatever the disk forgets then: what was acknowledged is there, and the log goes on.
TEST_F(LocalLogTest, AnyFailureWhileASegmentIsOpenedIsSurvived) {
  using Unsynced = FaultFileSystem::Unsynced;
  SteppingClock clock;
  uint64_t images = 0;
  for (bool has_free_file : {false, true}) {
    bool was_reached = true;
    for (int failing = 0; was_reached; ++failing) {
      SCOPED_TRACE(fmt::format("operation {}, {}", failing, has_free_file ? "free file" : "none"));
      std::filesystem::remove_all(path_);
      expected_.clear();
      FaultFileSystem files(directory_.path());
      auto log = std::make_unique<LocalLog>(
          LocalLogOptions{.directory = path_, .segment_bytes = kSegmentBytes, .kept_segments = 3},
          files, clock);
      replay(*log);
      Position from = 1;
      for (int i = 0; has_free_file && i < 4; ++i) append(*log, {6000});
      if (has_free_file) {
        from = next_;
        log->truncate(from);
      }
      append(*log, {6000});
      was_reached = false;
      int countdown = failing;
      std::thread::id appending = std::this_thread::get_id();
      auto hook = files.set_hook([&](FaultFileSystem::Operation, const auto&) {
        // The thread that prepares segments is no part of this.
        if (std::this_thread::get_id() != appending) return 0;
        if (was_reached) {
          for (Unsynced unsynced : {Unsynced::kLost, Unsynced::kKept, Unsynced::kRandom}) {
            TemporaryDirectory image;
            files.copy_survivors(image.path(), unsynced, ++images);
            LocalLog copy({.directory = image.path() / "log", .segment_bytes = kSegmentBytes},
                          posix_file_system(), clock);
            Position next = from;
            copy.tail(from,
                      [&](const StoredRecord& record) { EXPECT_EQ(record.position, next++); });
            EXPECT_GT(next, expected_.rbegin()->first);
          }
        }
        bool fails = countdown-- == 0;
        was_reached |= fails;
        return fails ? EIO : 0;
      });
      for (size_t size : {6000, 4000, 100, 9000, 100}) {
        for (int attempt = 0;; ++attempt) {
          try {
            append(*log, {size});
            break;
          } catch (const Error& error) {
            ASSERT_EQ(error.kind(), ErrorKind::kUnavailable);
            ASSERT_LT(attempt, 3);
          }
        }
      }
      log = nullptr;
      hook.remove();
      open(from);
      std::map<Position, std::string> expected(expected_.lower_bound(from), expected_.end());
      EXPECT_EQ(replayed_, expected);
    }
  }
  EXPECT_GT(images, 200u);
}

// Segments have their size before they get their name, and the newest is known by name.
class CutLogTest : public LocalLogTest {
 protected:
  void SetUp() override {
    auto log = open();
    for (int i = 0; i < 10; ++i) append(*log, {3000});
    log = nullptr;
    paths_ = segments();
    ASSERT_EQ(paths_.size(), 3u);
  }
  void expect_refused(const std::vector<std::string>& words) {
    try {
      open();
      FAIL() << "the damage was not noticed";
    } catch (const Error& error) {
      for (const std::string& word : words) {
        EXPECT_NE(error.message().find(word), std::string::npos) << error.message();
      }
    }
  }
  std::vector<std::filesystem::path> marks() const {
    std::vector<std::filesystem::path> paths;
    for (const std::string& name : posix_file_system().list(path_)) {
      if (parse_mark_name(name)) paths.push_back(path_ / name);
    }
    return paths;
  }
  // Makes the segment what an earlier version would have made.
  static void forget_size(const std::filesystem::path& path) {
    std::string content = read_file(path);
    Page page;
    SegmentHeader header =
        *decode_segment_header(std::as_bytes(std::span(content)).first(kPageBytes));
    header.file_bytes = 0;
    encode_segment_header(header, page.bytes);
    write_file(path, {reinterpret_cast<const char*>(page.bytes), kPageBytes});
  }

  std::vector<std::filesystem::path> paths_;
};

TEST_F(CutLogTest, AShortSegmentIsRefusedByNameAndSize) {
  for (const std::filesystem::path& path : paths_) {
    std::string whole = read_file(path);
    EXPECT_EQ(whole.size(), kSegmentBytes);
    for (uint64_t size : {uint64_t{0}, uint64_t{20}, kPageBytes, kPageBytes + 3100, uint64_t{8192},
                          kSegmentBytes - kPageBytes, kSegmentBytes - 1}) {
      std::filesystem::resize_file(path, size);
      expect_refused({path.string(), fmt::format("{} bytes", size)});
      EXPECT_EQ(read_file(path), whole.substr(0, size));
      write_file(path, whole);
    }
  }
  open();
  EXPECT_EQ(replayed_, expected_);
}

TEST_F(CutLogTest, ADamagedHeaderIsRefusedByName) {
  for (const std::filesystem::path& path : paths_) {
    std::string whole = read_file(path);
    std::string damaged = whole;
    damaged[9] ^= 1;
    write_file(path, damaged);
    expect_refused({path.string(), "no valid header", fmt::format("{} bytes", kSegmentBytes)});
    write_file(path, whole);
  }
}

TEST_F(CutLogTest, AMissingNewestSegmentIsRefusedByName) {
  std::filesystem::path newest = paths_.back();
  std::filesystem::rename(newest, directory_.path() / "aside");
  expect_refused({newest.string(), "is missing"});
  std::filesystem::remove(paths_[0]);
  std::filesystem::remove(paths_[1]);
  expect_refused({newest.string(), "is missing"});
  // Another file under its name is not it.
  { std::ofstream(newest) << std::string(kSegmentBytes, '\0'); }
  expect_refused({newest.string(), "no valid header", fmt::format("{} bytes", kSegmentBytes)});
}

TEST_F(CutLogTest, TheMarkFollowsTheNewestSegment) {
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(marks().size(), 1u);
    EXPECT_EQ(marks()[0].stem(), segments().back().stem());
    auto log = open();
    append(*log, {9000});
    append(*log, {9000});
  }
  // A copy over an older one leaves two: the later counts.
  { std::ofstream(path_ / mark_name(1)); }
  open();
  EXPECT_EQ(replayed_, expected_);
  EXPECT_EQ(marks().size(), 1u);
}

TEST_F(CutLogTest, AMarkThatIsRemovedIsMadeAgain) {
  {
    auto log = open();
    for (const std::filesystem::path& path : marks()) std::filesystem::remove(path);
    append(*log, {9000});
  }
  ASSERT_EQ(marks().size(), 1u);
  EXPECT_EQ(marks()[0].stem(), segments().back().stem());
  for (const std::filesystem::path& path : marks()) std::filesystem::remove(path);
  {
    auto log = open();
    append(*log, {9000});
  }
  ASSERT_EQ(marks().size(), 1u);
  open();
  EXPECT_EQ(replayed_, expected_);
}

TEST_F(CutLogTest, ALogOfAnEarlierVersionOpensAndIsGuardedFromTheFirstAppendOn) {
  for (const std::filesystem::path& path : paths_) forget_size(path);
  for (const std::filesystem::path& path : marks()) std::filesystem::remove(path);
  // Its newest segment may have been one that grew.
  uint64_t used = kPageBytes + 2 * record_bytes(3000);
  std::filesystem::resize_file(paths_.back(), (used + kPageBytes - 1) / kPageBytes * kPageBytes);
  {
    auto log = open();
    EXPECT_EQ(replayed_, expected_);
    append(*log, {100});
  }
  open();
  EXPECT_EQ(replayed_, expected_);
  ASSERT_EQ(marks().size(), 1u);
  std::filesystem::path newest = segments().back();
  std::filesystem::resize_file(newest, 0);
  expect_refused({newest.string(), "0 bytes"});
}

TEST_F(LocalLogTest, AFullDiskRefusesAndServiceResumes) {
  FaultFileSystem files(directory_.path());
  auto log = make(files);
  replay(*log);
  append(*log, {3000});
  files.set_free_bytes(1000);
  int refused = 0;
  for (int i = 0; i < 10; ++i) {
    try {
      append(*log, {3000});
    } catch (const Error& error) {
      EXPECT_FALSE(error.is_permanent());
      EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
      ++refused;
    }
  }
  EXPECT_GE(refused, 7);
  files.set_free_bytes(std::nullopt);
  std::this_thread::sleep_for(std::chrono::milliseconds(110));
  for (int i = 0; i < 10; ++i) append(*log, {3000});
  log = nullptr;
  open();
  EXPECT_EQ(replayed_, expected_);
}

// Whatever the disk forgets at whatever moment: what was acknowledged is there, and what is there was
// appended, in order.
TEST_F(LocalLogTest, SurvivesPowerLossAtEveryOperation) {
  using Unsynced = FaultFileSystem::Unsynced;
  FaultFileSystem files(directory_.path());
  auto log = make(files);
  replay(*log);
  std::map<Position, std::string> appended;
  // The hook runs on the thread that prepares segments too.
  std::atomic<Position> acknowledged = 0, truncated = 1;
  int images = 0;
  auto hook = files.set_hook([&](FaultFileSystem::Operation, const auto&) {
    for (Unsynced unsynced : {Unsynced::kLost, Unsynced::kKept, Unsynced::kRandom}) {
      Position from = truncated, least = acknowledged;
      TemporaryDirectory image;
      files.copy_survivors(image.path(), unsynced, static_cast<uint64_t>(++images));
      LocalLog copy({.directory = image.path() / "log", .segment_bytes = kSegmentBytes},
                    posix_file_system(), system_clock());
      Position next = from;
      copy.tail(from, [&](const StoredRecord& record) {
        EXPECT_EQ(record.position, next++);
        EXPECT_EQ(record.payload, payload_of(record.position, record.payload.size()));
      });
      EXPECT_GT(next, least);
    }
    return 0;
  });
  std::mt19937_64 random(1);
  for (int i = 0; i < 60; ++i) {
    std::vector<size_t> sizes(1 + random() % 4);
    for (size_t& size : sizes) size = 20 + random() % 1500;
    append(*log, sizes);
    acknowledged = next_ - 1;
    if (i % 13 == 12) {
      truncated = acknowledged - 2;
      log->truncate(truncated);
    }
  }
  EXPECT_GT(images, 400);
}

TEST_F(LocalLogTest, ATailReadsOnWhereTheOneBeforeEnded) {
  constexpr uint64_t kLarge = 4 << 20;
  LocalLog log({.directory = path_, .segment_bytes = kLarge, .kept_segments = 3},
               posix_file_system(), system_clock());
  std::map<Position, std::string> read;
  auto visitor = [&](const StoredRecord& record) {
    EXPECT_EQ(record.epoch, 1u);
    EXPECT_TRUE(read.emplace(record.position, record.payload).second);
  };
  Position next = replay(log).next;
  for (int round = 0; round < 30; ++round) {
    EXPECT_EQ(log.tail(next, visitor).next, next);
    append(log, {300'000, 10});
    if (round % 3 > 0) append(log, {100});
    TailResult result = log.tail(next, visitor);
    EXPECT_EQ(result.records, next_ - next);
    next = result.next;
    EXPECT_EQ(read, expected_);
  }
  // From anywhere.
  for (Position from : {1, 2, 30, 31, 60}) {
    read.clear();
    log.tail(from, visitor);
    EXPECT_EQ(read, (std::map(expected_.lower_bound(from), expected_.end())));
  }
  log.truncate(next);
  EXPECT_THROW(log.tail(1, visitor), Error);
  EXPECT_EQ(log.tail(next, visitor).next, next);
}

TEST_F(LocalLogTest, ASegmentStaysWhileItIsRead) {
  auto log = open();
  for (int i = 0; i < 12; ++i) append(*log, {3000});
  std::map<Position, std::string> expected = expected_, read;
  log->tail(1, [&](const StoredRecord& record) {
    if (record.position == 1) {
      log->truncate(next_);
      for (int i = 0; i < 12; ++i) append(*log, {2900});
      log->truncate(next_);
    }
    read.emplace(record.position, record.payload);
  });
  // What came meanwhile is for the next reading.
  EXPECT_EQ(read, expected);
  EXPECT_GT(log->statistics().segments, 5u);
  log->truncate(next_);
  EXPECT_EQ(log->statistics().segments, 4u);
}

TEST_F(LocalLogTest, IsReadWhileItIsWritten) {
  auto log = open();
  std::atomic<bool> is_done = false;
  std::map<Position, std::string> read;
  std::thread reader([&] {
    Position next = 1;
    for (bool is_last = false; !is_last;) {
      is_last = is_done;
      next = log->tail(next,
                       [&](const StoredRecord& record) {
                         read.emplace(record.position, record.payload);
                       })
                 .next;
      log->truncate(next);
    }
  });
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) append(*log, {20 + random() % 500, 20 + random() % 3000});
  is_done = true;
  reader.join();
  EXPECT_EQ(read, expected_);
}

}  // namespace
}  // namespace rivulet::log
