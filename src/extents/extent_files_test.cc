// The life of an extent's file: described, verified, adopted, dropped, missing, orphaned.

#include "extents/extent_files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <random>
#include <stdexcept>

#include "common/error.h"
#include "common/guid.h"
#include "common/testing/fault_file_system.h"
#include "extents/file_verifier.h"
#include "extents/manifest.h"
#include "extents/testing/extents_fixture.h"
#include "rowstore/testing/random_rows.h"

namespace rivulet::extents {
namespace {

using rowstore::testing::append_random;
using rowstore::testing::kAllTypes;
using namespace testing;

TEST_F(ExtentsTest, ADescriptionIsReadBackAsItWas) {
  Chunks chunks(kAllTypes);
  std::mt19937_64 random(2);
  for (int row = 0; row < 50; ++row) {
    for (size_t i = 0; i < kAllTypes.size(); ++i) append_random(chunks.column(i), random);
  }
  auto written = files_.write(table_of(kAllTypes), chunks.views());
  ExtentView& extent = *written;
  extent.tags = {"ingest-by:a", ""};
  std::string bytes;
  encode_extent(bytes, extent);
  auto read = files_.adopt(decode_extent(bytes));
  EXPECT_EQ(read->id, extent.id);
  EXPECT_EQ(path_of(*read), path_of(extent));
  EXPECT_EQ(read->row_count, extent.row_count);
  EXPECT_EQ(read->size_bytes, extent.size_bytes);
  EXPECT_EQ(read->index_size_bytes, extent.index_size_bytes);
  EXPECT_EQ(read->original_size_bytes, extent.original_size_bytes);
  EXPECT_EQ(read->min_time, extent.min_time);
  EXPECT_EQ(read->max_time, extent.max_time);
  EXPECT_EQ(read->min_created, extent.min_created);
  EXPECT_EQ(read->max_created, extent.max_created);
  EXPECT_EQ(read->has_system_columns, extent.has_system_columns);
  EXPECT_EQ(read->max_sequence, extent.max_sequence);
  EXPECT_EQ(read->column_ids, extent.column_ids);
  EXPECT_EQ(read->statistics, extent.statistics);
  EXPECT_EQ(read->tags, extent.tags);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(decode_extent(std::string_view(bytes).substr(0, size)), std::runtime_error);
  }
}

// Before its record has a place in the log nobody knows its sequence; earlier programs wrote what they had promised it.
TEST_F(ExtentsTest, ADescriptionMayBeOfTheSequenceOfItsRecord) {
  ExtentDescription extent;
  extent.has_system_columns = false;
  std::string bytes;
  encode_extent(bytes, extent);
  EXPECT_EQ(bytes[0], 7);
  EXPECT_TRUE(decode_extent(bytes).is_of_its_record());
  for (bool has_system_columns : {false, true}) {
    extent.has_system_columns = has_system_columns;
    extent.min_sequence = extent.max_sequence = 900;
    std::string resolved;
    encode_extent(resolved, extent);
    EXPECT_EQ(resolved[0], 6);
    EXPECT_FALSE(decode_extent(resolved).is_of_its_record());
    EXPECT_EQ(decode_extent(resolved).min_sequence, 900u);
    resolved[0] = 7;
    EXPECT_THROW(decode_extent(resolved), std::runtime_error);
    // As programs wrote it before there was a layout: its length was the last byte.
    resolved[0] = 4;
    resolved.pop_back();
    EXPECT_EQ(decode_extent(resolved).max_sequence, 900u);
  }
}

TEST_F(ExtentsTest, AnAdoptedExtentTakesTheFileOfItsDraft) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  auto draft = files_.write(table_of({ScalarType::kLong}), chunks.views());
  std::string bytes;
  encode_extent(bytes, *draft);
  auto adopted = files_.adopt(decode_extent(bytes));
  std::string path = path_of(*draft);
  draft = nullptr;
  files_.collect_garbage();
  EXPECT_TRUE(std::filesystem::exists(path));
  ExtentFiles::drop(*adopted);
  adopted = nullptr;
  files_.collect_garbage();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ExtentsTest, ADamagedByteIsFoundBeforeTheFileIsRead) {
  // More than a block, which compression cannot shrink.
  Chunks chunks({ScalarType::kString});
  std::mt19937_64 random(1);
  for (int row = 0; row < 2000; ++row) {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += static_cast<char>('0' + random() % 64);
    chunks.column(0).append_text(text);
  }
  auto written = files_.write(table_of({ScalarType::kString}), chunks.views());
  EXPECT_NO_THROW(written->verify());
  std::string bytes;
  encode_extent(bytes, *written);
  auto adopt = [&] { return files_.adopt(decode_extent(bytes)); };
  EXPECT_NO_THROW(adopt()->verify());
  ASSERT_EQ(written->checksums.size(), 2U);
  for (uint64_t offset : {uint64_t{5}, FileVerifier::kBlockBytes + 7, written->size_bytes - 1}) {
    std::fstream file(path_of(*written), std::ios::in | std::ios::out | std::ios::binary);
    auto flip = [&] {
      file.seekg(static_cast<std::streamoff>(offset));
      char byte = static_cast<char>(file.get());
      file.seekp(static_cast<std::streamoff>(offset));
      file.put(static_cast<char>(byte ^ 1)).flush();
    };
    flip();
    auto extent = adopt();
    try {
      extent->verify();
      FAIL() << "damage at " << offset << " was not found";
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(path_of(*written)), std::string::npos);
      uint64_t block = offset / FileVerifier::kBlockBytes * FileVerifier::kBlockBytes;
      EXPECT_NE(error.message().find(fmt::format("between offset {} and", block)),
                std::string::npos)
          << error.message();
    }
    flip();
    EXPECT_NO_THROW(extent->verify());
  }
}

