#include "support/queries.h"

#include <algorithm>
#include <chrono>

namespace rivulet::bench {

std::vector<double> time_microseconds(int repetitions, const std::function<void()>& work) {
  using SteadyClock = std::chrono::steady_clock;
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    auto begin = SteadyClock::now();
    work();
    times.push_back(std::chrono::duration<double, std::micro>(SteadyClock::now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  return times;
}

double percentile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

size_t run_query(query::Engine& engine, const std::string& database, const std::string& text) {
  query::QueryRequest request;
  request.text = text;
  request.database = database;
  request.now = system_clock().now();
  auto query = engine.start(request);
  size_t rows = 0;
  for (size_t i = 0; i < query->result_count(); ++i) {
    auto stream = query->result(i);
    for (auto chunk = stream->next(); chunk.row_count > 0; chunk = stream->next()) {
      rows += chunk.row_count;
    }
  }
  return rows;
}

}  // namespace rivulet::bench
