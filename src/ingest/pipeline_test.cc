#include "ingest/pipeline.h"

#include <future>

#include <gtest/gtest.h>

#include "store/testing/store_fixture.h"

namespace rivulet::ingest {
namespace {

using namespace store::testing;

class PipelineTest : public ::testing::Test {
 protected:
  PipelineTest()
      : store_(store::Store::open(small_options(directory_.path()), posix_file_system(), clock_)),
        table_(create_table(*store_, "T")) {}

  // Another version of the table, with the same columns.
  void touch_table() {
    store::Transaction transaction;
    transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::Table table = *catalog.find_table(table_->id);
      table.docstring += 'x';
      return {catalog::PutTable{std::move(table)}};
    };
    store_->commit(std::move(transaction));
  }
  size_t extent_count() const {
    return store_->snapshot({&table_->id, 1})->table(table_->id)->extents().size();
  }
  std::string docstring() const { return store_->catalog()->find_table(table_->id)->docstring; }

  TemporaryDirectory directory_;
  TestClock clock_;
  std::unique_ptr<store::Store> store_;
  std::shared_ptr<const catalog::Table> table_;
};

TEST_F(PipelineTest, AnIngestionIsMadeAgainWhenItsTableChanged) {
  int made = 0;
  std::string seen;
  ingest(*store_, "T", [&](Ingestion& ingestion) {
    seen = ingestion.catalog().find_table(table_->id)->docstring;
    ingestion.add(make_rows(*table_, 10 * made, 2));
    if (++made < 3) touch_table();
  });
  EXPECT_EQ(made, 3);
  EXPECT_EQ(seen, docstring());
  EXPECT_EQ(all_ids(*store_, table_->id), (std::vector<int64_t>{20, 21}));
}

TEST_F(PipelineTest, ButNotForEver) {
  int made = 0;
  auto make = [&](Ingestion& ingestion) {
    ingestion.add(make_rows(*table_, 0, 1));
    touch_table();
    ++made;
  };
  try {
    ingest(*store_, "T", make);
    FAIL();
  } catch (const Error& error) {
    EXPECT_FALSE(error.is_permanent());
    EXPECT_NE(error.message().find("'T'"), std::string::npos) << error.message();
  }
  EXPECT_EQ(made, kMostAttempts);
  EXPECT_TRUE(all_ids(*store_, table_->id).empty());
}

TEST_F(PipelineTest, WhoDoesNotWaitIsTold) {
  Ingestion ingestion(*store_, store_->catalog());
  ingestion.add(make_rows(*table_, 0, 1));
  touch_table();
  std::promise<std::exception_ptr> outcome;
  std::move(ingestion).commit(
      [&](const store::CommitResult& result) { outcome.set_value(result.error); });
  EXPECT_TRUE(is_outdated(outcome.get_future().get()));
  EXPECT_FALSE(is_outdated(nullptr));
  EXPECT_FALSE(is_outdated(std::make_exception_ptr(store::ProgressOutdated())));
}

TEST_F(PipelineTest, RowsWithTagsGoIntoExtents) {
  ExtentProperties properties{
      .tags = {"ingest-by:a"}, .unless_tags = {"ingest-by:a"}, .created = 12};
  auto make = [&](Ingestion& ingestion) {
    auto extents = ingestion.add(*table_, make_rows(*table_, 0, 3), properties);
    ASSERT_EQ(extents.size(), 1u);
    EXPECT_EQ(extents[0]->tags, properties.tags);
    EXPECT_EQ(extents[0]->min_created, 12);
  };
  ingest(*store_, "T", make);
  EXPECT_EQ(extent_count(), 1u);
  EXPECT_THROW(ingest(*store_, "T", make), store::TagExists);
  EXPECT_EQ(all_ids(*store_, table_->id).size(), 3u);
}

TEST_F(PipelineTest, OthersIntoTheTailUnlessTheyAreManyAndMay) {
  auto rows = make_rows(*table_, 0, 1'000'000);
  ASSERT_GE(rows.rows->memory_bytes(), kExtentBytes);
  for (bool is_bulk : {false, true}) {
    Ingestion ingestion(*store_, store_->catalog());
    EXPECT_TRUE(ingestion.add(*table_, make_rows(*table_, 0, 1), {.is_bulk = is_bulk}).empty());
    EXPECT_EQ(ingestion.add(*table_, rows, {.is_bulk = is_bulk}).empty(), !is_bulk);
    EXPECT_EQ(ingestion.transaction().appends.size(), is_bulk ? 1u : 2u);
  }
}

}  // namespace
}  // namespace rivulet::ingest
