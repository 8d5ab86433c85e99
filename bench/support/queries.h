#pragma once

#include <functional>
#include <string>
#include <vector>

#include "query/engine.h"

// How long queries take, as the benchmarks of the engine measure it.
namespace rivulet::bench {

// The times of each repetition in microseconds, sorted.
std::vector<double> time_microseconds(int repetitions, const std::function<void()>& work);
double percentile(const std::vector<double>& sorted, double share);

// Runs a query over `database`, reads every row, and gives their number.
size_t run_query(query::Engine& engine, const std::string& database, const std::string& text);

}  // namespace rivulet::bench
