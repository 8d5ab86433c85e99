#pragma once

#include <memory>

#include "functions/udf.h"

// Makes a DuckDB aggregate function of a class:
//
//   struct Sketch {
//     void update(std::optional<int64_t> value, ...);   // once a row, NULLs included
//     void merge(Sketch& other);                        // `other` is thrown away
//     std::optional<Json> finish();
//     size_t memory() const;                            // bytes beyond sizeof(Sketch); not of plain data
//   };
//
// finish() is the last call of a state.
//
// A state that is plain data lies in DuckDB's own memory, and has no memory(). SQL calls the others with one more
// argument at the end, k_query(), which tells the query that it works for (native_call.h): their states' memory is
// charged to that. Never used with ORDER BY inside or as a window: DuckDB crashes on those.
namespace rivulet::functions {

namespace udf_detail {

template <typename State, typename Update>
struct AggregateCall;

template <typename State, typename... As>
struct AggregateCall<State, void (State::*)(As...)> {
  static constexpr bool kIsPlain =
      std::is_trivially_copyable_v<State> && std::is_trivially_destructible_v<State>;
  // A state that is not plain, and what it is charged for.
  struct Held : NativeState {
    explicit Held(QueryControl* control)
        : NativeState(control), charge(memory_within(control), kStepBytes) {}
    // In whole steps, as there may be millions of states.
    void charge_memory(size_t result_bytes = 0) {
      charge.set(sizeof(Held) + state.memory() + result_bytes + kStepBytes - 1);
    }
    // Gives up the state for its result, which stands in the engine's vector and is charged as long as the state is.
    void become_result(size_t result_bytes) {
      state = State();
      charge_memory(result_bytes);
    }

    static constexpr uint64_t kStepBytes = 256;

    MemoryCharge charge;
    State state;
  };
  using Slot = std::conditional_t<kIsPlain, State, Held*>;
  using FinishResult = decltype(std::declval<State&>().finish());
  using Result = typename Nullable<FinishResult>::Value;
  using Arguments = std::tuple<As...>;
  template <size_t I>
  using Value = typename Nullable<std::tuple_element_t<I, Arguments>>::Value;

