#include "query/scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <utility>

#include "common/error.h"
#include "common/file_system.h"
#include "duckdb/logical_type.h"
#include "extents/duckdb_engine.h"
#include "kql/kql.h"

namespace rivulet::query {
namespace {

constexpr size_t kVectorSize = 2048;
// A thread is worth starting for at least this many chunks.
constexpr size_t kChunksPerThread = 16;
constexpr size_t kRunsPerThread = 4;

struct ScanContext {
  ScanRegistry* registry;
  int threads;
};

struct BindData {
  uint64_t registration = 0;
  uint64_t slot = 0;
  std::vector<ScanColumn> columns;
};

// One a scan, shared by its threads.
struct GlobalState {
  std::shared_ptr<const ScanSources> sources;
  const ScanSource* source = nullptr;
  std::vector<ScanColumn> columns;  // those the plan reads
  std::vector<idx_t> vectors;       // where each stands in the output
  std::atomic<size_t> next{0};      // of the runs, and then of the chunks
};

// Where the wanted columns stand in the chunk seen last: most chunks are laid out like the one before.
struct LocalState {
  static constexpr size_t kAbsent = SIZE_MAX;
  static constexpr size_t kName = SIZE_MAX - 1;
  static constexpr size_t kIngestionTime = SIZE_MAX - 2;
  static constexpr uint32_t kNoPart = UINT32_MAX;
  uint32_t part = kNoPart;
  std::vector<uint32_t> column_ids;
  std::vector<size_t> positions;        // of GlobalState::columns
  std::vector<size_t> range_positions;  // of the part's ranges
  // The run that this thread is at.
  std::shared_ptr<const std::vector<store::ChunkView>> run;
  std::vector<ScanSource::Chunk> run_chunks;
  size_t next_in_run = 0;
  // Taken, but the output was too full for it.
  const ScanSource::Chunk* pending = nullptr;

