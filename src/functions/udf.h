#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/error.h"
#include "duckdb/api.h"
#include "functions/native_call.h"
#include "kql/sql/failure_mark.h"
#include "types/column.h"

// Makes a DuckDB scalar function of a plain C++ function:
//
//   std::optional<int64_t> divide(int64_t a, int64_t b);
//   constexpr Udf kFunctions[] = {udf<divide>("k_divide")};
//
// Argument types: bool, int32_t, int64_t, double, Decimal, Guid, std::string_view (string, or the JSON
// text of a dynamic). A row in which such an argument is NULL gives the null of the result's type
// without a call; an argument that is std::optional<T> takes NULLs itself. A last argument of type
// Rest<T> takes any number of them.
// Result types: the same, with std::string for a Kusto string (its null is the empty string) and Json
// for a dynamic; or std::optional of one of them.
//
// The function must be thread-safe. What it throws ends the query: an Error as it is, std::length_error as a
// limit that was exceeded, all else with its message as a bad request. The row itself is counted as work
// (native_call.h); loops inside a row whose length comes from data count theirs.
//
// Rows whose arguments are the same cells as those of the row before get its result without a call: the engine
// hands a constant over as 2,048 equal rows.
namespace rivulet::functions {

// The compact JSON text of a dynamic value.
struct Json {
  std::string text;
};

// A HUGEINT, such as the sum of BIGINTs.
struct Huge {
  __int128 value;
};

// A BLOB, such as the engine's key of a row in an order.
struct Bytes {
  std::string_view bytes;
};

// A LIST(BIGINT).
struct LongList {
  const int64_t* values = nullptr;
  size_t size = 0;
};

template <typename T>
using Rest = std::span<const std::optional<T>>;

struct Udf {
  const char* name;
  void (*add)(duckdb_connection connection, const char* name);
};

// Thrown by add() and register_functions when DuckDB refuses a function: a fault of ours.
class RegistrationError : public std::exception {
 public:
  explicit RegistrationError(const char* name)
      : message_(std::string("cannot register the function ") + name) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

// The block of rows that this thread works on, 0 outside of one. Within a block the arguments stay where
// they are: equal addresses are equal values.
inline uint64_t& current_block() {
  thread_local uint64_t block = 0;
  return block;
}

namespace udf_detail {

// What is attached to a call in a statement: the query that it works for.
struct Binding {
  std::shared_ptr<QueryControl> control;
};

// Of a call in one thread: what the block that it worked on last made, which stands in the engine's vectors
// until the next.
struct CallState {
  explicit CallState(const std::shared_ptr<QueryMemory>& query)
      : memory(query, kUncountedBytes), kept(query) {}

