#include "common/memory_budget.h"

#include <gtest/gtest.h>

#include <string>

#include "common/settings.h"

namespace rivulet {
namespace {

constexpr uint64_t kMiB = 1 << 20, kGiB = 1 << 30;

uint64_t sum(const MemoryBudget& budget) {
  return budget.tail_bytes + budget.query_bytes + budget.request_bytes + budget.commit_queue_bytes +
         budget.extent_writer_bytes + budget.term_filter_bytes + budget.retry_key_bytes +
         budget.rest_bytes;
}

std::string refusal(const Settings& settings, uint64_t limit) {
  try {
    divide_memory(settings, limit);
  } catch (const SettingsError& error) {
    return error.what();
  }
  return "";
}

TEST(MemoryBudget, NeverComesToMoreThanThereIs) {
  for (uint64_t limit = 512 * kMiB; limit <= 1024 * kGiB; limit += limit / 7) {
    MemoryBudget budget = divide_memory({}, limit);
    EXPECT_LE(sum(budget), limit) << limit;
    EXPECT_GE(budget.tail_bytes, 64 * kMiB) << limit;
    EXPECT_GE(budget.query_bytes, 64 * kMiB) << limit;
  }
}

TEST(MemoryBudget, GivesALargeMachineTheDocumentedParts) {
  MemoryBudget budget = divide_memory({}, 32 * kGiB);
  EXPECT_EQ(budget.query_bytes, 16 * kGiB);
  EXPECT_EQ(budget.function_bytes(), 4 * kGiB);
  EXPECT_EQ(budget.tail_bytes, 8 * kGiB);
  EXPECT_EQ(budget.run_cache_bytes(), 1 * kGiB);
  EXPECT_EQ(budget.request_bytes, 512 * kMiB);
  EXPECT_EQ(budget.commit_queue_bytes, 256 * kMiB);
  EXPECT_EQ(budget.extent_writer_bytes, 2560 * kMiB);
  EXPECT_EQ(budget.term_filter_bytes, 64 * kMiB);
}

TEST(MemoryBudget, TakesWhatIsSet) {
  Settings settings;
  settings.query_memory = 100 * kMiB;
  settings.tail_memory = 200 * kMiB;
  settings.request_memory = 10 * kMiB;
  MemoryBudget budget = divide_memory(settings, 1 * kGiB);
  EXPECT_EQ(budget.query_bytes, 100 * kMiB);
  EXPECT_EQ(budget.tail_bytes, 200 * kMiB);
  EXPECT_EQ(budget.request_bytes, 10 * kMiB);
  settings.memory_limit = 2 * kGiB;
  EXPECT_EQ(divide_memory(settings, 1 * kGiB).limit_bytes, 2 * kGiB);
  // What is not set gives way to what is.
  settings = {};
  settings.query_memory = 600 * kMiB;
  budget = divide_memory(settings, 1 * kGiB + 200 * kMiB);
  EXPECT_LT(budget.tail_bytes, 250 * kMiB);
  EXPECT_LE(sum(budget), 1 * kGiB + 200 * kMiB);
}

TEST(MemoryBudget, NamesTheSettingThatDoesNotFit) {
  Settings settings;
  settings.query_memory = 1 * kGiB;
  EXPECT_TRUE(refusal(settings, 1 * kGiB)
                  .starts_with("query_memory: 1024.0 MiB do not fit into the 1024.0"));
  settings = {};
  settings.tail_memory = 900 * kMiB;
  EXPECT_TRUE(refusal(settings, 1 * kGiB).starts_with("tail_memory: 900.0 MiB"));
  settings = {};
  settings.idempotency_keys = 100'000'000;
  EXPECT_TRUE(refusal(settings, 4 * kGiB).starts_with("idempotency_keys: "));
  EXPECT_TRUE(refusal({}, 128 * kMiB).starts_with("memory_limit: the server may use 128.0 MiB"));
}

}  // namespace
}  // namespace rivulet
