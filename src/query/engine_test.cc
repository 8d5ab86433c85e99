#include "query/engine.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/error.h"
#include "query/testing/fake_store.h"
#include "types/text.h"

namespace rivulet::query {
namespace {

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    table_ = store_.add_table("db", "T", {{"k", ScalarType::kString}, {"v", ScalarType::kLong}});
    append(*table_, {{"a", 1}, {"b", 2}, {"a", 3}});
    EngineOptions options;
    options.threads = 2;
    options.memory_limit_bytes = 1 << 30;
    engine_ = Engine::open(options, store_, system_clock());
  }

  static void append(FakeTable& table, const std::vector<std::pair<std::string, int64_t>>& rows) {
    auto batch = std::make_shared<ColumnBatch>(
        std::vector<ScalarType>{ScalarType::kString, ScalarType::kLong});
    for (const auto& [k, v] : rows) {
      batch->column(0).append_text(k);
      batch->column(1).append(v);
    }
    table.append({1, 2}, batch);
  }

  static QueryRequest request(std::string text) {
    QueryRequest request;
    request.text = std::move(text);
    request.database = "db";
    request.now = kUnixEpochTicks;
    return request;
  }

  // Results by blank lines, cells by "|".
  std::string run(const QueryRequest& request) {
    auto query = engine_->start(request);
    std::string text;
    for (size_t i = 0; i < query->result_count(); ++i) {
      if (i > 0) text += '\n';
      auto stream = query->result(i);
      for (auto chunk = stream->next(); chunk.row_count > 0; chunk = stream->next()) {
        for (size_t row = 0; row < chunk.row_count; ++row) {
          for (size_t column = 0; column < chunk.columns.size(); ++column) {
            if (column > 0) text += '|';
            append_cell_text(text, chunk.columns[column], row);
          }
          text += '\n';
        }
      }
    }
    return text;
  }
  std::string run(std::string text) { return run(request(std::move(text))); }
  std::string error_of(std::string text) {
    try {
      run(std::move(text));
    } catch (const Error& error) {
      return error.message();
    }
    return "none";
  }

  FakeStore store_;
  std::shared_ptr<FakeTable> table_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, CanBeCancelledBeforeItIsPlanned) {
  QueryRequest cancelled = request("T | count");
  cancelled.on_start = [](const std::function<void()>& cancel) { cancel(); };
  try {
    engine_->start(cancelled);
    ADD_FAILURE() << "it was started";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "Query was cancelled.");
  }
  EXPECT_EQ(engine_->queries().running_count(), 0u);
  EXPECT_EQ(engine_->queries().recent().front().state, activity::QueryState::kCancelled);
  EXPECT_EQ(run("T | count"), "3\n");
}

