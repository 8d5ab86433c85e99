#include "ingest/target_cache.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/error.h"
#include "ingest/mappings/mapping.h"

namespace rivulet::ingest {
namespace {

using CatalogPtr = std::shared_ptr<const catalog::Catalog>;

constexpr std::string_view kEnabled = R"({"IsEnabled":true})";

CatalogPtr database(std::string policy) {
  catalog::Policies policies{{"streamingingestion", std::move(policy)}};
  return catalog::Catalog().apply(
      catalog::PutDatabase{1, Guid{1, 2}, "db", "", std::move(policies), {}});
}

catalog::PutTable table(catalog::TableId id, std::string name) {
  catalog::Table table;
  table.id = id;
  table.database_id = 1;
  table.name = std::move(name);
  table.columns = {{1, "a", ScalarType::kLong, ""}, {2, "b", ScalarType::kString, ""}};
  table.next_column_id = 3;
  return {table};
}

std::string refusal(TargetCache& cache, const CatalogPtr& catalog, const TargetName& name) {
  try {
    cache.get(catalog, name);
    return "";
  } catch (const Error& error) {
    return error.message();
  }
}

TEST(TargetCache, FollowsTheCatalog) {
  TargetCache cache;
  TargetName name{"db", "T", Format::kJson, ""};
  CatalogPtr empty = database(std::string(kEnabled));
  EXPECT_EQ(refusal(cache, empty, name), table_not_found("T", "db").message());
  EXPECT_EQ(refusal(cache, empty, {"other", "T", Format::kJson, ""}),
            database_not_found("other").message());

  CatalogPtr one = empty->apply(table(1, "T"));
  auto mapping = cache.get(one, name);
  EXPECT_EQ(mapping->table, 1u);
  EXPECT_EQ(cache.get(one, name), mapping);
  EXPECT_NE(cache.get(one, {"db", "T", Format::kCsv, ""}), mapping);

  // A change elsewhere costs no new mapping, one of the table does, also when it comes back by name.
  CatalogPtr two = one->apply(table(2, "U"));
  EXPECT_EQ(cache.get(two, name), mapping);
  catalog::PutTable wider = table(1, "T");
  wider.table.columns.edit().push_back({3, "c", ScalarType::kReal, ""});
  CatalogPtr altered = two->apply(wider);
  EXPECT_EQ(cache.get(altered, name)->column_ids.size(), 3u);
  EXPECT_EQ(cache.get(one, name)->column_ids.size(), 2u);
  CatalogPtr dropped = altered->apply(catalog::DropTable{1});
  EXPECT_EQ(refusal(cache, dropped, name), table_not_found("T", "db").message());
  EXPECT_EQ(cache.get(dropped->apply(table(3, "T")), name)->table, 3u);
}

TEST(TargetCache, FollowsPoliciesAndMappings) {
  TargetCache cache;
  TargetName name{"db", "T", Format::kJson, "m"};
  CatalogPtr disabled = database(R"({"IsEnabled":false})")->apply(table(1, "T"));
  EXPECT_EQ(refusal(cache, disabled, name), streaming_not_enabled("T").message());
  catalog::PutTable enabled = table(1, "T");
  enabled.table.policies.set("streamingingestion", std::string(kEnabled));
  CatalogPtr unmapped = disabled->apply(enabled);
  EXPECT_EQ(refusal(cache, unmapped, name), mapping_not_found("m", "T").message());

  catalog::PutTable mapped = enabled;
  mapped.table.mappings = {{"json", "m", R"([{"column":"a","path":"$.x"}])"}};
  EXPECT_EQ(cache.get(unmapped->apply(mapped), name)->column_ids, std::vector<uint32_t>{1});
  mapped.table.mappings[0].text = R"([{"column":"b","path":"$.x"}])";
  EXPECT_EQ(cache.get(unmapped->apply(mapped), name)->column_ids, std::vector<uint32_t>{2});
  EXPECT_EQ(refusal(cache, unmapped, name), mapping_not_found("m", "T").message());
  EXPECT_EQ(refusal(cache, disabled, name), streaming_not_enabled("T").message());

  // Who needs no policy gets the same, whoever asked first.
  TargetName plain{"db", "T", Format::kCsv, "", false};
  EXPECT_EQ(refusal(cache, disabled, plain), "");
  plain.needs_streaming_policy = true;
  EXPECT_EQ(refusal(cache, disabled, plain), streaming_not_enabled("T").message());
}

// More tables than it holds, seen in two catalogs at once.
TEST(TargetCache, ManyThreadsAndTables) {
  constexpr uint64_t kTables = 20'000;
  CatalogPtr first = database(std::string(kEnabled));
  for (uint64_t id = 1; id <= kTables; ++id) {
    first = first->apply(table(id, "T" + std::to_string(id)));
  }
  CatalogPtr second = first->apply(table(kTables + 1, "Another"));
  TargetCache cache;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t id = 1; id <= kTables; ++id) {
        std::string name = "T" + std::to_string(id);
        auto mapping =
            cache.get((id / 64 + t) % 2 == 0 ? first : second, {"db", name, Format::kCsv, ""});
        EXPECT_EQ(mapping->table, id);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace rivulet::ingest