  // Blocks of small results cost no look at the account.
  static constexpr uint64_t kUncountedBytes = 64 << 10;
  MemoryCharge memory;
  KeptByCall kept;
};

inline std::shared_ptr<QueryMemory> memory_of(const std::shared_ptr<QueryControl>& control) {
  if (control == nullptr) return nullptr;
  return {control, &control->memory()};
}

// For what does not outlive the query.
inline std::shared_ptr<QueryMemory> memory_within(QueryControl* control) {
  if (control == nullptr) return nullptr;
  return {std::shared_ptr<QueryControl>(), &control->memory()};
}

template <typename T>
void destroy(void* data) {
  delete static_cast<T*>(data);
}

inline void bind_call(duckdb_bind_info info) {
  duckdb_scalar_function_set_bind_data(info, new Binding{PlanningScope::current()},
                                       destroy<Binding>);
  duckdb_scalar_function_set_bind_data_copy(
      info, [](void* data) -> void* { return new Binding(*static_cast<Binding*>(data)); });
}

inline void init_call(duckdb_init_info info) {
  auto* binding = static_cast<Binding*>(duckdb_scalar_function_init_get_bind_data(info));
  auto* state = new CallState(memory_of(binding->control));
  duckdb_scalar_function_init_set_state(info, state, destroy<CallState>);
}

// What the engine is told of a failed call, in words of ours that are marked as such; what ends the query is kept
// for it, since the engine would lose its kind. To be called in a catch block.
inline std::string failure_message(QueryControl* control) {
  const auto keep = [control](const Error& error) {
    if (control != nullptr) control->fail(std::make_exception_ptr(error));
    return error.message();
  };
  std::string words;
  try {
    throw;
  } catch (const Error& error) {
    words = keep(error);
  } catch (const std::length_error& error) {
    words = keep(limits_exceeded(std::string(error.what()) + " (E_RUNAWAY_QUERY)"));
  } catch (const std::bad_alloc&) {
    words = keep(lack_of_memory());
  } catch (const std::exception& error) {
    words = error.what();
  } catch (...) {
    words = "unknown error";
  }
  return std::string(kql::kFailureMark) + words;
}

class BlockScope {
 public:
  BlockScope() {
    static std::atomic<uint64_t> threads{0};
    thread_local uint64_t last = threads.fetch_add(1) << 40;  // a number of no other thread
    current_block() = ++last;
  }
  ~BlockScope() { current_block() = 0; }
  BlockScope(const BlockScope&) = delete;
  BlockScope& operator=(const BlockScope&) = delete;
};

template <typename T>
struct Cell;

template <typename T, duckdb_type kType>
struct PlainCell {
  using Stored = T;
  static duckdb_logical_type logical_type() { return duckdb_create_logical_type(kType); }
  static T read(const char* data, idx_t row) {
    T value;
    std::memcpy(&value, data + row * sizeof(T), sizeof(T));
    return value;
  }
  static void write(char* data, idx_t row, const T& value) {
    std::memcpy(data + row * sizeof(T), &value, sizeof(T));
  }
};

template <>
struct Cell<bool> : PlainCell<bool, DUCKDB_TYPE_BOOLEAN> {
  static bool read(const char* data, idx_t row) { return data[row] != 0; }
};
template <>
struct Cell<int32_t> : PlainCell<int32_t, DUCKDB_TYPE_INTEGER> {};
template <>
struct Cell<int64_t> : PlainCell<int64_t, DUCKDB_TYPE_BIGINT> {};
template <>
struct Cell<double> : PlainCell<double, DUCKDB_TYPE_DOUBLE> {};
template <>
struct Cell<Decimal> : PlainCell<Decimal, DUCKDB_TYPE_DECIMAL> {
  static duckdb_logical_type logical_type() {
    return duckdb_create_decimal_type(38, kDecimalScale);
  }
};
template <>
struct Cell<Huge> : PlainCell<Huge, DUCKDB_TYPE_HUGEINT> {};
template <>
struct Cell<Guid> {
  using Stored = GuidCell;
  static duckdb_logical_type logical_type() { return duckdb_create_logical_type(DUCKDB_TYPE_UUID); }
  static Guid read(const char* data, idx_t row) {
    return PlainCell<GuidCell, DUCKDB_TYPE_UUID>::read(data, row).guid();
  }
  static void write(char* data, idx_t row, const Guid& value) {
    PlainCell<GuidCell, DUCKDB_TYPE_UUID>::write(data, row, GuidCell::from(value));
  }
};
template <>
struct Cell<std::string_view> {
  using Stored = StringRef;
  static duckdb_logical_type logical_type() {
    return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
  }
  static std::string_view read(const char* data, idx_t row) {
    return reinterpret_cast<const StringRef*>(data)[row].view();
  }
};
template <>
struct Cell<Bytes> {
  using Stored = StringRef;
  static duckdb_logical_type logical_type() { return duckdb_create_logical_type(DUCKDB_TYPE_BLOB); }
  static Bytes read(const char* data, idx_t row) {
    return {Cell<std::string_view>::read(data, row)};
  }
};
template <>
struct Cell<LongList> {
  using Stored = duckdb_list_entry;
  static duckdb_logical_type logical_type() {
    duckdb_logical_type element = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_logical_type list = duckdb_create_list_type(element);
    duckdb_destroy_logical_type(&element);
    return list;
  }
  static LongList read(const char* data, const char* elements, idx_t row) {
    const auto entry = PlainCell<duckdb_list_entry, DUCKDB_TYPE_LIST>::read(data, row);
    return {reinterpret_cast<const int64_t*>(elements) + entry.offset, entry.length};
  }
};
template <>
struct Cell<std::string> : Cell<std::string_view> {};
template <>
struct Cell<Json> : Cell<std::string_view> {};

template <typename T>
struct Nullable {
  using Value = T;
  static constexpr bool kIs = false;
};
template <typename T>
struct Nullable<std::optional<T>> {
  using Value = T;
  static constexpr bool kIs = true;
};

template <typename T>
struct RestOf {
  static constexpr bool kIs = false;
};
template <typename T>
struct RestOf<std::span<const std::optional<T>>> {
  static constexpr bool kIs = true;
  using Value = T;
};

struct Input {
  const char* data = nullptr;
  const uint64_t* validity = nullptr;
  const char* elements = nullptr;  // of a list