  bool is_of_run(const ScanSource::Chunk& chunk) const {
    return &chunk >= run_chunks.data() && &chunk < run_chunks.data() + run_chunks.size();
  }
};

template <typename T>
void destroy(void* data) {
  delete static_cast<T*>(data);
}

uint64_t integer_parameter(duckdb_bind_info info, idx_t index) {
  duckdb::Value value(duckdb_bind_get_parameter(info, index));
  return static_cast<uint64_t>(duckdb_get_int64(value.get()));
}

std::vector<ScanColumn> parse_columns(std::string_view text) {
  std::vector<ScanColumn> columns;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    ScanColumn column;
    if (*at == 't' || *at == 'q') {
      column.kind = *at == 't' ? ScanColumn::Kind::kIngestionTime : ScanColumn::Kind::kSequence;
      ++at;
    } else {
      unsigned type = 0;
      at = std::from_chars(at, end, column.column_id).ptr + 1;
      at = std::from_chars(at, end, type).ptr;
      column.type = static_cast<ScalarType>(type);
    }
    columns.push_back(column);
    ++at;  // the comma
  }
  return columns;
}

void bind_scan(duckdb_bind_info info) {
  auto* context = static_cast<ScanContext*>(duckdb_bind_get_extra_info(info));
  auto data = std::make_unique<BindData>();
  data->registration = integer_parameter(info, 0);
  data->slot = integer_parameter(info, 1);
  duckdb::Value columns(duckdb_bind_get_parameter(info, 2));
  char* text = duckdb_get_varchar(columns.get());
  data->columns = parse_columns(text);
  duckdb_free(text);

  auto sources = context->registry->find(data->registration);
  if (sources == nullptr || data->slot >= sources->slots.size()) {
    duckdb_bind_set_error(info, "rv_scan: no such source");
    return;
  }
  duckdb_bind_set_cardinality(info, sources->slots[data->slot].row_count, true);
  for (const ScanColumn& column : data->columns) {
    duckdb::LogicalType type = duckdb::logical_type(column.type);
    duckdb_bind_add_result_column(info, column_name(column).c_str(), type.get());
  }
  if (data->columns.empty()) {
    duckdb::LogicalType type = duckdb::logical_type(ScalarType::kBool);
    duckdb_bind_add_result_column(info, "nothing", type.get());
  }
  duckdb_bind_set_bind_data(info, data.release(), destroy<BindData>);
}

void init_scan(duckdb_init_info info) {
  auto* context = static_cast<ScanContext*>(duckdb_init_get_extra_info(info));
  auto* bind = static_cast<BindData*>(duckdb_init_get_bind_data(info));
  auto state = std::make_unique<GlobalState>();
  state->sources = context->registry->find(bind->registration);
  if (state->sources == nullptr || bind->slot >= state->sources->slots.size()) {
    duckdb_init_set_error(info, "rv_scan: no such source");
    return;
  }
  state->source = &state->sources->slots[bind->slot];
  idx_t count = duckdb_init_get_column_count(info);
  for (idx_t i = 0; i < count; ++i) {
    idx_t column = duckdb_init_get_column_index(info, i);
    // A plan that only counts asks for a column that does not exist; its values are not looked at.
    if (column >= bind->columns.size()) continue;
    state->columns.push_back(bind->columns[column]);
    state->vectors.push_back(i);
  }
  size_t threads = state->source->chunks.size() / kChunksPerThread +
                   state->source->runs.size() / kRunsPerThread + 1;
  duckdb_init_set_max_threads(info, std::min<size_t>(threads, context->threads));
  duckdb_init_set_init_data(info, state.release(), destroy<GlobalState>);
}

void init_thread(duckdb_init_info info) {
  duckdb_init_set_init_data(info, new LocalState, destroy<LocalState>);
}

void map_columns(LocalState& local, const GlobalState& global, const ScanSource::Chunk& chunk) {
  const store::ChunkView& view = *chunk.view;
  if (local.part == chunk.part && std::equal(local.column_ids.begin(), local.column_ids.end(),
                                             view.column_ids.begin(), view.column_ids.end())) {
    return;
  }
  local.part = chunk.part;
  local.column_ids.assign(view.column_ids.begin(), view.column_ids.end());
  auto find = [&](uint32_t id) {
    for (size_t i = 0; i < local.column_ids.size(); ++i) {
      if (local.column_ids[i] == id) return i;
    }
    return LocalState::kAbsent;
  };
  const ScanPart& part = global.source->parts[chunk.part];
  local.positions.clear();
  for (const ScanColumn& column : global.columns) {
    if (column.kind != ScanColumn::Kind::kColumn) {
      local.positions.push_back(LocalState::kAbsent);
      continue;
    }
    uint32_t id = part.column_ids.empty() ? column.column_id : part.column_ids[column.column_id];
    if (!part.column_ids.empty() && id == kql::Source::Part::kName) {
      local.positions.push_back(LocalState::kName);
    } else if (!part.column_ids.empty() && id == kql::Source::Part::kAbsent) {
      local.positions.push_back(LocalState::kAbsent);
    } else {
      local.positions.push_back(find(id));
    }
  }
  local.range_positions.clear();
  for (const ScanRange& range : part.ranges) {
    bool is_time = range.column_id == kql::ColumnBound::kIngestionTime;
    local.range_positions.push_back(is_time ? LocalState::kIngestionTime : find(range.column_id));
  }
}

// Whether a row lies within every range, each range by itself: a cheap test that may say yes too often.
bool may_match(const LocalState& local, const std::vector<ScanRange>& ranges,
               const store::ChunkView& chunk) {
  for (size_t i = 0; i < ranges.size(); ++i) {
    size_t position = local.range_positions[i];
    if (position == LocalState::kAbsent) return false;  // null never matches
    const int64_t* cells = position == LocalState::kIngestionTime
                               ? chunk.ingestion_times
                               : static_cast<const int64_t*>(chunk.columns[position].cells);
    // Without an early end within a block the compiler makes vector code of it.
    constexpr size_t kBlock = 256;
    bool any = false;
    for (size_t row = 0; row < chunk.row_count && !any; row += kBlock) {
      size_t end = std::min<size_t>(row + kBlock, chunk.row_count);
      uint64_t hits = 0;
      for (size_t r = row; r < end; ++r) {
        hits += static_cast<uint64_t>(cells[r] >= ranges[i].low) &
                static_cast<uint64_t>(cells[r] <= ranges[i].high);
      }
      any = hits != 0;
    }
    if (!any) return false;
  }
  return true;
}

// Makes rows [at, at + count) of the vector null where `source` says so; all of them without a source.
void fill_validity(duckdb_vector vector, size_t at, size_t count, const uint64_t* source) {
  duckdb_vector_ensure_validity_writable(vector);
  uint64_t* validity = duckdb_vector_get_validity(vector);
  if (at % 64 == 0) {
    size_t bytes = (count + 63) / 64 * sizeof(uint64_t);
    if (source != nullptr) {
      std::memcpy(validity + at / 64, source, bytes);
    } else {
      std::memset(validity + at / 64, 0, bytes);
    }
    // Rows behind these are valid until they say otherwise.
    if (count % 64 != 0) validity[(at + count) / 64] |= ~uint64_t{0} << (count % 64);
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    bool is_valid = source != nullptr && ((source[i / 64] >> (i % 64)) & 1) != 0;
    size_t row = at + i;
    if (!is_valid) validity[row / 64] &= ~(uint64_t{1} << (row % 64));
  }
}

template <typename Cell>
void fill_constant(duckdb_vector vector, size_t at, size_t count, const Cell& cell) {
  std::fill_n(static_cast<Cell*>(duckdb_vector_get_data(vector)) + at, count, cell);
}

void fill_cells(duckdb_vector vector, size_t at, size_t count, const void* cells, size_t size) {
  std::memcpy(static_cast<char*>(duckdb_vector_get_data(vector)) + at * size, cells, count * size);
}

// The same for text in memory that does not outlive the call.
void copy_text(duckdb_vector vector, size_t at, size_t count, const ColumnView& column) {
  auto* out = static_cast<StringRef*>(duckdb_vector_get_data(vector)) + at;
  for (size_t i = 0; i < count; ++i) {
    auto cell = column.cell<StringRef>(i);
    if (cell.size <= StringRef::kInlineSize || column.is_null(i)) {
      out[i] = cell.size <= StringRef::kInlineSize ? cell : StringRef();
    } else {
      duckdb_vector_assign_string_element_len(vector, at + i, cell.view().data(), cell.size);
    }
  }
}

// Puts the chunk's rows into the output from row `at` on.
void put_rows(const GlobalState& global, const LocalState& local, const ScanSource::Chunk& chunk,
              duckdb_data_chunk output, size_t at) {
  const store::ChunkView& view = *chunk.view;
  size_t count = view.row_count;
  for (size_t i = 0; i < global.columns.size(); ++i) {
    const ScanColumn& column = global.columns[i];
    duckdb_vector vector = duckdb_data_chunk_get_vector(output, global.vectors[i]);
    if (column.kind == ScanColumn::Kind::kIngestionTime) {
      fill_cells(vector, at, count, view.ingestion_times, sizeof(int64_t));
    } else if (column.kind == ScanColumn::Kind::kSequence) {
      fill_cells(vector, at, count, view.sequences, sizeof(int64_t));
    } else if (local.positions[i] == LocalState::kName) {
      fill_constant(vector, at, count, StringRef(global.source->parts[chunk.part].name));
    } else if (local.positions[i] != LocalState::kAbsent) {
      const ColumnView& cells = view.columns[local.positions[i]];
      if (is_text(cells.type) && local.is_of_run(chunk)) {
        copy_text(vector, at, count, cells);
      } else {
        fill_cells(vector, at, count, cells.cells, cell_size(cells.type));
      }
      if (cells.validity != nullptr) fill_validity(vector, at, count, cells.validity);
    } else if (column.type == ScalarType::kString) {
      fill_constant(vector, at, count, StringRef());
    } else {
      fill_validity(vector, at, count, nullptr);
    }
  }
}

// The next chunk that may hold a match; null at the end. Throws what reading a run throws.
const ScanSource::Chunk* next_chunk(GlobalState& global, LocalState& local) {
  const auto& runs = global.source->runs;
  const auto& chunks = global.source->chunks;
  for (;;) {
    const ScanSource::Chunk* chunk;
    if (local.next_in_run < local.run_chunks.size()) {
      chunk = &local.run_chunks[local.next_in_run++];
    } else {
      size_t index = global.next.fetch_add(1, std::memory_order_relaxed);
      if (index < runs.size()) {
        local.run = runs[index].rows->read();
        local.run_chunks.clear();
        for (const store::ChunkView& view : *local.run) {
          local.run_chunks.push_back({&view, runs[index].part});
        }
        local.next_in_run = 0;
        continue;
      }
      if (index - runs.size() >= chunks.size()) return nullptr;
      chunk = &chunks[index - runs.size()];
    }
    map_columns(local, global, *chunk);
    if (may_match(local, global.source->parts[chunk->part].ranges, *chunk->view)) return chunk;
  }
}

void scan(duckdb_function_info info, duckdb_data_chunk output) {
  auto* global = static_cast<GlobalState*>(duckdb_function_get_init_data(info));
  auto* local = static_cast<LocalState*>(duckdb_function_get_local_init_data(info));
  // Small chunks, such as the tails of many tables, share an output.
  size_t rows = 0;
  for (;;) {
    const ScanSource::Chunk* chunk = std::exchange(local->pending, nullptr);
    if (chunk == nullptr) {
      try {
        chunk = next_chunk(*global, *local);
      } catch (const std::exception& error) {
        global->sources->fail(std::current_exception());
        duckdb_function_set_error(info, error.what());
        return;
      }
    }
    if (chunk == nullptr) break;
    if (rows + chunk->view->row_count > kVectorSize) {
      local->pending = chunk;
      break;
    }
    map_columns(*local, *global, *chunk);
    put_rows(*global, *local, *chunk, output, rows);
    rows += chunk->view->row_count;
  }
  duckdb_data_chunk_set_size(output, rows);
}

}  // namespace

