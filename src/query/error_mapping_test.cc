#include "query/error_mapping.h"

#include <gtest/gtest.h>

#include <string>

#include "kql/sql/failure_mark.h"

namespace rivulet::query {

using functions::QueryControl;
namespace {

constexpr auto kNone = QueryControl::Stop::kNone;

Error error_of(std::string_view message, duckdb_error_type type = DUCKDB_ERROR_INVALID) {
  return query_error(type, message, kNone, "SELECT k1 FROM s0");
}

TEST(ErrorMapping, KnowsAFailureInEachOfItsForms) {
  for (
      std::string_view message :
      {"Out of Memory Error: failed to allocate data of size 8.0 MiB (10.2 MiB/15.2 MiB used)\n\n"
       "Possible solutions:\n* Reducing the number of threads",
       R"({"exception_type":"Out of Memory","exception_message":"failed to allocate\n\nPossible"})",
       R"(Invalid Input Error: {"exception_type":"Out of Memory","exception_message":"failed"})",
       "Invalid Input Error: Out of Memory Error: function"}) {
    EXPECT_TRUE(is_out_of_memory(DUCKDB_ERROR_INVALID, message)) << message;
    Error error = error_of(message);
    EXPECT_EQ(error.kind(), ErrorKind::kLimitExceeded);
    EXPECT_NE(error.message().find("E_LOW_MEMORY_CONDITION"), std::string::npos);
    EXPECT_EQ(error.message().find("Possible"), std::string::npos);
  }
  EXPECT_FALSE(is_out_of_memory(DUCKDB_ERROR_INVALID, "Binder Error: column k9 not found"));
  EXPECT_TRUE(is_out_of_memory(DUCKDB_ERROR_OUT_OF_MEMORY, "whatever"));
}

TEST(ErrorMapping, TellsTheWordsOfOurFunctions) {
  std::string own = std::string(kql::kFailureMark) + "make_set(): too \"large\"";
  EXPECT_EQ(error_of("Invalid Input Error: " + own).message(), "make_set(): too \"large\"");
  EXPECT_EQ(error_of("Invalid Input Error: " + own + "\n\nLINE 1: SELECT k1").message(),
            "make_set(): too \"large\"");
  EXPECT_EQ(error_of(R"({"exception_type":"Invalid Input","exception_message":")" +
                     std::string(kql::kFailureMark) + R"(too \"large\""})")
                .message(),
            "too \"large\"");
}

TEST(ErrorMapping, HasWordsOfItsOwnForEachKind) {
  struct Case {
    std::string_view message;
    ErrorKind kind;
    std::string_view words;
  };
  for (const Case& c :
       {Case{"Parser Error: memory exhausted at or near \"*\"", ErrorKind::kLimitExceeded,
             "E_RUNAWAY_QUERY"},
        Case{"Binder Error: Max expression depth limit of 1000 exceeded", ErrorKind::kLimitExceeded,
             "E_RUNAWAY_QUERY"},
        Case{"Conversion Error: Casting value \"1\" to type DECIMAL(38,18) failed",
             ErrorKind::kBadRequest, "20 digits"},
        Case{"Conversion Error: Could not convert string 'x' to HUGEINT", ErrorKind::kBadRequest,
             "outside the range"},
        Case{"Out of Range Error: STDDEV_SAMP is out of range!", ErrorKind::kBadRequest,
             "overflow"},
        Case{"Invalid Input Error: Malformed JSON at byte 0", ErrorKind::kBadRequest, "(error "},
        Case{"IO Error: Could not write file: No space left on device", ErrorKind::kUnavailable,
             "disk space"},
        Case{"INTERRUPT Error: Interrupted!", ErrorKind::kCancelled, "cancelled"},
        Case{"Binder Error: Referenced column \"k9\" not found in FROM clause!",
             ErrorKind::kInternal, "(error "},
        Case{"INTERNAL Error: Failed to bind column reference", ErrorKind::kInternal, "(error "},
        Case{"nothing known", ErrorKind::kInternal, "(error "}}) {
    Error error = error_of(c.message);
    EXPECT_EQ(error.kind(), c.kind) << c.message;
    EXPECT_NE(error.message().find(c.words), std::string::npos) << error.message();
    for (std::string_view word : {"Error:", "STDDEV", "HUGEINT", "k9", "Malformed", "LINE"}) {
      EXPECT_EQ(error.message().find(word), std::string::npos) << error.message();
    }
  }
}

TEST(ErrorMapping, TellsWhyAQueryWasStopped) {
  EXPECT_EQ(query_error(DUCKDB_ERROR_INTERRUPT, "INTERRUPT Error: Interrupted!",
                        QueryControl::Stop::kTimedOut, "")
                .kind(),
            ErrorKind::kTimedOut);
  // But for memory that was short, which is what the client can mend.
  EXPECT_EQ(query_error(DUCKDB_ERROR_OUT_OF_MEMORY, "", QueryControl::Stop::kTimedOut, "").kind(),
            ErrorKind::kLimitExceeded);
}

}  // namespace
}  // namespace rivulet::query