  bool is_null(idx_t row) const {
    return validity != nullptr && ((validity[row / 64] >> (row % 64)) & 1) == 0;
  }
  // What reading the cell is counted as (count_work).
  template <typename T>
  size_t work(idx_t row) const {
    if constexpr (std::is_same_v<T, std::string_view>) {
      return is_null(row) ? 0 : Cell<T>::read(data, row).size();
    } else if constexpr (std::is_same_v<T, Bytes>) {
      return is_null(row) ? 0 : Cell<T>::read(data, row).bytes.size();
    } else {
      return 0;
    }
  }
  // Whether the row has the same cell as the one before.
  template <typename T>
  bool repeats(idx_t row) const {
    constexpr size_t kSize = sizeof(typename Cell<T>::Stored);
    if (is_null(row)) return is_null(row - 1);
    return !is_null(row - 1) &&
           std::memcmp(data + row * kSize, data + (row - 1) * kSize, kSize) == 0;
  }
};

// The vector that results go into.
class Output {
 public:
  explicit Output(duckdb_vector vector)
      : vector_(vector), data_(static_cast<char*>(duckdb_vector_get_data(vector))) {}

  template <typename T>
  void write(idx_t row, const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      write_text(row, value);
    } else if constexpr (std::is_same_v<T, Json>) {
      write_text(row, value.text);
    } else {
      Cell<T>::write(data_, row, value);
    }
  }
  template <typename T>
  void write_null(idx_t row) {
    if constexpr (std::is_same_v<T, std::string>) {
      write_text(row, {});
    } else {
      if (validity_ == nullptr) {
        duckdb_vector_ensure_validity_writable(vector_);
        validity_ = duckdb_vector_get_validity(vector_);
      }
      duckdb_validity_set_row_invalid(validity_, row);
    }
  }
  // Writes what the row before has; text stays where that row's is.
  template <typename T>
  void repeat(idx_t row) {
    constexpr size_t kSize = sizeof(typename Cell<T>::Stored);
    std::memcpy(data_ + row * kSize, data_ + (row - 1) * kSize, kSize);
    if (validity_ != nullptr && !duckdb_validity_row_is_valid(validity_, row - 1)) {
      duckdb_validity_set_row_invalid(validity_, row);
    }
  }

 private:
  void write_text(idx_t row, std::string_view text) {
    count_work(text.size());
    hold_in_block(text.size());
    duckdb_vector_assign_string_element_len(vector_, row, text.data(), text.size());
  }

  duckdb_vector vector_;
  char* data_;
  uint64_t* validity_ = nullptr;
};

template <auto kFunction, bool kVolatile, typename Signature>
struct Call;

template <auto kFunction, bool kVolatile, typename R, typename... As>
struct Call<kFunction, kVolatile, R (*)(As...)> {
  static constexpr size_t kCount = sizeof...(As);
  using Arguments = std::tuple<As...>;
  using Result = typename Nullable<R>::Value;

  static constexpr bool has_rest() {
    if constexpr (kCount == 0) {
      return false;
    } else {
      return RestOf<std::tuple_element_t<kCount - 1, Arguments>>::kIs;
    }
  }
  static constexpr size_t kFixed = has_rest() ? kCount - 1 : kCount;

  template <size_t I>
  using Value = typename Nullable<std::tuple_element_t<I, Arguments>>::Value;

  // What a row is counted as beside its text (count_work).
  static constexpr size_t kRowWork = 64;

  // Whether the call may be made for NULL rows too (their cells hold anything) and be thrown away.
  static constexpr bool kPlain = !has_rest() && kCount > 0 &&
                                 (std::is_arithmetic_v<As> && ...) && std::is_arithmetic_v<R>;