TEST_F(EngineTest, StatesOfAggregatesAreBoundedOnAllThreads) {
  EngineOptions options;
  options.threads = 2;
  options.memory_limit_bytes = 64 << 20;
  engine_ = Engine::open(options, store_, system_clock());
  auto many =
      store_.add_table("db", "Many", {{"k", ScalarType::kString}, {"v", ScalarType::kLong}});
  std::vector<std::pair<std::string, int64_t>> rows;
  for (int64_t i = 0; i < 250'000; ++i)
    rows.emplace_back("a key of this row: " + std::to_string(i), i);
  append(*many, rows);
  const std::string sets =
      "Many | summarize s = make_set(strcat(k, '0123456789')) by v % 10 | summarize "
      "sum(array_length(s))";
  EXPECT_NE(error_of(sets).find("E_LOW_MEMORY_CONDITION"), std::string::npos) << error_of(sets);
  EXPECT_EQ(run("Many | take 1000 | summarize array_length(make_set(k))"), "1000\n");
}

TEST_F(EngineTest, RunsAQueryOverATable) {
  EXPECT_EQ(run("T | summarize s = sum(v) by k | order by k asc"), "a|4\nb|2\n");
}

TEST_F(EngineTest, RunsSeveralStatements) {
  EXPECT_EQ(run("T | count; print 'x'"), "3\n\nx\n");
}

TEST_F(EngineTest, SeesRowsThatCameBeforeItAndTablesThatAreNew) {
  append(*table_, {{"c", 5}});
  EXPECT_EQ(run("T | count"), "4\n");
  append(*store_.add_table("db", "U", {{"k", ScalarType::kString}, {"v", ScalarType::kLong}}),
         {{"z", 9}});
  EXPECT_EQ(run("U | join kind=inner (T | extend k = 'z') on k | summarize count()"), "4\n");
}

TEST_F(EngineTest, ColumnsThatDependOnDataAreProbed) {
  EXPECT_EQ(run("T | project b = pack(k, v) | evaluate bag_unpack(b) | summarize sum(a), sum(b)"),
            "4|2\n");
}

TEST_F(EngineTest, AnInputTableIsWhereAPipelineStarts) {
  auto input = std::make_shared<ResultTable>(
      "in", std::vector<ResultColumn>{{"Name", ScalarType::kString}, {"Size", ScalarType::kLong}});
  input->rows.column(0).append_text("first");
  input->rows.column(1).append(int64_t{5});
  input->rows.column(0).append_text("second");
  input->rows.column(1).append(int64_t{7});
  QueryRequest r = request("| where Size > 5 | project Name");
  r.input = input;
  EXPECT_EQ(run(r), "second\n");
  r.text = "| count; let x = 3; T | summarize n = count() + x; print 'end'";
  EXPECT_EQ(run(r), "2\n\n6\n\nend\n");
}

TEST_F(EngineTest, AUnionOfThousandsOfTables) {
  for (int i = 0; i < 3000; ++i) {
    auto table = store_.add_table(
        "db", "U" + std::to_string(i),
        {{"k", ScalarType::kString}, {"v", i % 2 == 0 ? ScalarType::kLong : ScalarType::kString}});
    if (i % 2 == 0) append(*table, {{"x", i}});
  }
  EXPECT_EQ(run("union U* | count"), "1500\n");
  EXPECT_EQ(run("union withsource=S U* | where S == 'U10' | project S, v_long, v_string"),
            "U10|10|\n");
  EXPECT_EQ(run("union U*, (T | extend v = v * 2) | summarize count(), sum(v_long)"),
            "1503|2248512\n");
  EXPECT_EQ(run("search in (U*) k: 'x' | count"), "1500\n");
  EXPECT_EQ(run("union T, T | count"), "6\n");
  EXPECT_EQ(run("union U2, U4 | extend t = ingestion_time() | summarize countif(isnull(t))"),
            "0\n");
}

TEST_F(EngineTest, LongListsHoldWhatShortOnesDo) {
  const auto list = [](const std::string& first, const std::string& before,
                       const std::string& after) {
    std::string text = "(" + first;
    for (int i = 1'000; i < 2'500; ++i) text += ", " + before + std::to_string(i) + after;
    return text + ")";
  };
  const auto count = [&](const std::string& condition) {
    return run(
        "T | extend g = toguid(strcat('00000000-0000-0000-0000-00000000000', v)), r = v + 0.5, "
        "d = datetime(2020-01-01) + v * 1d, n = iff(v == 2, long(null), v), "
        "s = strcat(k, '\\u0001') | where " +
        condition + " | count");
  };
  EXPECT_EQ(count("v in " + list("3, 2", "", "")), "2\n");
  EXPECT_EQ(count("v !in " + list("-3, 2", "", "")), "2\n");
  EXPECT_EQ(count("toint(v) in " + list("3, 2", "", "")), "2\n");
  EXPECT_EQ(count("n in " + list("2, 1", "", "")), "1\n");
  EXPECT_EQ(count("n !in " + list("2, 1", "", "")), "2\n");
  EXPECT_EQ(count("r in " + list("1.5, real(nan)", "", ".5")), "1\n");
  EXPECT_EQ(count("k in " + list("'a', ''", "'", "'")), "2\n");
  EXPECT_EQ(count("k in " + list("'A'", "'", "'")), "0\n");
  EXPECT_EQ(count("k in~ " + list("'A'", "'É", "'")), "2\n");
  EXPECT_EQ(count("k !in~ " + list("'A'", "'", "'")), "1\n");
  EXPECT_EQ(count("s in " + list("'a\\u0001'", "'", "'")), "2\n");
  EXPECT_EQ(count("tostring(v) in " + list("1, 3", "", "")), "2\n");
  EXPECT_EQ(count("d in " + list("datetime(2020-01-02)", "datetime(2021-01-01) + ", "s")), "1\n");
  EXPECT_EQ(count("g in " + list("guid(00000000-0000-0000-0000-000000000003)",
                                 "guid(00000000-0000-0000-0000-00000000", ")")),
            "1\n");
}

TEST_F(EngineTest, StatesThatNobodyReadsAreFreed) {
  const std::string lists = "range x from 1 to 10000 step 1 | summarize l = make_list(strcat(x, '" +
                            std::string(4'000, 'x') + "')) by x % 5000 ";
  // Each takes a good part of what all may take.
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(run(lists + "| take 3 | count"), "3\n");
    auto query = engine_->start(request(lists));
    EXPECT_GT(query->result(0)->next().row_count, 0u);
  }
}