  static void add(duckdb_connection connection, const char* name) {
    duckdb_aggregate_function function = duckdb_create_aggregate_function();
    duckdb_aggregate_function_set_name(function, name);
    add_parameters(function, std::index_sequence_for<As...>());
    if constexpr (!kIsPlain) add_parameter<int64_t>(function);
    duckdb_logical_type type = Cell<Result>::logical_type();
    duckdb_aggregate_function_set_return_type(function, type);
    duckdb_destroy_logical_type(&type);
    duckdb_aggregate_function_set_special_handling(function);
    duckdb_aggregate_function_set_functions(function, state_size, init, update, combine, finalize);
    if constexpr (!kIsPlain) duckdb_aggregate_function_set_destructor(function, destroy);
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
  // Calls use(State&) with the state of a slot, which is made when it is first used, and charges what it holds then.
  template <typename Use>
  static void with_state(duckdb_aggregate_state state, QueryControl* query, Use&& use) {
    if constexpr (kIsPlain) {
      use(slot(state));
    } else {
      Slot& held = slot(state);
      if (held == nullptr) held = new Held(query);
      use(held->state);
      held->charge_memory();
    }
  }
  static State* state_if_any(duckdb_aggregate_state state) {
    if constexpr (kIsPlain) {
      return &slot(state);
    } else {
      return slot(state) != nullptr ? &slot(state)->state : nullptr;
    }
  }
  // What handling a whole state is counted as (count_work).
  static size_t state_work([[maybe_unused]] const State& state) {
    if constexpr (kIsPlain) {
      return kRowWork;
    } else {
      return kRowWork + state.memory();
    }
  }

  static idx_t state_size(duckdb_function_info) { return sizeof(Slot); }
  static void init(duckdb_function_info, duckdb_aggregate_state state) {
    new (&slot(state)) Slot();
  }
  static void destroy(duckdb_aggregate_state* states, idx_t count) {
    for (idx_t i = 0; i < count; ++i) {
      delete slot(states[i]);
      slot(states[i]) = nullptr;
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
                          QueryControl* query, std::index_sequence<Is...>) {
    std::array<Input, sizeof...(As)> inputs;
    for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = input_at(chunk, i);
    const idx_t rows = duckdb_data_chunk_get_size(chunk);
    for (idx_t row = 0; row < rows; ++row) {
      count_work((kRowWork + ... + inputs[Is].template work<Value<Is>>(row)));
      with_state(states[row], query, [&](State& to) { to.update(read<Is>(inputs, row)...); });
    }
  }
  static Input input_at(duckdb_data_chunk chunk, idx_t column) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
    return {static_cast<const char*>(duckdb_vector_get_data(vector)),
            duckdb_vector_get_validity(vector)};
  }

  static void update(duckdb_function_info info, duckdb_data_chunk chunk,
                     duckdb_aggregate_state* states) {
    if (duckdb_data_chunk_get_size(chunk) == 0) return;
    std::shared_ptr<QueryControl> query;
    if constexpr (!kIsPlain)
      query = QueryControl::find(Cell<int64_t>::read(input_at(chunk, sizeof...(As)).data, 0));
    try {
      const NativeCall call(query.get());
      update_rows(chunk, states, query.get(), std::index_sequence_for<As...>());
    } catch (...) {
      duckdb_aggregate_function_set_error(info, failure_message(query.get()).c_str());
    }
  }
  // The states of one call are all of one query; null when none was updated.
  static QueryControl* query_of([[maybe_unused]] duckdb_aggregate_state* states,
                                [[maybe_unused]] idx_t count) {
    if constexpr (!kIsPlain) {
      for (idx_t i = 0; i < count; ++i) {
        if (slot(states[i]) != nullptr) return slot(states[i])->query();
      }
    }
    return nullptr;
  }
  static void combine(duckdb_function_info info, duckdb_aggregate_state* sources,
                      duckdb_aggregate_state* targets, idx_t count) {
    QueryControl* const query = query_of(sources, count);
    try {
      const NativeCall call(query);
      for (idx_t i = 0; i < count; ++i) {
        State* from = state_if_any(sources[i]);
        if (from == nullptr) continue;
        count_work(state_work(*from));
        with_state(targets[i], query, [&](State& to) { to.merge(*from); });
      }
    } catch (...) {
      duckdb_aggregate_function_set_error(info, failure_message(query).c_str());
    }
  }
  static void finalize(duckdb_function_info info, duckdb_aggregate_state* states,
                       duckdb_vector vector, idx_t count, idx_t offset) {
    QueryControl* const query = query_of(states, count);
    try {
      const NativeCall call(query);
      Output output(vector);
      for (idx_t i = 0; i < count; ++i) {
        with_state(states[i], query, [&](State& from) { count_work(state_work(from)); });
        finish(states[i], output, offset + i);
      }
    } catch (...) {
      duckdb_aggregate_function_set_error(info, failure_message(query).c_str());
    }
  }

  static void finish(duckdb_aggregate_state state, Output& output, idx_t row) {
    if constexpr (kIsPlain) {
      write(slot(state).finish(), output, row);
    } else {
      Held& held = *slot(state);
      const FinishResult result = held.state.finish();
      const size_t bytes = text_size(result);
      held.charge_memory(2 * bytes);  // here and in the vector
      write(result, output, row);
      held.become_result(bytes);
    }
  }
  static void write(const FinishResult& result, Output& output, idx_t row) {
    if constexpr (Nullable<FinishResult>::kIs) {
      if (result) {
        output.template write<Result>(row, *result);
      } else {
        output.template write_null<Result>(row);
      }
    } else {
      output.template write<Result>(row, result);
    }
  }
  static size_t text_size([[maybe_unused]] const FinishResult& result) {
    if constexpr (std::is_same_v<FinishResult, Json>) {
      return result.text.size();
    } else if constexpr (std::is_same_v<FinishResult, std::optional<Json>>) {
      return result ? result->text.size() : 0;
    } else {
      return 0;
    }
  }

  // What a row or a state is counted as beside its text (count_work).
  static constexpr size_t kRowWork = 64;
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

}  // namespace rivulet::functions
