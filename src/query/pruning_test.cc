// What is left out of a query's extents never had an answer: the same random predicates over rows in many
// extents and over the same rows in a tail.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "activity/query_registry.h"
#include "query/engine.h"
#include "query/source_sql.h"
#include "store/testing/store_fixture.h"
#include "types/text.h"

namespace rivulet::query {
namespace {

using namespace store::testing;

class PruningTest : public ::testing::Test {
 protected:
  PruningTest() {
    store_ =
        store::Store::open(small_options(directory_.path() / "data"), posix_file_system(), clock_);
    EngineOptions options;
    options.threads = 1;
    options.memory_limit_bytes = 1 << 30;
    options.temp_directory = directory_.path() / "temp";
    options.extent_directory = directory_.path() / "data";
    engine_ = Engine::open(options, *store_, clock_);
    for (const char* name : {"Sealed", "Tail"}) {
      tables_.push_back(
          create_table(*store_, name, {{"id", ScalarType::kLong}, {"text", ScalarType::kString}}));
    }
    // Extents stay as they are made.
    store::Transaction transaction;
    transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
      catalog::Table changed = *catalog.find_table(tables_[0]->id);
      changed.policies.set("merge", R"({"AllowMerge":false})");
      return {catalog::PutTable{changed}};
    };
    store_->commit(std::move(transaction));
  }

  // The same rows into both tables, and the first one's into an extent.
  void add(const std::vector<std::string>& texts) {
    store::Transaction transaction;
    for (const auto& table : tables_) {
      std::vector<ScalarType> types{ScalarType::kLong, ScalarType::kString};
      auto batch = std::make_shared<ColumnBatch>(types);
      for (size_t i = 0; i < texts.size(); ++i) {
        batch->column(0).append(next_id_ + static_cast<int64_t>(i));
        batch->column(1).append_text(texts[i]);
      }
      store::Append append{table->id, {1, 2}, batch};
      if (table == tables_.front()) {
        transaction.replace.push_back(
            {.table = table->id, .added = store_->write_extents(*table, append)});
      } else {
        transaction.appends.push_back(append);
      }
    }
    next_id_ += static_cast<int64_t>(texts.size());
    store_->commit(std::move(transaction));
  }

  std::string ids(const std::string& query) {
    QueryRequest request;
    request.text = query;
    request.database = "NetDefaultDB";
    request.now = clock_.now();
    auto running = engine_->start(request);
    auto stream = running->result(0);
    std::string out;
    for (auto chunk = stream->next(); chunk.row_count > 0; chunk = stream->next()) {
      for (size_t row = 0; row < chunk.row_count; ++row) {
        append_cell_text(out, chunk.columns[0], row);
        out += ' ';
      }
    }
    return out;
  }

