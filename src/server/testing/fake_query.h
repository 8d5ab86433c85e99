#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/error.h"
#include "query/engine.h"

namespace rivulet::server {

// A query with prepared results: each a list of chunks, and perhaps an error after the last of them.
class FakeQuery : public query::RunningQuery {
 public:
  struct Result {
    std::vector<ResultColumn> columns;
    std::vector<std::shared_ptr<const ResultTable>> chunks;
    std::optional<Error> failure;
    std::optional<Error> refusal;  // thrown in place of the stream
    kql::Visualization visualization;
  };

  explicit FakeQuery(std::vector<Result> results) : results_(std::move(results)) {}

  size_t result_count() const override { return results_.size(); }
  const kql::Visualization& visualization(size_t i) const override {
    return results_[i].visualization;
  }
  std::unique_ptr<query::ResultStream> result(size_t i) override;
  void cancel() override { is_cancelled = true; }

  bool is_cancelled = false;

 private:
  std::vector<Result> results_;
};

// One long column "n" with the values.
FakeQuery::Result numbers(const std::vector<std::vector<int64_t>>& chunks);

}  // namespace rivulet::server
