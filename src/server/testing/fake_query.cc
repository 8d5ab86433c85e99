#include "server/testing/fake_query.h"

namespace rivulet::server {
namespace {

class FakeStream : public query::ResultStream {
 public:
  explicit FakeStream(const FakeQuery::Result& result) : result_(result) {}
  const std::vector<ResultColumn>& columns() const override { return result_.columns; }
  Chunk next() override {
    Chunk chunk;
    if (next_ == result_.chunks.size()) {
      if (result_.failure) throw Error(*result_.failure);
      return chunk;
    }
    const ResultTable& table = *result_.chunks[next_++];
    chunk.row_count = table.rows.row_count();
    for (size_t i = 0; i < table.rows.column_count(); ++i) {
      chunk.columns.push_back(table.rows.column(i).view());
    }
    return chunk;
  }

 private:
  const FakeQuery::Result& result_;
  size_t next_ = 0;
};

}  // namespace

std::unique_ptr<query::ResultStream> FakeQuery::result(size_t i) {
  if (results_[i].refusal) throw Error(*results_[i].refusal);
  return std::make_unique<FakeStream>(results_[i]);
}

FakeQuery::Result numbers(const std::vector<std::vector<int64_t>>& chunks) {
  FakeQuery::Result result;
  result.columns = {{"n", ScalarType::kLong}};
  for (const auto& values : chunks) {
    auto table = std::make_shared<ResultTable>("", result.columns);
    for (int64_t value : values) table->rows.column(0).append(value);
    result.chunks.push_back(std::move(table));
  }
  return result;
}

}  // namespace rivulet::server
