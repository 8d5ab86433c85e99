#include "catalog/catalog.h"
#include "catalog/policies/effective.h"

#include <chrono>
#include <map>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

namespace rivulet::catalog {
namespace {

using CatalogPtr = std::shared_ptr<const Catalog>;

Table make_table(TableId id, DatabaseId database_id, std::string name) {
  Table table;
  table.id = id;
  table.database_id = database_id;
  table.guid = Guid{id, id};
  table.name = std::move(name);
  table.columns = {{1, "time", ScalarType::kDateTime, ""},
                   {2, "value", ScalarType::kReal, "a number"}};
  table.next_column_id = 3;
  return table;
}

CatalogPtr catalog_with_database() {
  return Catalog().apply(PutDatabase{1, Guid{1, 2}, "db", "", {}, {}});
}

TEST(Catalog, StartsEmpty) {
  Catalog catalog;
  EXPECT_EQ(catalog.next_database_id(), 1u);
  EXPECT_EQ(catalog.next_table_id(), 1u);
  EXPECT_TRUE(catalog.databases().empty());
  EXPECT_EQ(catalog.find_database("db"), nullptr);
  EXPECT_EQ(catalog.find_table(1), nullptr);
  EXPECT_TRUE(catalog.cluster_policies().empty());
}

TEST(Catalog, OldSnapshotsDoNotChange) {
  CatalogPtr before = catalog_with_database();
  CatalogPtr after = before->apply(PutTable{make_table(1, 1, "T")});
  EXPECT_EQ(before->find_database("db")->find_table("T"), nullptr);
  auto table = after->find_database("db")->find_table("T");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table, after->find_table(1));
  EXPECT_EQ(after->next_table_id(), 2u);
  EXPECT_NE(table->find_column("value"), nullptr);
  EXPECT_EQ(table->find_column("Value"), nullptr);
  CatalogPtr dropped = after->apply(DropTable{1});
  EXPECT_EQ(dropped->find_database("db")->find_table("T"), nullptr);
  EXPECT_EQ(dropped->find_table(1), nullptr);
  EXPECT_EQ(dropped->table_count(), 0u);
  EXPECT_EQ(dropped->next_table_id(), 2u);
  EXPECT_NE(after->find_table(1), nullptr);
}

TEST(Catalog, TablesThatWereMadeAlikeShareTheirColumns) {
  CatalogPtr catalog = catalog_with_database();
  for (TableId id = 1; id <= 3; ++id) {
    Table table = make_table(id, 1, "T" + std::to_string(id));
    if (id == 3) table.columns.edit()[1].docstring = "another";
    catalog = catalog->apply(PutTable{table});
  }
  auto first = catalog->find_table(1), second = catalog->find_table(2);
  EXPECT_EQ(&first->columns.front(), &second->columns.front());
  EXPECT_NE(&first->columns.front(), &catalog->find_table(3)->columns.front());
  Table changed = *second;
  changed.columns.edit().pop_back();
  EXPECT_EQ(first->columns.size(), 2u);
  EXPECT_EQ(second->columns, first->columns);
  CatalogPtr after = catalog->apply(PutTable{changed});
  EXPECT_EQ(after->find_table(2)->columns.size(), 1u);
  EXPECT_EQ(catalog->find_table(2)->columns.size(), 2u);
}

TEST(ColumnListPool, ForgetsWhatNobodyHas) {
  ColumnListPool pool;
  auto list = [](uint32_t id) { return ColumnList{{id, "c", ScalarType::kLong, ""}}; };
  ColumnList held = pool.share(list(0));
  for (uint32_t id = 1; id <= 1000; ++id) pool.share(list(id));
  EXPECT_LT(pool.size(), 200u);
  EXPECT_EQ(&pool.share(list(0)).front(), &held.front());
}

TEST(Catalog, RenamesATable) {
  CatalogPtr catalog = catalog_with_database()->apply(PutTable{make_table(1, 1, "T")});
  catalog = catalog->apply(PutTable{make_table(1, 1, "U")});
  EXPECT_EQ(catalog->find_database("db")->find_table("T"), nullptr);
  EXPECT_EQ(catalog->find_database("db")->find_table("U")->id, 1u);
  EXPECT_EQ(catalog->find_database("db")->table_count(), 1u);
}

TEST(Catalog, DatabasesComeAndGoWithTheirTables) {
  CatalogPtr catalog = catalog_with_database();
  catalog = catalog->apply(PutDatabase{2, Guid{}, "other", "Other", {{"retention", "{}"}}, {}});
  for (TableId id = 1; id <= 100; ++id) {
    catalog = catalog->apply(PutTable{make_table(id, 1 + id % 2, "T" + std::to_string(id))});
  }
  EXPECT_EQ(catalog->databases().size(), 2u);
  EXPECT_EQ(catalog->find_database("other")->tables().front()->name, "T1");
  CatalogPtr renamed = catalog->apply(PutDatabase{2, Guid{}, "new", "", {}, {}});
  EXPECT_EQ(renamed->find_database("other"), nullptr);
  EXPECT_EQ(renamed->find_database("new")->table_count(), 50u);
  CatalogPtr dropped = renamed->apply(DropDatabase{2});
  EXPECT_EQ(dropped->table_count(), 50u);
  EXPECT_EQ(dropped->find_table(1), nullptr);
  EXPECT_NE(dropped->find_table(2), nullptr);
  EXPECT_EQ(dropped->next_database_id(), 3u);
}

TEST(Catalog, Functions) {
  CatalogPtr catalog = catalog_with_database();
  catalog = catalog->apply(PutFunction{1, {"f", "(a:long)", "{ a + 1 }", "folder", "doc"}});
  ASSERT_NE(catalog->find_database("db")->find_function("f"), nullptr);
  catalog = catalog->apply(PutFunction{1, {"f", "()", "{ 1 }", "", ""}});
  EXPECT_EQ(catalog->find_database("db")->find_function("f")->body, "{ 1 }");
  catalog = catalog->apply(DropFunction{1, "f"});
  EXPECT_TRUE(catalog->find_database("db")->functions().empty());
}

TEST(Catalog, DataConnections) {
  CatalogPtr catalog = catalog_with_database();
  catalog = catalog->apply(PutDataConnection{1, {Guid{1, 2}, "hub", "eventhub", "{}", true}});
  catalog = catalog->apply(PutDatabase{1, Guid{}, "db", "Pretty", {}, {}});
  catalog = catalog->apply(PutDataConnection{1, {Guid{1, 2}, "hub", "eventhub", "{}", false}});
  const auto& connections = catalog->find_database("db")->data_connections();
  ASSERT_EQ(connections.size(), 1u);
  EXPECT_FALSE(connections.at("hub").is_enabled);
  catalog = catalog->apply(DropDataConnection{1, "hub"});
  EXPECT_TRUE(catalog->find_database("db")->data_connections().empty());
}

TEST(Catalog, ImpossibleChangesThrow) {
  CatalogPtr catalog = catalog_with_database()->apply(PutTable{make_table(1, 1, "T")});
  catalog = catalog->apply(PutDatabase{2, Guid{}, "other", "", {}, {}});
  const Change changes[] = {PutTable{make_table(2, 7, "U")},
                            PutTable{make_table(2, 1, "T")},
                            PutTable{make_table(1, 2, "T")},
                            DropTable{5},
                            DropDatabase{5},
                            PutDatabase{3, Guid{}, "db", "", {}, {}},
                            PutFunction{9, {}},
                            DropFunction{1, "f"},
                            PutDataConnection{9, {}},
                            DropDataConnection{1, "hub"}};
  for (const Change& change : changes) EXPECT_THROW(catalog->apply(change), std::runtime_error);
}

Catalog rebuild(const Catalog& catalog) {
  auto rebuilt = std::make_shared<const Catalog>();
  for (const Change& change : catalog.changes()) {
    rebuilt = rebuilt->apply(decode_change(encode_change(change)));
  }
  return *rebuilt;
}

TEST(Catalog, ChangesRebuildItThroughTheirBytes) {
  CatalogPtr catalog = Catalog().apply(PutClusterPolicies{{{"callout", "[]"}}});
  catalog = catalog->apply(PutDatabase{
      4, Guid{3, 4}, "d\"b\n", "Pretty", {{"retention", "{\"a\":1}"}}, {{"json", "m", "[]", -5}}});
  Table table = make_table(9, 4, "T\xC3\xA9");
  table.folder = "folder";
  table.docstring = "doc";
  table.policies = {{"streamingingestion", "{\"IsEnabled\":true}"}};
  table.mappings = {{"csv", "m", "[{\"column\":\"time\"}]", 638'000'000'000'000'000}};
  catalog = catalog->apply(PutTable{table});
  catalog = catalog->apply(PutTable{make_table(12, 4, "gone")});
  catalog = catalog->apply(DropTable{12});
  catalog = catalog->apply(PutFunction{4, {"f", "(a:long)", "{ a }", "x", "y"}});
  catalog = catalog->apply(
      PutDataConnection{4, {Guid{5, 6}, "hub", "eventhub", "{\"table\":\"T\"}", true}});
  catalog = catalog->apply(PutDataConnection{4, {Guid{7, 8}, "topic", "kafka", "{}", false}});

  Catalog rebuilt = rebuild(*catalog);
  EXPECT_EQ(rebuilt.cluster_policies(), catalog->cluster_policies());
  EXPECT_EQ(rebuilt.next_table_id(), 13u);
  EXPECT_EQ(rebuilt.next_database_id(), 5u);
  auto database = rebuilt.find_database("d\"b\n");
  ASSERT_NE(database, nullptr);
  EXPECT_EQ(database->id, 4u);
  EXPECT_EQ(database->guid, (Guid{3, 4}));
  EXPECT_EQ(database->pretty_name, "Pretty");
  EXPECT_EQ(database->policies, catalog->find_database(4)->policies);
  EXPECT_EQ(database->mappings, catalog->find_database(4)->mappings);
  EXPECT_EQ(database->functions(), catalog->find_database(4)->functions());
  EXPECT_EQ(database->data_connections(), catalog->find_database(4)->data_connections());
  auto copy = database->find_table("T\xC3\xA9");
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(copy->guid, table.guid);
  EXPECT_EQ(copy->folder, "folder");
  EXPECT_EQ(copy->docstring, "doc");
  EXPECT_EQ(copy->columns, table.columns);
  EXPECT_EQ(copy->next_column_id, 3u);
  EXPECT_EQ(copy->policies, table.policies);
  EXPECT_EQ(copy->mappings, table.mappings);
  EXPECT_NE(copy->find_mapping("csv", "m"), nullptr);
  EXPECT_EQ(copy->find_mapping("json", "m"), nullptr);
}

TEST(ChangeRecord, DamageThrows) {
  std::string record = encode_change(PutTable{make_table(1, 1, "T")});
  EXPECT_NO_THROW(decode_change(record));
  for (size_t size = 0; size < record.size(); ++size) {
    EXPECT_THROW(decode_change(record.substr(0, size)), std::runtime_error);
  }
  for (const char* bytes : {"[]", "null", "{}", R"({"v":2,"change":"drop_table","id":1})",
                            R"({"v":1,"change":"unheard_of"})", R"({"v":1,"change":"drop_table"})",
                            R"({"v":1,"change":"drop_table","id":-1})"}) {
    EXPECT_THROW(decode_change(bytes), std::runtime_error) << bytes;
  }
}

// Bytes as the first version wrote them: they must be read for ever.
TEST(Policies, SayWhatTheirTextsSay) {
  Policies policies;
  policies.set("retention", R"({"SoftDeletePeriod":"3.00:00:00","Recoverability":"Enabled"})");
  policies.set("roworder", R"({"RowOrder":["a asc","b c desc"]})");
  Policies copy = policies;
  EXPECT_EQ(copy.values().retention->soft_delete_period, 3 * kTicksPerDay);
  EXPECT_EQ(copy.values().row_order->columns.at(1).name, "b c");
  EXPECT_TRUE(copy.values().row_order->columns.at(1).is_descending);
  EXPECT_FALSE(copy.values().merge);

  // A copy keeps what it had.
  policies.set("retention", "no JSON");
  policies.erase("roworder");
  EXPECT_EQ(policies.at("retention"), "no JSON");
  EXPECT_FALSE(policies.values().retention->soft_delete_period);
  EXPECT_FALSE(policies.values().row_order);
  EXPECT_EQ(copy.values().retention->soft_delete_period, 3 * kTicksPerDay);
  EXPECT_NE(copy, policies);
}

// A policy that says nothing hides those of the database all the same, but for one that is no JSON at all.
TEST(Policies, HoldFromTheTableUpwards) {
  PutDatabase put{1, Guid{1, 2}, "db", "", {}, {}};
  put.policies = {{"retention", R"({"SoftDeletePeriod":"5.00:00:00"})"},
                  {"streamingingestion", R"({"IsEnabled":true})"}};
  CatalogPtr catalog = Catalog().apply(put);
  Table table;
  table.database_id = 1;
  EXPECT_EQ(soft_delete_period(*catalog, table), 5 * kTicksPerDay);
  EXPECT_TRUE(is_streaming_enabled(*catalog, table));
  table.policies = {{"retention", "{}"}, {"streamingingestion", "?"}};
  EXPECT_FALSE(soft_delete_period(*catalog, table));
  EXPECT_TRUE(is_streaming_enabled(*catalog, table));
  table.policies.set("streamingingestion", R"({"IsEnabled":false})");
  EXPECT_FALSE(is_streaming_enabled(*catalog, table));
}

// Neither a record nor a policy that it holds ends the process by how deep it nests.
TEST(ChangeRecord, NestingHasALimit) {
  std::string deep(1'000'000, '[');
  EXPECT_THROW(decode_change(deep), std::runtime_error);
  EXPECT_THROW(decode_change(R"({"v":1,"change":"put_cluster_policies","policies":)" + deep),
               std::runtime_error);
  Table table;
  for (const char* policy :
       {"retention", "merge", "sharding", "extent_tags_retention", "roworder", "auto_delete"}) {
    table.policies.set(policy, deep);
  }
  Change change = decode_change(encode_change(PutTable{table}));
  const Table& read = std::get<PutTable>(change).table;
  Catalog catalog;
  EXPECT_EQ(read.policies.at("merge"), deep);
  EXPECT_FALSE(soft_delete_period(catalog, read));
  EXPECT_FALSE(auto_delete_policy(read));
  EXPECT_EQ(merge_policy(catalog, read).max_rows, MergePolicy().max_rows);
  EXPECT_EQ(max_ingested_rows(catalog, read), UINT64_MAX);
  EXPECT_TRUE(tag_retention(catalog, read).empty());
  EXPECT_TRUE(row_order(read).empty());
}

TEST(ChangeRecord, FirstVersionStaysReadable) {
  Change change = decode_change(
      R"({"v":1,"change":"put_table","id":7,"database":1,"guid":"00000000-0000-0001-0000-000000000002",)"
      R"("name":"T","next_column_id":2,"columns":[{"id":1,"name":"a","type":"long"}]})");
  const Table& table = std::get<PutTable>(change).table;
  EXPECT_EQ(table.id, 7u);
  ASSERT_EQ(table.columns.size(), 1u);
  EXPECT_EQ(table.columns[0].type, ScalarType::kLong);
}

TEST(Catalog, FoldsAHundredThousandTables) {
  constexpr TableId kTables = 100'000;
  auto started = std::chrono::steady_clock::now();
  CatalogPtr catalog = catalog_with_database();
  for (TableId id = 1; id <= kTables; ++id) {
    catalog = catalog->apply(PutTable{make_table(id, 1, "table_" + std::to_string(id))});
  }
  auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  RecordProperty("seconds", std::to_string(seconds));
  EXPECT_EQ(catalog->table_count(), kTables);
  EXPECT_EQ(catalog->find_database("db")->table_count(), kTables);
  EXPECT_EQ(catalog->find_database("db")->find_table("table_77777")->id, 77777u);
  EXPECT_EQ(catalog->find_table(77777)->name, "table_77777");
}

struct PairByFirst {
  static uint64_t key(const std::pair<uint64_t, int>& value) { return value.first; }
};

TEST(PersistentMap, BehavesLikeAMap) {
  std::mt19937_64 random(7);
  PersistentMap<std::pair<uint64_t, int>, PairByFirst> map;
  std::map<uint64_t, int> model;
  for (int step = 0; step < 20'000; ++step) {
    uint64_t key = random() % 2000;
    if (random() % 3 == 0) {
      map = map.without(key);
      model.erase(key);
    } else {
      map = map.with({key, step});
      model[key] = step;
    }
    ASSERT_EQ(map.size(), model.size());
  }
  for (const auto& [key, value] : model) {
    ASSERT_NE(map.find(key), nullptr);
    EXPECT_EQ(map.find(key)->second, value);
  }
  std::map<uint64_t, int> seen;
  map.for_each([&](const auto& pair) { seen.insert(pair); });
  EXPECT_EQ(seen, model);
  for (const auto& [key, value] : model) map = map.without(key);
  EXPECT_EQ(map.size(), 0u);
}

}  // namespace
}  // namespace rivulet::catalog