void ScanSource::add(ScanPart part, std::span<const store::ChunkView> views) {
  parts.push_back(std::move(part));
  for (const store::ChunkView& view : views) {
    if (view.row_count == 0) continue;
    chunks.push_back({&view, static_cast<uint32_t>(parts.size() - 1)});
    row_count += view.row_count;
  }
}

void ScanSource::add(std::shared_ptr<const store::StoredRun> run) {
  auto part = static_cast<uint32_t>(parts.size() - 1);
  auto lies_outside = [](const store::CellRange& known, const ScanRange& range) {
    return known.high < range.low || known.low > range.high;
  };
  for (const ScanRange& range : parts.back().ranges) {
    if (range.column_id == kql::ColumnBound::kIngestionTime &&
        lies_outside(run->ingestion_times(), range)) {
      return;
    }
    for (const store::CellRange& known : run->ranges()) {
      if (known.column_id == range.column_id && lies_outside(known, range)) return;
    }
  }
  row_count += run->row_count();
  runs.push_back({std::move(run), part});
}

void ScanSources::fail(std::exception_ptr error) const {
  std::lock_guard lock(mutex_);
  failure_ = std::move(error);
}

void ScanSources::throw_failure() const {
  std::unique_lock lock(mutex_);
  if (!failure_) return;
  try {
    std::rethrow_exception(failure_);
  } catch (const IoError& error) {
    throw unavailable(error.what());
  }
}