  TemporaryDirectory directory_;
  TestClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::shared_ptr<const catalog::Table>> tables_;
  int64_t next_id_ = 0;
};

TEST_F(PruningTest, NoPredicateLosesARow) {
  std::mt19937_64 random(11);
  static constexpr std::string_view kPieces[] = {
      "alpha", "Beta", "GAMMA",         "x1",     "7", " ",      "-",      ".", "_",     "/",
      "",      "a",    "\u00e9t\u00e9", "\u00c9", "K", "\u212a", "\u017f", "s", "error", "Error42"};
  auto text = [&](size_t pieces) {
    std::string made;
    for (size_t i = random() % (pieces + 1); i > 0; --i)
      made += kPieces[random() % std::size(kPieces)];
    return made;
  };
  std::vector<std::string> all;
  for (int extent = 0; extent < 40; ++extent) {
    std::vector<std::string> texts;
    for (size_t i = 1 + random() % 4; i > 0; --i) texts.push_back(text(6));
    all.insert(all.end(), texts.begin(), texts.end());
    add(texts);
  }
  auto literal = [&] {
    std::string value = random() % 2 == 0 ? text(3) : all[random() % all.size()];
    if (random() % 3 == 0 && !value.empty()) value = value.substr(random() % value.size());
    if (!is_valid_utf8(value)) value = "beta";
    return "'" + value + "'";
  };
  static constexpr std::string_view kOne[] = {"has",  "has_cs",    "==",         "=~", "contains",
                                              "!has", "hasprefix", "startswith", "!="};
  static constexpr std::string_view kMany[] = {"in", "has_any", "has_all", "in~", "!in"};
  for (int i = 0; i < 400; ++i) {
    std::string predicate;
    for (size_t parts = 1 + random() % 2; parts > 0; --parts) {
      if (!predicate.empty()) predicate += random() % 3 == 0 ? " or " : " and ";
      if (random() % 2 == 0) {
        predicate += fmt::format("text {} {}", kOne[random() % std::size(kOne)], literal());
      } else {
        predicate += fmt::format("text {} ({}, {})", kMany[random() % std::size(kMany)], literal(),
                                 literal());
      }
    }
    std::string rest = " | where " + predicate + " | order by id asc | project id";
    ASSERT_EQ(ids("Sealed" + rest), ids("Tail" + rest)) << predicate;
  }
}

TEST_F(PruningTest, IngestionTimesLeaveOutWhatCannotMatchAndNothingElse) {
  std::vector<Ticks> times;
  for (int i = 0; i < 12; ++i) {
    clock_.advance(kTicksPerHour);
    add({"a", "b"});
    auto sealed = store_->snapshot({&tables_[0]->id, 1})->table(tables_[0]->id);
    times.push_back(sealed->extents().back()->min_time);
    if (i % 4 == 3) store_->checkpoint();
  }
  auto literal = [](Ticks ticks) {
    std::string text = "datetime(";
    append_datetime(text, ticks);
    return text + ")";
  };
  for (size_t i = 0; i < times.size(); ++i) {
    for (std::string_view op : {"<", "<=", ">", ">=", "=="}) {
      std::string rest =
          fmt::format("{} {} | distinct id | order by id asc", op, literal(times[i]));
      // The bound does not come through a computed column.
      std::string all = ids("Sealed | extend t = ingestion_time() | where t " + rest);
      EXPECT_EQ(ids("Sealed | where ingestion_time() " + rest), all) << rest;
      EXPECT_EQ(ids("Tail | where ingestion_time() " + rest), all) << rest;
      EXPECT_EQ(ids("union Sealed, Tail | where ingestion_time() " + rest), all) << rest;
    }
  }
  auto statement = kql::bind_query("union Sealed, Tail | where ingestion_time() between (" +
                                       literal(times[5]) + " .. " + literal(times[6] - 1) + ")",
                                   *store_->catalog(), {.database = "NetDefaultDB"});
  std::vector<catalog::TableId> tables{tables_[0]->id, tables_[1]->id};
  auto snapshot = store_->snapshot(tables);
  ASSERT_GT(snapshot->table(tables[1])->runs().size(), 1u);
  ComposedStatement composed = compose(statement.at(0), *snapshot, nullptr, 0);
  EXPECT_EQ(composed.extents_total, 12u);
  EXPECT_EQ(composed.extents.size(), 1u);
  EXPECT_EQ(composed.sources->slots.back().runs.size(), 1u);
}

TEST_F(PruningTest, ExtentsWithoutTheTermAreLeftOut) {
  for (int i = 0; i < 50; ++i) {
    add({fmt::format("GET /path{} from host-{}", i, i % 5), "always here"});
  }
  auto extents = store_->snapshot({&tables_[0]->id, 1})->table(tables_[0]->id)->extents();
  auto count = [&](std::vector<std::string> any_of) {
    std::vector<kql::TermCondition> terms{{2, std::move(any_of)}};
    return std::count_if(extents.begin(), extents.end(),
                         [&](const auto& extent) { return may_match(*extent, {}, terms); });
  };
  EXPECT_LE(count({"PATH7"}), 3);
  EXPECT_GE(count({"PATH7"}), 1);
  EXPECT_LE(count({"path7 from", "path8"}), 5);
  EXPECT_LE(count({"nowhere"}), 3);
  EXPECT_EQ(count({"always"}), 50);
  EXPECT_EQ(count({""}), 50);
  EXPECT_EQ(count({"-"}), 50);
}

TEST_F(PruningTest, RowsTellTheirExtent) {
  add({"a", "b"});
  auto extent = store_->snapshot({&tables_[0]->id, 1})->table(tables_[0]->id)->extents()[0];
  EXPECT_EQ(ids("Sealed | distinct extent_id()"), to_string(extent->id) + " ");
  EXPECT_EQ(ids("Tail | distinct extent_id()"), "00000000-0000-0000-0000-000000000000 ");
  EXPECT_EQ(
      ids("union Sealed, Tail | where extent_id() == guid(" + to_string(extent->id) + ") | count"),
      "2 ");
  EXPECT_EQ(ids("Tail | take 1 | project array_length(extent_tags())"), "0 ");
  EXPECT_EQ(ids("Sealed | where text == 'b' | project x = 1, text | project __extent_row()"), "1 ");
  EXPECT_EQ(ids("print extent_id()"), "00000000-0000-0000-0000-000000000000 ");
}

}  // namespace
}  // namespace rivulet::query