// Of a file of many row groups: what is marked for a column is all that the engine reads of it, and is what is verified.
TEST_F(ExtentsTest, WhoReadsAColumnHasItsBlocksVerifiedAndNoOthers) {
  std::vector<ScalarType> types{ScalarType::kLong, ScalarType::kString, ScalarType::kReal};
  std::mt19937_64 random(1);
  std::deque<Chunks> chunks;
  std::vector<ChunkView> views;
  for (int chunk = 0; chunk < 150; ++chunk) {
    Chunks& rows = chunks.emplace_back(types);
    for (int row = 0; row < 2000; ++row) {
      rows.column(0).append(static_cast<int64_t>(random()));
      rows.column(1).append_text(to_string(new_guid()));
      rows.column(2).append(static_cast<double>(random()));
    }
    views.push_back(rows.views().front());
  }
  auto written = files_.write(table_of(types), views);
  const ExtentLayout& layout = written->layout;
  size_t blocks = written->checksums.size();
  ASSERT_GE(blocks, 8u);
  std::filesystem::path path = path_of(*written), whole = directory_.path() / "whole";
  std::filesystem::copy(path, whole);
  std::string bytes, read_file = fmt::format("read_parquet('{}')", path.string());
  read_file.replace(read_file.find("it's"), 4, "it''s");
  encode_extent(bytes, *written);
  auto adopt = [&] { return files_.adopt(decode_extent(bytes)); };
  EXPECT_EQ(adopt()->layout, layout);
  for (auto [id, name] : {std::pair<uint32_t, const char*>{1, "c1"},
                          {2, "c2"},
                          {3, "c3"},
                          {kTimeColumn, "sys_time"},
                          {kSequenceColumn, "sys_seq"}}) {
    std::vector<bool> marked(blocks);
    layout.mark({&id, 1}, marked);
    EXPECT_TRUE(marked.back());
    // The texts take nearly all of the file.
    bool is_everywhere = std::find(marked.begin(), marked.end(), false) == marked.end();
    EXPECT_EQ(is_everywhere, id == 2) << name;
    std::string sql =
        fmt::format("SELECT count({0}), max({0}), min({0}) FROM {1}", name, read_file);
    auto expected = query(sql);
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      std::string noise(FileVerifier::kBlockBytes, '\xa5');
      for (size_t i = 0; i < blocks; ++i) {
        if (marked[i]) continue;
        file.seekp(static_cast<std::streamoff>(i * noise.size()));
        file.write(noise.data(), static_cast<std::streamsize>(noise.size()));
      }
    }
    auto extent = adopt();
    EXPECT_NO_THROW(extent->verify({&id, 1})) << name;
    EXPECT_NO_THROW(extent->verify({&id, 1})) << name;
    EXPECT_EQ(query(sql), expected);
    if (!is_everywhere) {
      EXPECT_THROW(extent->verify(), Error) << name;
    }
    std::filesystem::copy_file(whole, path, std::filesystem::copy_options::overwrite_existing);
    EXPECT_NO_THROW(extent->verify());
    for (size_t i = 0; i < blocks; ++i) {
      if (marked[i]) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(i * FileVerifier::kBlockBytes + 100));
        file.put('\x5a').put('\x5a').put('\x5a');
        file.close();
        EXPECT_THROW(adopt()->verify({&id, 1}), Error) << name << " " << i;
        std::filesystem::copy_file(whole, path, std::filesystem::copy_options::overwrite_existing);
      }
    }
  }
}

TEST_F(ExtentsTest, AFileGoesWithTheLastHolderOfAnObsoleteExtent) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  auto adopt = [&] {
    return files_.adopt(*files_.write(table_of({ScalarType::kLong}), chunks.views()));
  };
  auto kept = adopt(), obsolete = adopt();
  int calls = 0;
  files_.set_on_garbage([&] { ++calls; });
  std::filesystem::path kept_path = path_of(*kept), path = path_of(*obsolete);
  Manifest manifest;
  std::vector<std::shared_ptr<const ExtentList>> garbage;
  manifest.add(1, kept);
  manifest.add(2, obsolete);
  manifest.publish(garbage);
  EXPECT_EQ(manifest.extent_count(), 2u);
  auto held = manifest.view(2);
  obsolete = nullptr;
  manifest.clear(2);
  manifest.publish(garbage);
  EXPECT_EQ(manifest.extent_count(), 1u);
  garbage.clear();
  files_.collect_garbage();
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(std::filesystem::exists(path));
  held = nullptr;
  EXPECT_EQ(calls, 1);
  files_.collect_garbage();
  EXPECT_FALSE(std::filesystem::exists(path));
  kept = nullptr;
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(std::filesystem::exists(kept_path));
}