TEST_F(EngineTest, ErrorsOfTheQueryAreKustos) {
  EXPECT_NE(error_of("Missing | count").find("SEM0100"), std::string::npos);
  EXPECT_NE(error_of("T | project nope").find("SEM0100"), std::string::npos);
}

TEST_F(EngineTest, QueriesAreRegistered) {
  QueryRequest r = request("T | count");
  r.client_activity_id = "id-1";
  r.user = "me";
  {
    auto query = engine_->start(r);
    auto running = engine_->queries().running();
    ASSERT_EQ(running.size(), 1u);
    EXPECT_EQ(running[0].client_activity_id, "id-1");
    EXPECT_EQ(running[0].text, "T | count");
    EXPECT_EQ(running[0].state, activity::QueryState::kInProgress);
    auto stream = query->result(0);
    while (stream->next().row_count > 0) {
    }
  }
  EXPECT_EQ(engine_->queries().running_count(), 0u);
  auto recent = engine_->queries().recent();
  ASSERT_EQ(recent.size(), 1u);
  EXPECT_EQ(recent[0].state, activity::QueryState::kCompleted);
  EXPECT_EQ(recent[0].result_rows, 1u);
  EXPECT_EQ(recent[0].scanned_rows, 3u);
  error_of("Missing | count");
  EXPECT_EQ(engine_->queries().recent().front().state, activity::QueryState::kFailed);
}

TEST_F(EngineTest, CancelByClientActivityId) {
  QueryRequest r = request(
      "range x from 1 to 100000000 step 1 | extend k = 1 | join kind=inner (range y from "
      "1 to 100000000 step 1 | extend k = 1) on k | where (x * y) % 7 == 3 | count");
  r.client_activity_id = "slow";
  std::thread canceller([&] {
    while (engine_->queries().cancel("slow") == 0) std::this_thread::yield();
  });
  std::string error;
  try {
    run(r);
  } catch (const Error& e) {
    error = e.message();
  }
  canceller.join();
  EXPECT_EQ(error, "Query was cancelled.");
  EXPECT_EQ(engine_->queries().recent().front().state, activity::QueryState::kCancelled);
}

TEST_F(EngineTest, ManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 25; ++n) {
        std::string number = std::to_string(i * 100 + n);
        std::string expected = "a|" + number + "\na|" + number + "\nb|" + number + "\n";
        if (run("T | project k, x = " + number + " | order by k asc") != expected) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace rivulet::query
