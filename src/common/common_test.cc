#include <unistd.h>

#include <set>
#include <stdexcept>

#include <gtest/gtest.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/file_system.h"
#include "common/guid.h"
#include "common/logging.h"

namespace rivulet {
namespace {

TEST(Guid, KeepsTheOrderOfItsDigits) {
  auto guid = parse_guid("74BE27DE-1e4e-49d9-b579-fe0b331d3642");
  ASSERT_TRUE(guid);
  EXPECT_EQ(guid->hi, 0x74be27de1e4e49d9u);
  EXPECT_EQ(guid->lo, 0xb579fe0b331d3642u);
  EXPECT_EQ(to_string(*guid), "74be27de-1e4e-49d9-b579-fe0b331d3642");
}

TEST(Guid, TakesTheFormsOfDotNet) {
  Guid expected{0x74be27de1e4e49d9, 0xb579fe0b331d3642};
  for (const char* text :
       {"74be27de1e4e49d9b579fe0b331d3642", "{74be27de-1e4e-49d9-b579-fe0b331d3642}",
        "(74be27de-1e4e-49d9-b579-fe0b331d3642)", " 74be27de-1e4e-49d9-b579-fe0b331d3642 "}) {
    EXPECT_EQ(parse_guid(text), expected) << text;
  }
  for (const char* text :
       {"", "74be27de", "74be27de-1e4e-49d9-b579-fe0b331d364", "x4be27de1e4e49d9b579fe0b331d3642",
        "74be27de+1e4e-49d9-b579-fe0b331d3642", "{74be27de-1e4e-49d9-b579-fe0b331d3642)"}) {
    EXPECT_FALSE(parse_guid(text)) << text;
  }
}

TEST(Guid, NewOnesAreRandomVersionFour) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    std::string text = to_string(new_guid());
    EXPECT_EQ(text[14], '4');
    EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
    seen.insert(text);
  }
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Clock, CountsFromYearOne) {
  Ticks now = system_clock().now();
  EXPECT_GT(now, kUnixEpochTicks + int64_t{50} * 365 * kTicksPerDay);
  EXPECT_LT(now, kMaxDateTimeTicks);
}

TEST(Error, TellsKindRetryAndPlace) {
  Error error = table_not_found("T", "db");
  EXPECT_EQ(error.kind(), ErrorKind::kTableNotFound);
  EXPECT_TRUE(error.is_permanent());
  EXPECT_FALSE(throttled("busy").is_permanent());
  EXPECT_EQ(semantic_error("SEM0100", "no such column").message(),
            "Semantic error: SEM0100: no such column");
  Error syntax = syntax_error("unexpected ')'", {1, 9});
  EXPECT_EQ(syntax.message(), "Syntax error: SYN0002: unexpected ')' [line:position=1:9]");
  EXPECT_EQ(syntax.where()->line, 1);
  EXPECT_EQ(syntax.where()->column, 9);
  EXPECT_FALSE(error.where());
}

TEST(Logging, RefusesUnknownLevels) {
  EXPECT_THROW(set_up_logging("loud"), std::invalid_argument);
  EXPECT_NO_THROW(set_up_logging("off"));
  EXPECT_NO_THROW(set_up_logging("info"));
}

class FileSystemTest : public testing::Test {
 protected:
  FileSystemTest() { files_.create_directories(directory_ / "inner"); }
  ~FileSystemTest() override { std::filesystem::remove_all(directory_); }

  static std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
  }

  FileSystem& files_ = posix_file_system();
  std::filesystem::path directory_ = std::filesystem::temp_directory_path() / to_string(new_guid());
};

TEST_F(FileSystemTest, WritesReadsAndLists) {
  {
    auto file = files_.open(directory_ / "a", FileSystem::Mode::kCreate);
    file->write(0, bytes("hello world"));
    file->sync();
    EXPECT_EQ(file->size(), 11u);
    file->truncate(5);
  }
  files_.rename(directory_ / "a", directory_ / "b");
  files_.sync_directory(directory_);
  EXPECT_FALSE(files_.exists(directory_ / "a"));
  auto file = files_.open(directory_ / "b", FileSystem::Mode::kRead);
  std::byte buffer[16];
  EXPECT_EQ(file->read(1, buffer), 4u);
  EXPECT_EQ(std::memcmp(buffer, "ello", 4), 0);
  EXPECT_EQ(file->read(100, buffer), 0u);
  EXPECT_EQ(files_.list(directory_), (std::vector<std::string>{"b", "inner"}));
  EXPECT_GT(files_.free_bytes(directory_), 0u);
  files_.remove(directory_ / "b");
  EXPECT_FALSE(files_.exists(directory_ / "b"));
}

TEST_F(FileSystemTest, FailuresNamePathAndReason) {
  try {
    files_.open(directory_ / "missing", FileSystem::Mode::kRead);
    FAIL() << "opened a file that is not there";
  } catch (const IoError& error) {
    EXPECT_EQ(error.error_number(), ENOENT);
    EXPECT_FALSE(error.is_disk_full());
    EXPECT_NE(std::string(error.what()).find("missing"), std::string::npos);
  }
  files_.open(directory_ / "a", FileSystem::Mode::kCreate);
  EXPECT_THROW(files_.open(directory_ / "a", FileSystem::Mode::kCreate), IoError);
  EXPECT_THROW(files_.remove(directory_ / "missing"), IoError);
  EXPECT_THROW(files_.list(directory_ / "missing"), IoError);
  EXPECT_TRUE(IoError("x", "write", ENOSPC).is_disk_full());
}

// Also where the file system knows no such thing: /dev/shm is in memory.
TEST_F(FileSystemTest, WritesPastThePageCache) {
  struct alignas(FileSystem::kDirectAlignment) Page {
    char bytes[FileSystem::kDirectAlignment];
  };
  for (const std::filesystem::path& directory : {directory_, std::filesystem::path("/dev/shm")}) {
    if (::access(directory.c_str(), W_OK) != 0) continue;
    std::filesystem::path path = directory / to_string(new_guid());
    files_.open(path, FileSystem::Mode::kCreate);
    Page page{"past the page cache"};
    {
      auto file = files_.open(path, FileSystem::Mode::kDirect);
      file->write(sizeof(page), std::as_bytes(std::span(page.bytes)));
      file->sync();
    }
    auto file = files_.open(path, FileSystem::Mode::kRead);
    EXPECT_EQ(file->size(), 2 * sizeof(page));
    Page found{};
    EXPECT_EQ(file->read(sizeof(page), std::as_writable_bytes(std::span(found.bytes))),
              sizeof(page));
    EXPECT_EQ(std::string_view(found.bytes), page.bytes);
    files_.remove(path);
  }
}

TEST_F(FileSystemTest, ReportsAFullDisk) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP();
  auto file = files_.open("/dev/full", FileSystem::Mode::kReadWrite);
  try {
    file->write(0, bytes("x"));
    FAIL() << "wrote to a full disk";
  } catch (const IoError& error) {
    EXPECT_TRUE(error.is_disk_full());
  }
}

}  // namespace
}  // namespace rivulet
