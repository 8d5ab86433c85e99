#pragma once

#include <memory>

#include "query/functions/udf.h"

// Makes a DuckDB aggregate function of a class:
//
//   struct Sketch {
//     void update(std::optional<int64_t> value, ...);   // once a row, NULLs included
//     void merge(Sketch& other);                        // `other` is thrown away
//     std::optional<Json> finish();
//   };
//
// A state's memory is not seen by DuckDB's limit: update() must bound it. Never used with ORDER BY
// inside or as a window: DuckDB crashes on those.
namespace rivulet::query {

namespace udf_detail {

template <typename State, typename Update>
struct AggregateCall;

template <typename State, typename... As>
struct AggregateCall<State, void (State::*)(As...)> {
  struct Slot {
    State* state;
  };
  using FinishResult = decltype(std::declval<State&>().finish());
  using Result = typename Nullable<FinishResult>::Value;
  using Arguments = std::tuple<As...>;
  template <size_t I>
  using Value = typename Nullable<std::tuple_element_t<I, Arguments>>::Value;

  static void add(duckdb_connection connection, const char* name) {
    duckdb_aggregate_function function = duckdb_create_aggregate_function();
    duckdb_aggregate_function_set_name(function, name);
    add_parameters(function, std::index_sequence_for<As...>());
    duckdb_logical_type type = Cell<Result>::logical_type();
    duckdb_aggregate_function_set_return_type(function, type);
    duckdb_destroy_logical_type(&type);
    duckdb_aggregate_function_set_special_handling(function);
    duckdb_aggregate_function_set_functions(function, state_size, init, update, combine, finalize);
    duckdb_aggregate_function_set_destructor(function, destroy);
    const duckdb_state state = duckdb_register_aggregate_function(connection, function);
    duckdb_destroy_aggregate_function(&function);
    if (state != DuckDBSuccess) throw RegistrationError(name);
  }

 private:
  template <size_t... Is>
  static void add_parameters(duckdb_aggregate_function function, std::index_sequence<Is...>) {
    (add_parameter<Value<Is>>(function), ...);
  }
  template <typename T>
  static void add_parameter(duckdb_aggregate_function function) {
    duckdb_logical_type type = Cell<T>::logical_type();
    duckdb_aggregate_function_add_parameter(function, type);
    duckdb_destroy_logical_type(&type);
  }

  static Slot& slot(duckdb_aggregate_state state) { return *reinterpret_cast<Slot*>(state); }
  static State& state_of(duckdb_aggregate_state state) {
    Slot& s = slot(state);
    if (s.state == nullptr) s.state = new State();
    return *s.state;
  }

  static idx_t state_size(duckdb_function_info) { return sizeof(Slot); }
  static void init(duckdb_function_info, duckdb_aggregate_state state) {
    slot(state).state = nullptr;
  }
  static void destroy(duckdb_aggregate_state* states, idx_t count) {
    for (idx_t i = 0; i < count; ++i) {
      delete slot(states[i]).state;
      slot(states[i]).state = nullptr;
    }
  }

  template <size_t I>
  static std::tuple_element_t<I, Arguments> read(const std::array<Input, sizeof...(As)>& inputs,
                                                 idx_t row) {
    static_assert(Nullable<std::tuple_element_t<I, Arguments>>::kIs,
                  "update() takes std::optional arguments");
    if (inputs[I].is_null(row)) return std::nullopt;
    return Cell<Value<I>>::read(inputs[I].data, row);
  }
  template <size_t... Is>
  static void update_rows(duckdb_data_chunk chunk, duckdb_aggregate_state* states,
                          std::index_sequence<Is...>) {
    std::array<Input, sizeof...(As)> inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
      inputs[i] = {static_cast<const char*>(duckdb_vector_get_data(vector)),
                   duckdb_vector_get_validity(vector)};
    }
    const idx_t rows = duckdb_data_chunk_get_size(chunk);
    for (idx_t row = 0; row < rows; ++row) state_of(states[row]).update(read<Is>(inputs, row)...);
  }

  static void update(duckdb_function_info info, duckdb_data_chunk chunk,
                     duckdb_aggregate_state* states) {
    try {
      update_rows(chunk, states, std::index_sequence_for<As...>());
    } catch (const std::exception& e) {
      duckdb_aggregate_function_set_error(info, e.what());
    }
  }
  static void combine(duckdb_function_info info, duckdb_aggregate_state* sources,
                      duckdb_aggregate_state* targets, idx_t count) {
    try {
      for (idx_t i = 0; i < count; ++i) {
        if (slot(sources[i]).state == nullptr) continue;
        state_of(targets[i]).merge(*slot(sources[i]).state);
      }
    } catch (const std::exception& e) {
      duckdb_aggregate_function_set_error(info, e.what());
    }
  }
  static void finalize(duckdb_function_info info, duckdb_aggregate_state* states,
                       duckdb_vector vector, idx_t count, idx_t offset) {
    try {
      Output output(vector);
      for (idx_t i = 0; i < count; ++i) {
        auto result = state_of(states[i]).finish();
        if constexpr (Nullable<FinishResult>::kIs) {
          if (result) {
            output.template write<Result>(offset + i, *result);
          } else {
            output.template write_null<Result>(offset + i);
          }
        } else {
          output.template write<Result>(offset + i, result);
        }
      }
    } catch (const std::exception& e) {
      duckdb_aggregate_function_set_error(info, e.what());
    }
  }
};

template <typename State>
void add_aggregate(duckdb_connection connection, const char* name) {
  AggregateCall<State, decltype(&State::update)>::add(connection, name);
}

}  // namespace udf_detail

template <typename State>
constexpr Udf aggregate(const char* name) {
  return {name, &udf_detail::add_aggregate<State>};
}

}  // namespace rivulet::query
