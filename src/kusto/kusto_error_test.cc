#include "kusto/kusto_error.h"

#include <gtest/gtest.h>

#include <string>

namespace rivulet {
namespace {

TEST(KustoError, HasWhatClientsDecideBy) {
  KustoError told = kusto_error(table_not_found("T", "db").kind());
  EXPECT_EQ(told.http_status, 400);
  EXPECT_EQ(told.code, "BadRequest_TableNotExist");
  EXPECT_EQ(told.type, "Kusto.Data.Exceptions.EntityNotFoundException");
  EXPECT_EQ(kusto_error(throttled("busy").kind()).http_status, 429);
}

TEST(KustoError, KnowsEveryKind) {
  for (int i = 0; i < static_cast<int>(ErrorKind::kInternal); ++i) {
    auto kind = static_cast<ErrorKind>(i);
    KustoError told = kusto_error(kind);
    EXPECT_NE(told.code, "General_InternalServerError") << i;
    EXPECT_EQ(told.type.substr(0, 6), "Kusto.") << i;
    // What the server's state caused passes.
    if (told.http_status == 429 || told.http_status >= 503) {
      EXPECT_FALSE(is_permanent(kind)) << i;
    }
  }
}

}  // namespace
}  // namespace rivulet