TEST_F(ExtentsTest, AFileThatNoManifestTookGoesWithItsDraft) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  auto draft = files_.write(table_of({ScalarType::kLong}), chunks.views());
  std::filesystem::path path = path_of(*draft);
  draft = nullptr;
  files_.collect_garbage();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ExtentsTest, ExtentsAreRemovedAllOrNone) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  std::vector<Guid> ids;
  std::vector<std::filesystem::path> paths;
  Manifest manifest;
  std::vector<std::shared_ptr<const ExtentList>> garbage;
  auto add = [&] {
    auto extent = files_.adopt(*files_.write(table_of({ScalarType::kLong}), chunks.views()));
    ids.push_back(extent->id);
    paths.push_back(path_of(*extent));
    manifest.add(1, std::move(extent));
  };
  for (int i = 0; i < 3; ++i) add();
  manifest.publish(garbage);
  add();
  // One that is published and one that is not, in one step.
  EXPECT_TRUE(manifest.remove(1, std::vector{ids[0], ids[3]}));
  EXPECT_FALSE(manifest.remove(1, std::vector{ids[1], ids[0]}));
  EXPECT_FALSE(manifest.remove(1, std::vector{ids[1], ids[3]}));
  EXPECT_FALSE(manifest.remove(2, std::vector{ids[1]}));
  EXPECT_TRUE(manifest.contains(1, std::vector{ids[0]}));
  manifest.publish(garbage);
  EXPECT_TRUE(manifest.contains(1, std::vector{ids[1], ids[2]}));
  EXPECT_FALSE(manifest.contains(1, std::vector{ids[1], ids[0]}));
  EXPECT_EQ(manifest.extent_count(), 2u);
  garbage.clear();
  files_.collect_garbage();
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(std::filesystem::exists(paths[i]), i == 1 || i == 2);
  }
}

TEST_F(ExtentsTest, WhatIsOfNoExtentIsAnOrphan) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  catalog::Table table = table_of({ScalarType::kLong});
  std::shared_ptr<const ExtentView> kept = files_.write(table, chunks.views());
  auto lost = files_.write(table, chunks.views());
  std::filesystem::path orphan = path_of(*lost), foreign = orphan.parent_path() / "notes.txt";
  std::ofstream(foreign) << "of somebody else";
  ExtentList list{kept};
  objects::Orphans orphans(objects_);
  files_.reconcile(list, orphans);
  Ticks now = system_clock().now();
  orphans.remove_old(now + kTicksPerHour);
  EXPECT_TRUE(std::filesystem::exists(orphan));
  orphans.remove_old(now + 25 * kTicksPerHour);
  EXPECT_FALSE(std::filesystem::exists(orphan));
  EXPECT_TRUE(std::filesystem::exists(foreign));
  EXPECT_TRUE(std::filesystem::exists(path_of(*kept)));
}

TEST_F(ExtentsTest, AMissingFileFailsWhoReadsItUntilItIsBack) {
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  auto written = files_.write(table_of({ScalarType::kLong}), chunks.views());
  std::string bytes;
  encode_extent(bytes, *written);
  auto extent = files_.adopt(decode_extent(bytes));
  ExtentFiles others(objects_);  // after a restart
  auto read_again = others.adopt(decode_extent(bytes));
  std::filesystem::path path = path_of(*extent), aside = directory_.path() / "aside";
  std::filesystem::rename(path, aside);
  try {
    read_again->verify();
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(path.string() + " is missing"), std::string::npos)
        << error.message();
  }
  std::filesystem::rename(aside, path);
  EXPECT_NO_THROW(read_again->verify());
}

TEST_F(ExtentsTest, AFailureLeavesNoFileBehind) {
  FaultFileSystem files(directory_.path());
  objects::DirectoryObjects objects(files, directory_.path() / "faulty");
  ExtentFiles extents(objects);
  Chunks chunks({ScalarType::kLong});
  chunks.column(0).append(int64_t{1});
  for (int failing = 1;; ++failing) {
    ASSERT_LT(failing, 30);
    int countdown = failing;
    auto hook = files.set_hook(
        [&](FaultFileSystem::Operation, const auto&) { return --countdown == 0 ? EIO : 0; });
    try {
      extents.write(table_of({ScalarType::kLong}), chunks.views());
      break;
    } catch (const IoError&) {
    }
    hook.remove();
    if (!std::filesystem::exists(directory_.path() / "faulty")) continue;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.path() / "faulty")) {
      EXPECT_FALSE(entry.is_regular_file()) << entry.path();
    }
  }
}

}  // namespace
}  // namespace rivulet::extents
