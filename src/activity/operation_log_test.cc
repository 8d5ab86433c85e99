#include "activity/operation_log.h"

#include <pthread.h>

#include <gtest/gtest.h>

#include "common/error.h"

namespace rivulet::activity {
namespace {

// While there is one, no thread can be started: each would want more address space than there is.
class NoThreads {
 public:
  NoThreads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t huge;
    pthread_getattr_default_np(&huge);
    pthread_attr_setstacksize(&huge, size_t{1} << 47);
    pthread_setattr_default_np(&huge);
    pthread_attr_destroy(&huge);
  }
  ~NoThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_{};
};

TEST(OperationLog, AThreadThatCannotBeStartedRefusesTheCommandAndHoldsNothingUp) {
  bool has_run = false;
  {
    OperationLog log(system_clock());
    // More often than there may be threads at a time.
    for (int i = 0; i < 20; ++i) {
      NoThreads none;
      try {
        log.run_async({.kind = "TableSetOrAppend"}, [&] { has_run = true; });
        FAIL() << "a thread was started";
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
        EXPECT_FALSE(error.is_permanent());
      }
    }
    EXPECT_FALSE(has_run);
    EXPECT_EQ(log.running_count(), 0u);
    Operation failed = log.list().front();
    EXPECT_EQ(failed.state, "Failed");
    EXPECT_TRUE(failed.should_retry);
    // And one that can be started runs; the log waits for it at its end.
    log.run_async({.kind = "TableSetOrAppend"}, [&] { has_run = true; });
  }
  EXPECT_TRUE(has_run);
}

}  // namespace
}  // namespace rivulet::activity