  static void add(duckdb_connection connection, const char* name) {
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_scalar_function_set_name(function, name);
    add_parameters(function, std::make_index_sequence<kFixed>());
    if constexpr (has_rest()) {
      using Element = typename RestOf<std::tuple_element_t<kCount - 1, Arguments>>::Value;
      duckdb_logical_type type = Cell<Element>::logical_type();
      duckdb_scalar_function_set_varargs(function, type);
      duckdb_destroy_logical_type(&type);
    }
    duckdb_logical_type type = Cell<Result>::logical_type();
    duckdb_scalar_function_set_return_type(function, type);
    duckdb_destroy_logical_type(&type);
    duckdb_scalar_function_set_special_handling(function);
    if (kVolatile) duckdb_scalar_function_set_volatile(function);
    duckdb_scalar_function_set_bind(function, bind_call);
    duckdb_scalar_function_set_init(function, init_call);
    duckdb_scalar_function_set_function(function, run);
    const duckdb_state state = duckdb_register_scalar_function(connection, function);
    duckdb_destroy_scalar_function(&function);
    if (state != DuckDBSuccess) throw RegistrationError(name);
  }

  static void run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    auto* binding = static_cast<Binding*>(duckdb_scalar_function_get_bind_data(info));
    auto* state = static_cast<CallState*>(duckdb_scalar_function_get_state(info));
    try {
      const BlockScope scope;
      const NativeCall call(binding->control.get(), &state->memory, &state->kept);
      run_rows(input, Output(output), std::make_index_sequence<kFixed>());
    } catch (...) {
      duckdb_scalar_function_set_error(info, failure_message(binding->control.get()).c_str());
    }
  }

 private:
  template <size_t... Is>
  static void add_parameters([[maybe_unused]] duckdb_scalar_function function,
                             std::index_sequence<Is...>) {
    (add_parameter<Value<Is>>(function), ...);
  }
  template <typename T>
  static void add_parameter(duckdb_scalar_function function) {
    duckdb_logical_type type = Cell<T>::logical_type();
    duckdb_scalar_function_add_parameter(function, type);
    duckdb_destroy_logical_type(&type);
  }

  static Input input_at(duckdb_data_chunk chunk, idx_t column) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
    return {static_cast<const char*>(duckdb_vector_get_data(vector)),
            duckdb_vector_get_validity(vector)};
  }

  template <typename T>
  static void add_elements([[maybe_unused]] duckdb_data_chunk chunk, [[maybe_unused]] idx_t column,
                           [[maybe_unused]] Input& input) {
    if constexpr (std::is_same_v<T, LongList>) {
      duckdb_vector list = duckdb_data_chunk_get_vector(chunk, column);
      input.elements =
          static_cast<const char*>(duckdb_vector_get_data(duckdb_list_vector_get_child(list)));
    }
  }

  template <size_t I>
  static std::tuple_element_t<I, Arguments> read(const std::array<Input, kFixed + 1>& inputs,
                                                 idx_t row) {
    if constexpr (Nullable<std::tuple_element_t<I, Arguments>>::kIs) {
      if (inputs[I].is_null(row)) return std::nullopt;
    }
    if constexpr (std::is_same_v<Value<I>, LongList>) {
      return LongList(Cell<LongList>::read(inputs[I].data, inputs[I].elements, row));
    } else {
      return Cell<Value<I>>::read(inputs[I].data, row);
    }
  }

  // Whether the row's arguments are those of the row before.
  template <size_t... Is>
  static bool repeats(const std::array<Input, kFixed + 1>& inputs, idx_t row,
                      std::index_sequence<Is...>) {
    return !kVolatile && row > 0 && (inputs[Is].template repeats<Value<Is>>(row) && ...);
  }

  template <size_t I>
  static bool misses(const std::array<Input, kFixed + 1>& inputs, idx_t row) {
    if constexpr (Nullable<std::tuple_element_t<I, Arguments>>::kIs) {
      return false;
    } else {
      return inputs[I].is_null(row);
    }
  }

  static void store(Output& output, idx_t row, R&& result) {
    if constexpr (Nullable<R>::kIs) {
      if (result.has_value()) {
        output.template write<Result>(row, *result);
      } else {
        output.template write_null<Result>(row);
      }
    } else {
      output.template write<Result>(row, result);
    }
  }