uint64_t ScanRegistry::add() {
  std::lock_guard lock(mutex_);
  if (!free_ids_.empty()) {
    uint64_t id = free_ids_.back();
    free_ids_.pop_back();
    return id;
  }
  by_id_.emplace_back();
  return by_id_.size() - 1;
}

void ScanRegistry::remove(uint64_t id) {
  std::shared_ptr<const ScanSources>
      old;  // let go outside the lock: it may be a snapshot's last holder
  std::lock_guard lock(mutex_);
  old = std::move(by_id_[id]);
  free_ids_.push_back(id);
}

void ScanRegistry::set(uint64_t id, std::shared_ptr<const ScanSources> sources) {
  std::lock_guard lock(mutex_);
  std::swap(by_id_[id], sources);
}

std::shared_ptr<const ScanSources> ScanRegistry::find(uint64_t id) const {
  std::lock_guard lock(mutex_);
  return id < by_id_.size() ? by_id_[id] : nullptr;
}

std::string column_name(const ScanColumn& column) {
  switch (column.kind) {
    case ScanColumn::Kind::kIngestionTime:
      return "sys_time";
    case ScanColumn::Kind::kSequence:
      return "sys_seq";
    case ScanColumn::Kind::kColumn:
      break;
  }
  return "c" + std::to_string(column.column_id);
}

std::string scan_sql(uint64_t registration, size_t slot, const std::vector<ScanColumn>& columns) {
  std::string sql = fmt::format("rv_scan({}, {}, '", registration, slot);
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) sql += ',';
    switch (columns[i].kind) {
      case ScanColumn::Kind::kIngestionTime:
        sql += 't';
        break;
      case ScanColumn::Kind::kSequence:
        sql += 'q';
        break;
      case ScanColumn::Kind::kColumn:
        fmt::format_to(std::back_inserter(sql), "{}:{}", columns[i].column_id,
                       static_cast<unsigned>(columns[i].type));
        break;
    }
  }
  return sql + "')";
}

void register_scan(duckdb::Connection& connection, ScanRegistry& registry, int threads) {
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, "rv_scan");
  duckdb::LogicalType number(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
  duckdb::LogicalType text(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
  duckdb_table_function_add_parameter(function, number.get());
  duckdb_table_function_add_parameter(function, number.get());
  duckdb_table_function_add_parameter(function, text.get());
  duckdb_table_function_set_extra_info(function, new ScanContext{&registry, threads},
                                       destroy<ScanContext>);
  duckdb_table_function_set_bind(function, bind_scan);
  duckdb_table_function_set_init(function, init_scan);
  duckdb_table_function_set_local_init(function, init_thread);
  duckdb_table_function_set_function(function, scan);
  duckdb_table_function_supports_projection_pushdown(function, true);
  duckdb_state state = duckdb_register_table_function(connection.get(), function);
  duckdb_destroy_table_function(&function);
  if (state != DuckDBSuccess) throw std::runtime_error("cannot register rv_scan with DuckDB");
}

}  // namespace rivulet::query
