// What every store of objects promises, and what the directory and the faulty one add.

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <thread>

#include "common/testing/fault_file_system.h"
#include "common/testing/temporary_directory.h"
#include "objects/directory_objects.h"
#include "objects/orphans.h"
#include "objects/testing/faulty_objects.h"

namespace rivulet::objects {
namespace {

using testing::FaultyObjects;

void write(StagedObject& staged, std::string_view content) {
  staged.open(FileSystem::Mode::kCreate)->write(0, std::as_bytes(std::span(content)));
}

void put(ObjectStore& objects, std::string_view name, std::string_view content) {
  auto staged = objects.stage(name);
  write(*staged, content);
  staged->put();
}

std::string read(const ObjectStore& objects, std::string_view name, uint64_t offset = 0,
                 size_t size = 100) {
  std::string content(size, ' ');
  auto object = objects.open(name);
  content.resize(object->read(offset, std::as_writable_bytes(std::span(content))));
  return content;
}

std::map<std::string, uint64_t> list(const ObjectStore& objects, std::string_view prefix) {
  std::map<std::string, uint64_t> sizes;
  objects.list(prefix, [&](const ObjectInfo& object) { sizes[object.name] = object.bytes; });
  return sizes;
}

template <typename Work>
ObjectFailure failure_of(Work&& work) {
  try {
    work();
  } catch (const ObjectError& error) {
    return error.failure();
  }
  ADD_FAILURE() << "nothing failed";
  return ObjectFailure::kUnavailable;
}

class ObjectsTest : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
  FaultFileSystem files_{directory_.path()};
  DirectoryObjects objects_{files_, directory_.path() / "data"};
};

TEST_F(ObjectsTest, WhatWasPutIsReadByRange) {
  put(objects_, "a/b/one", "0123456789");
  EXPECT_EQ(read(objects_, "a/b/one"), "0123456789");
  EXPECT_EQ(read(objects_, "a/b/one", 3, 4), "3456");
  EXPECT_EQ(read(objects_, "a/b/one", 8, 4), "89");
  EXPECT_EQ(objects_.open("a/b/one")->size(), 10u);
  ASSERT_TRUE(objects_.head("a/b/one"));
  EXPECT_EQ(objects_.head("a/b/one")->bytes, 10u);
  EXPECT_FALSE(objects_.head("a/b/two"));
  EXPECT_EQ(failure_of([&] { objects_.open("a/b/two"); }), ObjectFailure::kNotFound);
  EXPECT_EQ(objects_.local_copy("a/b/one")->filename(), "one");
}

TEST_F(ObjectsTest, AListGoesByPrefixAndShowsNothingUnfinished) {
  EXPECT_TRUE(list(objects_, "a/").empty());
  put(objects_, "a/1", "x");
  put(objects_, "a/b/12", "xy");
  put(objects_, "ab/1", "x");
  auto staged = objects_.stage("a/3");
  write(*staged, "half");
  EXPECT_EQ(list(objects_, "a/"), (std::map<std::string, uint64_t>{{"a/1", 1}, {"a/b/12", 2}}));
  EXPECT_EQ(list(objects_, "a/b/1"), (std::map<std::string, uint64_t>{{"a/b/12", 2}}));
  EXPECT_FALSE(objects_.head("a/3"));
}

TEST_F(ObjectsTest, ANameIsGivenOnce) {
  put(objects_, "a/1", "first");
  auto second = objects_.stage("a/1");
  write(*second, "second");
  EXPECT_EQ(failure_of([&] { second->put(); }), ObjectFailure::kExists);
  second = nullptr;
  EXPECT_EQ(read(objects_, "a/1"), "first");
  // Nor may two be staged under one name.
  auto one = objects_.stage("a/2"), other = objects_.stage("a/2");
  write(*one, "one");
  EXPECT_EQ(failure_of([&] { write(*other, "other"); }), ObjectFailure::kExists);
}

TEST_F(ObjectsTest, WhatIsNotThereIsRemovedWithoutAnError) {
  put(objects_, "a/1", "x");
  objects_.remove("a/1");
  objects_.remove("a/1");
  objects_.remove("b/1");
  EXPECT_TRUE(list(objects_, "a/").empty());
}

TEST_F(ObjectsTest, AFullDiskIsTold) {
  auto staged = objects_.stage("a/1");
  auto hook = files_.set_hook([](auto operation, const auto&) {
    return operation == FaultFileSystem::Operation::kWrite ? ENOSPC : 0;
  });
  EXPECT_THROW(write(*staged, "x"), IoError);
  hook.remove();
  auto rename = files_.set_hook([](auto operation, const auto&) {
    return operation == FaultFileSystem::Operation::kRename ? ENOSPC : 0;
  });
  try {
    staged->put();
    FAIL();
  } catch (const ObjectError& error) {
    EXPECT_EQ(error.failure(), ObjectFailure::kUnavailable);
    EXPECT_TRUE(error.is_disk_full());
  }
}

// Whichever operation of the disk fails, and wherever the power goes.
TEST_F(ObjectsTest, AnObjectIsThereAsAWholeOrNot) {
  for (int failing = 1;; ++failing) {
    ASSERT_LT(failing, 30);
    std::string name = "a" + std::to_string(failing) + "/object";
    int countdown = failing;
    TemporaryDirectory image;
    auto check_image = [&](bool was_put) {
      for (auto unsynced : {FaultFileSystem::Unsynced::kLost, FaultFileSystem::Unsynced::kKept,
                            FaultFileSystem::Unsynced::kRandom}) {
        TemporaryDirectory survivors;
        files_.copy_survivors(survivors.path(), unsynced, static_cast<uint64_t>(failing));
        DirectoryObjects after(posix_file_system(), survivors.path() / "data");
        after.remove_unfinished("a" + std::to_string(failing) + "/");
        auto found = after.head(name);
        EXPECT_TRUE(found || !was_put);
        if (found) {
          EXPECT_EQ(read(after, name), "whole");
        }
      }
    };
    auto hook = files_.set_hook([&](auto, const auto&) {
      if (--countdown != 0) return 0;
      check_image(false);
      return EIO;
    });
    bool was_put = true;
    try {
      put(objects_, name, "whole");
    } catch (const IoError&) {
      was_put = false;
      EXPECT_FALSE(objects_.head(name));
    }
    hook.remove();
    if (!was_put) continue;
    check_image(true);
    break;
  }
}

TEST_F(ObjectsTest, WhatAnEarlierProcessLeftUnfinishedIsRemoved) {
  put(objects_, "a/b/1", "x");
  std::filesystem::path left = directory_.path() / "data" / "a" / "b" / "2.tmp";
  std::ofstream(left) << "half";
  objects_.remove_unfinished("a/");
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(objects_.head("a/b/1"));
  objects_.remove_unfinished("nothing/");
}

TEST_F(ObjectsTest, AnOrphanGoesWhenItIsADayOldAndCanBeRemoved) {
  put(objects_, "a/1", "x");
  ObjectInfo object = *objects_.head("a/1");
  Orphans orphans(objects_);
  orphans.add(object);
  orphans.remove_old(object.modified + Orphans::kAge - 1);
  EXPECT_TRUE(objects_.head("a/1"));
  auto hook = files_.set_hook([](auto, const auto&) { return EIO; });
  orphans.remove_old(object.modified + Orphans::kAge);
  hook.remove();
  EXPECT_TRUE(objects_.head("a/1"));
  orphans.remove_old(object.modified + Orphans::kAge);
  EXPECT_FALSE(objects_.head("a/1"));
}

TEST_F(ObjectsTest, TheFaultyOneFailsAsItIsTold) {
  FaultyObjects faulty(std::make_unique<DirectoryObjects>(files_, directory_.path() / "data"));
  put(faulty, "a/1", "x");
  ObjectFailure failure = ObjectFailure::kThrottled;
  faulty.set_hook([&](auto, std::string_view) { return failure; });
  EXPECT_EQ(failure_of([&] { faulty.open("a/1"); }), ObjectFailure::kThrottled);
  EXPECT_EQ(failure_of([&] { faulty.head("a/1"); }), ObjectFailure::kThrottled);
  EXPECT_EQ(failure_of([&] { faulty.remove("a/1"); }), ObjectFailure::kThrottled);
  EXPECT_EQ(failure_of([&] { list(faulty, "a/"); }), ObjectFailure::kThrottled);
  EXPECT_EQ(failure_of([&] { faulty.local_copy("a/1"); }), ObjectFailure::kThrottled);
  // A put whose answer is lost was done all the same.
  faulty.set_hook([&](FaultyObjects::Operation operation, std::string_view) {
    return operation == FaultyObjects::Operation::kPut ? std::optional(ObjectFailure::kUnavailable)
                                                       : std::nullopt;
  });
  EXPECT_EQ(failure_of([&] { put(faulty, "a/2", "y"); }), ObjectFailure::kUnavailable);
  faulty.set_hook(nullptr);
  EXPECT_EQ(read(faulty, "a/2"), "y");
  // A path is good for as long as the copy is held.
  LocalCopy copy = faulty.local_copy("a/2");
  std::filesystem::path path = *copy;
  EXPECT_TRUE(std::filesystem::exists(path));
  copy = nullptr;
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace rivulet::objects