  template <size_t... Is>
  static void run_rows(duckdb_data_chunk chunk, Output output, std::index_sequence<Is...> indexes) {
    const idx_t rows = duckdb_data_chunk_get_size(chunk);
    std::array<Input, kFixed + 1> inputs;
    for (size_t i = 0; i < kFixed; ++i) inputs[i] = input_at(chunk, i);
    (add_elements<Value<Is>>(chunk, Is, inputs[Is]), ...);
    if constexpr (kPlain) {
      const bool has_no_nulls = ((inputs[Is].validity == nullptr) && ...);
      if (has_no_nulls) {
        for (idx_t row = 0; row < rows; ++row) {
          output.template write<Result>(row,
                                        kFunction(Cell<Value<Is>>::read(inputs[Is].data, row)...));
        }
        return;
      }
    }
    if constexpr (has_rest()) {
      using Element = typename RestOf<std::tuple_element_t<kCount - 1, Arguments>>::Value;
      const size_t columns = duckdb_data_chunk_get_column_count(chunk);
      std::vector<Input> rest_inputs;
      for (size_t i = kFixed; i < columns; ++i) rest_inputs.push_back(input_at(chunk, i));
      std::vector<std::optional<Element>> rest(rest_inputs.size());
      for (idx_t row = 0; row < rows; ++row) {
        if (repeats(inputs, row, indexes) &&
            std::all_of(rest_inputs.begin(), rest_inputs.end(),
                        [row](const Input& i) { return i.repeats<Element>(row); })) {
          output.template repeat<Result>(row);
          continue;
        }
        size_t work = (kRowWork + ... + inputs[Is].template work<Value<Is>>(row));
        for (const Input& input : rest_inputs) work += 8 + input.work<Element>(row);
        count_work(work);
        if ((misses<Is>(inputs, row) || ...)) {
          output.template write_null<Result>(row);
          continue;
        }
        for (size_t i = 0; i < rest.size(); ++i) {
          rest[i].reset();
          if (!rest_inputs[i].is_null(row)) rest[i] = Cell<Element>::read(rest_inputs[i].data, row);
        }
        store(output, row, kFunction(read<Is>(inputs, row)..., rest));
      }
    } else {
      for (idx_t row = 0; row < rows; ++row) {
        if (repeats(inputs, row, indexes)) {
          output.template repeat<Result>(row);
          continue;
        }
        count_work((kRowWork + ... + inputs[Is].template work<Value<Is>>(row)));
        if ((misses<Is>(inputs, row) || ...)) {
          output.template write_null<Result>(row);
        } else {
          store(output, row, kFunction(read<Is>(inputs, row)...));
        }
      }
    }
  }
};

template <auto kFunction, bool kVolatile>
void add_function(duckdb_connection connection, const char* name) {
  Call<kFunction, kVolatile, decltype(kFunction)>::add(connection, name);
}

}  // namespace udf_detail

// The function under a name; DuckDB computes it once for equal or constant arguments.
template <auto kFunction>
constexpr Udf udf(const char* name) {
  return {name, &udf_detail::add_function<kFunction, false>};
}

// A function called for each row, such as rand().
template <auto kFunction>
constexpr Udf volatile_udf(const char* name) {
  return {name, &udf_detail::add_function<kFunction, true>};
}

// Something costly made from a text, such as a compiled pattern: made again only when the text changes. It may refer to
// the text that it is made of.
// For thread_local variables of functions whose argument is the same in most rows.
template <typename T>
class CachedByText {
 public:
  template <typename Make>
  T& get(std::string_view text, Make&& make) {
    // A long text is not compared for each row.
    const bool is_same_cell = current_block() != 0 && block_ == current_block() &&
                              text.data() == place_ && text.size() == text_.size();
    if (!value_.has_value() || (!is_same_cell && text != text_)) {
      value_.reset();
      text_ = text;
      value_.emplace(make(std::string_view(text_)));
    }
    block_ = current_block();
    place_ = text.data();
    return *value_;
  }

 private:
  uint64_t block_ = 0;  // in which the text was asked for last, and its place there
  const char* place_ = nullptr;
  std::string text_;
  std::optional<T> value_;  // goes before the text
};

}  // namespace rivulet::functions
