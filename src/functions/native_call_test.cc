#include "functions/native_call.h"

#include <chrono>

#include "functions/testing/sql_fixture.h"

namespace rivulet::functions {
namespace {

class NativeCallTest : public SqlFixture {
 protected:
  // The first cell, of SQL that is planned for the query.
  std::string run(const std::string& sql) {
    const PlanningScope planning(control_);
    return query(sql);
  }

  MemoryAccount account_{4 << 20};
  std::shared_ptr<QueryControl> control_ =
      QueryControl::make(QueryControl::Deadline::max(), account_);
};

// Texts of 1,000 characters, each another.
constexpr const char* kTexts =
    "(SELECT repeat('x', 995) || (10000 + i)::VARCHAR AS s FROM range(5000) r(i))";

TEST_F(NativeCallTest, EndsWithItsQuery) {
  const std::string scalar = std::string("SELECT sum(k_strlen(s)) FROM ") + kTexts;
  const std::string aggregate =
      std::string("SELECT k_array_length(k_make_set(s, 3, k_query())) FROM ") + kTexts;
  EXPECT_EQ(run(scalar), "5000000");
  EXPECT_EQ(run(aggregate), "3");
  control_->request_stop(QueryControl::Stop::kCancelled);
  EXPECT_NE(run(scalar).find("Query was cancelled."), std::string::npos);
  EXPECT_NE(run(aggregate).find("Query was cancelled."), std::string::npos);
  // Nobody else's.
  control_ = QueryControl::make(QueryControl::Deadline::max(), account_);
  EXPECT_EQ(run(scalar), "5000000");
  EXPECT_EQ(query(scalar), "5000000");
}

TEST_F(NativeCallTest, ResultsAreChargedToTheQuery) {
  EXPECT_EQ(run(std::string("SELECT sum(k_strlen(k_reverse(s[:500]))) FROM ") + kTexts), "2500000");
  EXPECT_EQ(account_.used_bytes(), 0u);
  const std::string answer =
      run(std::string("SELECT sum(k_strlen(k_strrep(s, 2, ''))) FROM ") + kTexts);
  EXPECT_NE(answer.find("E_LOW_MEMORY_CONDITION"), std::string::npos) << answer;
  EXPECT_EQ(account_.used_bytes(), 0u);
  EXPECT_THROW(control_->throw_failure(), Error);
}

TEST_F(NativeCallTest, StatesOfAggregatesAreChargedToTheQuery) {
  const std::string few =
      "SELECT k_array_length(k_make_set(i::VARCHAR, 1000000, k_query())) FROM range(5000) r(i)";
  EXPECT_EQ(run(few), "5000");
  EXPECT_EQ(account_.used_bytes(), 0u);
  const std::string answer =
      run("SELECT sum(k_array_length(s)) FROM (SELECT k_make_set(i::VARCHAR, 1000000, k_query()) "
          "AS s FROM range(100000) r(i) GROUP BY i % "
          "1000)");
  EXPECT_NE(answer.find("E_LOW_MEMORY_CONDITION"), std::string::npos) << answer;
  EXPECT_EQ(account_.used_bytes(), 0u);
}

TEST_F(NativeCallTest, ListsAreChargedToTheQuery) {
  const std::pair<const char*, std::string> functions[] = {
      {"k_make_list", ""},
      {"k_make_list_ordered", "create_sort_key(s, 'DESC NULLS LAST', '', 'ASC NULLS LAST'), "},
      {"k_make_set_ordered", "create_sort_key(s, 'DESC NULLS LAST', '', 'ASC NULLS LAST'), "}};
  for (const auto& [function, key] : functions) {
    const auto list = [&](int rows, const char* groups) {
      return std::string("SELECT sum(k_array_length(l)) FROM (SELECT ") + function +
             "('\"' || s || '\"', 1000000, " + key + "k_query()) AS l FROM " + kTexts +
             " WHERE s < repeat('x', 995) || " + std::to_string(10000 + rows) + groups + ")";
    };
    EXPECT_EQ(run(list(200, "")), "200") << function;
    EXPECT_EQ(run(list(200, " GROUP BY s[-1:]")), "200") << function;
    EXPECT_EQ(account_.used_bytes(), 0u);
    // More than the states may take, and more than may take those that they are combined into.
    for (const int rows : {3000, 1500, 1000}) {
      for (const char* groups : {"", " GROUP BY s[-1:]"}) {
        control_ = QueryControl::make(QueryControl::Deadline::max(), account_);
        const std::string answer = run(list(rows, groups));
        control_.reset();
        EXPECT_EQ(account_.used_bytes(), 0u) << function << rows << groups;
        if (rows < 3000) continue;
        EXPECT_NE(answer.find("E_LOW_MEMORY_CONDITION"), std::string::npos) << function << answer;
      }
    }
    control_ = QueryControl::make(QueryControl::Deadline::max(), account_);
  }
}

TEST_F(NativeCallTest, EqualRowsAreMadeOnce) {
  // One text of 1 MB in 2,000 rows of a block: 2 GB if each row had its own.
  EXPECT_EQ(run("SELECT sum(k_strlen(k_toupper(s))) FROM (SELECT repeat('x', 1000000) || "
                "(random() < 2)::VARCHAR AS s), range(2000) r(i)"),
            "2000008000");
  // A null between equal values, and values that return.
  EXPECT_EQ(run("SELECT string_agg(coalesce(k_strlen(x)::VARCHAR, 'null'), ',') FROM "
                "(VALUES ('a'), ('a'), (NULL), (NULL), ('bb'), ('a')) t(x)"),
            "1,1,null,null,2,1");
}

TEST(MemoryAccountTest, RefusesWhoHoldsMuch) {
  MemoryAccount account(1'600);
  QueryMemory much(account), more(account), little(account);
  EXPECT_THROW(much.take(801), Error);
  much.take(800);
  more.take(790);
  EXPECT_THROW(more.take(20), Error);
  little.take(100);  // a sixteenth
  EXPECT_THROW(little.take(1), Error);
  EXPECT_EQ(account.used_bytes(), 1'690u);
  much.give_back(800);
  more.take(10);
  more.give_back(800);
  little.give_back(100);
  EXPECT_EQ(account.used_bytes(), 0u);
  EXPECT_EQ(much.peak_bytes(), 800u);
}

}  // namespace
}  // namespace rivulet::functions
