#include "log/local_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <numeric>

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
  ReplayResult replay(LocalLog& log, Position from = 1) {
    replayed_.clear();
    return log.replay(from, [this](Position position, std::string_view payload) {
      EXPECT_TRUE(replayed_.emplace(position, payload).second);
    });
  }
  std::unique_ptr<LocalLog> open(Position from = 1) {
    auto log = make();
    result_ = replay(*log, from);
    return log;
  }
  // Appends a group of records of these sizes, in pieces.
  void append(LocalLog& log, const std::vector<size_t>& sizes) {
    std::vector<std::string> payloads;
    std::vector<std::array<std::string_view, 3>> pieces;
    Position position = log.next_position();
    for (size_t size : sizes) payloads.push_back(payload_of(position++, size));
    for (const std::string& payload : payloads) {
      std::string_view all = payload;
      size_t third = all.size() / 3;
      pieces.push_back({all.substr(0, third), all.substr(third, third), all.substr(2 * third)});
    }
    std::vector<Record> records(pieces.begin(), pieces.end());
    log.append(records);
    for (size_t i = 0; i < sizes.size(); ++i) {
      expected_[position - sizes.size() + i] = payloads[i];
    }
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
  ReplayResult result_;
};

TEST_F(LocalLogTest, GivesBackWhatWasAppended) {
  for (int round = 0; round < 4; ++round) {
    auto log = open();
    EXPECT_EQ(replayed_, expected_);
    EXPECT_FALSE(result_.was_cut);
    EXPECT_EQ(log->next_position(), expected_.size() + 1);
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
  log->truncate(log->next_position());
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
      kept = log->next_position() - 5;
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

TEST_F(LocalLogTest, ADamagedHeaderOfTheLastSegmentIsRefused) {
  {
    auto log = open();
    for (int i = 0; i < 5; ++i) append(*log, {3000});
  }
  auto paths = segments();
  ASSERT_EQ(paths.size(), 2u);
  std::string damaged = read_file(paths[1]);
  damaged[9] ^= 1;
  write_file(paths[1], damaged);
  expect_damaged(*this, paths[1], 0);
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
    files.set_hook([&](Operation operation, const auto&) {
      return operation == failing && countdown-- == 0 ? EIO : 0;
    });
    EXPECT_THROW(append(*log, {300, 400}), Error);
    EXPECT_EQ(log->next_position(), 3u);
    append(*log, {50});
    countdown = 0;
    EXPECT_THROW(append(*log, {5000}), Error);
    append(*log, {5000});
    log = nullptr;
    files.set_hook(nullptr);
    open();
    EXPECT_EQ(replayed_, expected_);
  }
}

// A new segment whose header reached the disk ends the one before it, even if opening it failed in the end.
TEST_F(LocalLogTest, ASegmentThatFailedToOpenDoesNotVoidWhatFollows) {
  using Operation = FaultFileSystem::Operation;
  for (Operation failing : {Operation::kRename, Operation::kOpen, Operation::kWrite,
                            Operation::kSync, Operation::kSyncDirectory}) {
    std::filesystem::remove_all(path_);
    expected_.clear();
    FaultFileSystem files(directory_.path());
    auto log = make(files);
    replay(*log);
    append(*log, {6000});
    append(*log, {3000});
    bool has_failed = false;
    files.set_hook([&](Operation operation, const auto& path) {
      // The zeros of a new file are no part of this.
      bool is_filling = path.extension() == ".tmp" && operation != Operation::kRename;
      if (operation != failing || has_failed || is_filling) return 0;
      has_failed = true;
      return EIO;
    });
    EXPECT_THROW(append(*log, {6000}), Error);
    EXPECT_TRUE(has_failed);
    std::this_thread::sleep_for(std::chrono::milliseconds(110));
    append(*log, {100});
    log = nullptr;
    files.set_hook(nullptr);
    open();
    EXPECT_EQ(replayed_, expected_);
  }
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
      EXPECT_EQ(error.http_status(), 503);
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
  files.set_hook([&](FaultFileSystem::Operation, const auto&) {
    for (Unsynced unsynced : {Unsynced::kLost, Unsynced::kKept, Unsynced::kRandom}) {
      Position from = truncated, least = acknowledged;
      TemporaryDirectory image;
      files.copy_survivors(image.path(), unsynced, static_cast<uint64_t>(++images));
      LocalLog copy({.directory = image.path() / "log", .segment_bytes = kSegmentBytes},
                    posix_file_system(), system_clock());
      Position next = from;
      copy.replay(from, [&](Position position, std::string_view payload) {
        EXPECT_EQ(position, next++);
        EXPECT_EQ(payload, payload_of(position, payload.size()));
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
    acknowledged = log->next_position() - 1;
    if (i % 13 == 12) {
      truncated = acknowledged - 2;
      log->truncate(truncated);
    }
  }
  EXPECT_GT(images, 400);
}

}  // namespace
}  // namespace rivulet::log
