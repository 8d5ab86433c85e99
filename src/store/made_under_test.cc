// A transaction names the catalog that its rows were made under.

#include <gtest/gtest.h>

#include <functional>

#include "store/store.h"
#include "store/testing/store_fixture.h"

namespace rivulet::store {
namespace {

using namespace testing;
using Alter = std::function<std::vector<catalog::Change>(const catalog::Catalog&)>;

class MadeUnderTest : public ::testing::Test {
 protected:
  MadeUnderTest()
      : store_(Store::open(small_options(directory_.path()), posix_file_system(), clock_)),
        table_(create_table(*store_, "T")),
        made_under_(store_->catalog()) {}

  void alter(Alter change) {
    Transaction transaction;
    transaction.alter = std::move(change);
    store_->commit(std::move(transaction));
  }
  void alter_table(const std::function<void(catalog::Table&)>& change) {
    alter([&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::Table table = *catalog.find_table(table_->id);
      change(table);
      return {catalog::PutTable{std::move(table)}};
    });
  }
  void alter_database(const std::function<void(catalog::PutDatabase&)>& change) {
    alter([&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      auto database = catalog.find_database(table_->database_id);
      catalog::PutDatabase put{database->id,          database->guid,     database->name,
                               database->pretty_name, database->policies, database->mappings};
      change(put);
      return {std::move(put)};
    });
  }
  Transaction transaction() const {
    Transaction transaction = one_append(make_rows(*table_, 0, 3));
    transaction.made_under = made_under_;
    return transaction;
  }
  bool is_refused() {
    try {
      store_->commit(transaction());
      return false;
    } catch (const CatalogOutdated&) {
      return true;
    }
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<const catalog::Table> table_;
  std::shared_ptr<const catalog::Catalog> made_under_;
};

TEST_F(MadeUnderTest, ChangesElsewhereDoNotMatter) {
  create_table(*store_, "Other");
  alter_database([](catalog::PutDatabase& put) { put.pretty_name = "pretty"; });
  EXPECT_FALSE(is_refused());
}

TEST_F(MadeUnderTest, AnotherVersionOfTheTableDoes) {
  alter_table([](catalog::Table& table) { table.policies.set("retention", "{}"); });
  EXPECT_TRUE(is_refused());
  EXPECT_TRUE(all_ids(*store_, table_->id).empty());
  // Who names no catalog takes the table as it is.
  store_->commit(one_append(make_rows(*table_, 0, 1)));
}

TEST_F(MadeUnderTest, SoDoesItsEnd) {
  drop_table(*store_, table_->id);
  EXPECT_TRUE(is_refused());
}

TEST_F(MadeUnderTest, SoDoPoliciesAndMappingsOfTheDatabase) {
  alter_database([](catalog::PutDatabase& put) { put.policies.set("caching", "{}"); });
  EXPECT_TRUE(is_refused());
  made_under_ = store_->catalog();
  alter_database([](catalog::PutDatabase& put) { put.mappings.push_back({"csv", "m", "[]", 1}); });
  EXPECT_TRUE(is_refused());
}

TEST_F(MadeUnderTest, SoDoPoliciesOfTheCluster) {
  alter([](const catalog::Catalog&) -> std::vector<catalog::Change> {
    return {catalog::PutClusterPolicies{{{"caching", "{}"}}}};
  });
  EXPECT_TRUE(is_refused());
}

// Extents that a transaction adds are rows like others.
TEST_F(MadeUnderTest, ExtentsCountAsRows) {
  Transaction transaction;
  transaction.made_under = made_under_;
  transaction.replace.push_back(
      {.table = table_->id, .added = store_->write_extents(*table_, make_rows(*table_, 0, 3))});
  alter_table([](catalog::Table& table) { table.docstring = "another version"; });
  EXPECT_THROW(store_->commit(std::move(transaction)), CatalogOutdated);
}

// What counts is the order of commits, not that of what is published: two transactions in one group.
TEST_F(MadeUnderTest, AChangeInTheSameGroupCounts) {
  for (int i = 0; i < 20; ++i) {
    made_under_ = store_->catalog();
    Transaction change;
    change.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::Table table = *catalog.find_table(table_->id);
      table.docstring += 'x';
      return {catalog::PutTable{std::move(table)}};
    };
    static_cast<Store&>(*store_).commit(std::move(change), [](const CommitResult&) {});
    EXPECT_TRUE(is_refused());
  }
}

}  // namespace
}  // namespace rivulet::store
