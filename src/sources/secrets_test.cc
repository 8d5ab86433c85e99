#include "sources/secrets.h"

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "common/testing/temporary_directory.h"

namespace rivulet::sources {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string error_of(const Secrets& secrets, std::string_view text) {
  try {
    secrets.resolve(text);
  } catch (const Error& error) {
    EXPECT_TRUE(error.is_permanent());
    return error.message();
  }
  return "";
}

void write(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

TEST(Secrets, LiteralsStandForThemselves) {
  EXPECT_FALSE(Secrets::is_reference("p4ss:word"));
  EXPECT_EQ(Secrets().resolve("p4ss:word"), "p4ss:word");
  EXPECT_EQ(Secrets().resolve(""), "");
}

TEST(Secrets, OnlyVariablesOfTheirOwnAreRead) {
  setenv("RIVULET_SECRET_HUB", "s3cret", 1);
  setenv("RIVULET_SECRET_EMPTY", "", 1);
  EXPECT_TRUE(Secrets::is_reference("env:RIVULET_SECRET_HUB"));
  EXPECT_EQ(Secrets().resolve("env:RIVULET_SECRET_HUB"), "s3cret");
  EXPECT_THAT(error_of(Secrets(), "env:HOME"), HasSubstr("must begin with RIVULET_SECRET_"));
  EXPECT_THAT(error_of(Secrets(), "env:RIVULET_SECRET_NONE"), HasSubstr("RIVULET_SECRET_NONE"));
  EXPECT_THAT(error_of(Secrets(), "env:RIVULET_SECRET_EMPTY"), HasSubstr("an empty one"));
}

TEST(Secrets, FilesLoseOneLineBreakAtTheirEnd) {
  TemporaryDirectory directory;
  Secrets secrets(directory.path());
  write(directory.path() / "hub", "s3cret\n");
  write(directory.path() / "windows", "s3cret\r\n");
  write(directory.path() / "inner", "a\nb\n\n");
  EXPECT_EQ(secrets.resolve("file:hub"), "s3cret");
  EXPECT_EQ(secrets.resolve("file:windows"), "s3cret");
  EXPECT_EQ(secrets.resolve("file:inner"), "a\nb\n");
  // What is written anew is read anew.
  write(directory.path() / "hub", "other");
  EXPECT_EQ(secrets.resolve("file:hub"), "other");
}

TEST(Secrets, FilesOutsideOfTheFolderAreNotRead) {
  TemporaryDirectory directory;
  std::filesystem::path folder = directory.path() / "secrets";
  std::filesystem::create_directories(folder / "inner");
  write(directory.path() / "outside", "s3cret");
  Secrets secrets(folder);
  for (std::string_view name : {"../outside", "/etc/passwd", "..", ".", "", "inner/x"}) {
    std::string reference = "file:" + std::string(name);
    EXPECT_THAT(error_of(secrets, reference), HasSubstr("plain name")) << name;
  }
  EXPECT_THAT(error_of(secrets, std::string_view("file:a\0b", 8)), HasSubstr("plain name"));
  EXPECT_THAT(error_of(secrets, "file:inner"), HasSubstr("names no file"));
  EXPECT_THAT(error_of(secrets, "file:absent"), HasSubstr("names no file"));
  EXPECT_THAT(error_of(Secrets(), "file:hub"), HasSubstr("setting 'secrets'"));
}

TEST(Secrets, FilesHaveALimit) {
  TemporaryDirectory directory;
  Secrets secrets(directory.path());
  write(directory.path() / "most", std::string(Secrets::kMaxBytes, 'x'));
  write(directory.path() / "more", std::string(Secrets::kMaxBytes + 1, 'x'));
  write(directory.path() / "empty", "\n");
  EXPECT_EQ(secrets.resolve("file:most").size(), Secrets::kMaxBytes);
  EXPECT_THAT(error_of(secrets, "file:more"),
              AllOf(HasSubstr("more than 64 KiB"), Not(HasSubstr("xxx"))));
  EXPECT_THAT(error_of(secrets, "file:empty"), HasSubstr("empty file"));
}

}  // namespace
}  // namespace rivulet::sources
