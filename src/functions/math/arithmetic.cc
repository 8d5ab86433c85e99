#include <cmath>
#include <limits>

#include "functions/families.h"
#include "functions/udf.h"

// Kusto's arithmetic: whole numbers wrap around, a division by zero is null (whole numbers) or an
// infinity or NaN (reals), a remainder is never negative, bins round down.
namespace rivulet::functions {

namespace {

constexpr Decimal decimal_one() {
  Decimal one = 1;
  for (int i = 0; i < kDecimalScale; ++i) one *= 10;
  return one;
}
constexpr Decimal kDecimalOne = decimal_one();

int64_t wrap(uint64_t value) {
  return static_cast<int64_t>(value);
}

int64_t add_long(int64_t a, int64_t b) {
  return wrap(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t subtract_long(int64_t a, int64_t b) {
  return wrap(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t multiply_long(int64_t a, int64_t b) {
  return wrap(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
int64_t negate_long(int64_t a) {
  return wrap(0 - static_cast<uint64_t>(a));
}

std::optional<int64_t> divide_long(int64_t a, int64_t b) {
  if (b == 0) return std::nullopt;
  if (b == -1) return negate_long(a);
  return a / b;
}

std::optional<int64_t> modulo_long(int64_t a, int64_t b) {
  if (b == 0) return std::nullopt;
  if (b == -1) return 0;
  const int64_t remainder = a % b;
  if (remainder >= 0) return remainder;
  return b > 0 ? remainder + b : remainder - b;
}

double add_real(double a, double b) {
  return a + b;
}
double subtract_real(double a, double b) {
  return a - b;
}
double multiply_real(double a, double b) {
  return a * b;
}
double divide_real(double a, double b) {
  return a / b;
}
double modulo_real(double a, double b) {
  const double remainder = std::fmod(a, b);
  return remainder < 0 ? remainder + std::abs(b) : remainder;
}

// A real as a count of ticks; nothing when it is none.
std::optional<int64_t> to_ticks(double value) {
  if (!(std::abs(value) < 9.2233720368547748e18)) return std::nullopt;
  return static_cast<int64_t>(value);
}

std::optional<int64_t> scale_ticks(int64_t ticks, double factor) {
  return to_ticks(static_cast<double>(ticks) * factor);
}
std::optional<int64_t> divide_ticks(int64_t ticks, double divisor) {
  return to_ticks(static_cast<double>(ticks) / divisor);
}
double ratio_of_ticks(int64_t a, int64_t b) {
  return static_cast<double>(a) / static_cast<double>(b);
}

std::optional<Decimal> add_decimal(Decimal a, Decimal b) {
  Decimal sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}
std::optional<Decimal> subtract_decimal(Decimal a, Decimal b) {
  Decimal difference;
  if (__builtin_sub_overflow(a, b, &difference)) return std::nullopt;
  return difference;
}
std::optional<Decimal> multiply_decimal(Decimal a, Decimal b) {
  const Decimal whole_a = a / kDecimalOne, part_a = a % kDecimalOne;
  const Decimal whole_b = b / kDecimalOne, part_b = b % kDecimalOne;
  Decimal result, term;
  if (__builtin_mul_overflow(whole_a, whole_b, &result) ||
      __builtin_mul_overflow(result, kDecimalOne, &result)) {
    return std::nullopt;
  }
  if (__builtin_mul_overflow(whole_a, part_b, &term) ||
      __builtin_add_overflow(result, term, &result)) {
    return std::nullopt;
  }
  if (__builtin_mul_overflow(part_a, whole_b, &term) ||
      __builtin_add_overflow(result, term, &result)) {
    return std::nullopt;
  }
  term = part_a * part_b / kDecimalOne;
  if (__builtin_add_overflow(result, term, &result)) return std::nullopt;
  return result;
}
std::optional<Decimal> divide_decimal(Decimal a, Decimal b) {
  if (b == 0) return std::nullopt;
  Decimal quotient = a / b;
  Decimal remainder = a % b;
  for (int i = 0; i < kDecimalScale; ++i) {
    if (__builtin_mul_overflow(remainder, Decimal{10}, &remainder)) {
      remainder /= 10;
      b /= 10;
      if (b == 0) return std::nullopt;
      remainder *= 10;
    }
    Decimal digit = remainder / b;
    remainder %= b;
    if (__builtin_mul_overflow(quotient, Decimal{10}, &quotient) ||
        __builtin_add_overflow(quotient, digit, &quotient)) {
      return std::nullopt;
    }
  }
  return quotient;
}
// A decimal in two parts, of which very many can be summed: high * 2^63 + low.
constexpr int kLowBits = 63;
Huge decimal_high(Decimal value) {
  return {value >> kLowBits};
}
int64_t decimal_low(Decimal value) {
  return static_cast<int64_t>(value & ((Decimal{1} << kLowBits) - 1));
}
std::optional<Decimal> join_decimal(Huge high, Huge low) {
  constexpr Decimal kBeyond = kDecimalOne * kDecimalOne * 100;  // 39 digits
  Decimal value;
  if (__builtin_mul_overflow(high.value, Decimal{1} << kLowBits, &value) ||
      __builtin_add_overflow(value, low.value, &value) || value >= kBeyond || value <= -kBeyond) {
    return std::nullopt;
  }
  return value;
}
// Of the sums of `count` decimals' parts; rounded towards zero.
std::optional<Decimal> average_decimal(Huge high, Huge low, int64_t count) {
  if (count <= 0) return std::nullopt;
  const Decimal rest = high.value % count * (Decimal{1} << kLowBits) + low.value;
  Decimal quotient = rest / count;
  const bool is_below = rest % count < 0;
  if (is_below) --quotient;
  Decimal value = high.value / count * (Decimal{1} << kLowBits) + quotient;
  if (value < 0 && rest % count != 0) ++value;
  return value;
}
std::optional<Decimal> modulo_decimal(Decimal a, Decimal b) {
  if (b == 0) return std::nullopt;
  const Decimal remainder = a % b;
  if (remainder >= 0) return remainder;
  return b > 0 ? remainder + b : remainder - b;
}

std::optional<int64_t> bin_at_long(int64_t value, int64_t size, int64_t fixed) {
  if (size <= 0) return std::nullopt;
  const __int128 offset = static_cast<__int128>(value) - fixed;
  __int128 bins = offset / size;
  if (offset % size < 0) --bins;
  const __int128 result = bins * size + fixed;
  if (result < std::numeric_limits<int64_t>::min()) return std::nullopt;
  return static_cast<int64_t>(result);
}
std::optional<int64_t> bin_long(int64_t value, int64_t size) {
  if (size <= 0) return std::nullopt;
  const int64_t remainder = value % size;
  if (remainder >= 0) return value - remainder;
  int64_t result;
  if (__builtin_sub_overflow(value, remainder + size, &result)) return std::nullopt;
  return result;
}
std::optional<double> bin_at_real(double value, double size, double fixed) {
  if (!(size > 0)) return std::nullopt;
  return std::floor((value - fixed) / size) * size + fixed;
}
std::optional<double> bin_real(double value, double size) {
  return bin_at_real(value, size, 0);
}
std::optional<Decimal> bin_decimal(Decimal value, Decimal size) {
  if (size <= 0) return std::nullopt;
  return subtract_decimal(value, *modulo_decimal(value, size));
}

// Comparisons of reals, in which NaN is equal to nothing, less than nothing and greater than nothing.
std::optional<bool> equal_real(std::optional<double> a, std::optional<double> b) {
  if (!a && !b) return std::nullopt;
  return a && b && *a == *b;
}
std::optional<bool> not_equal_real(std::optional<double> a, std::optional<double> b) {
  if (!a && !b) return std::nullopt;
  return !(a && b && *a == *b);
}
bool less_real(double a, double b) {
  return a < b;
}
bool less_equal_real(double a, double b) {
  return a <= b;
}

int64_t shift_left(int64_t value, int64_t count) {
  return wrap(static_cast<uint64_t>(value) << (static_cast<uint64_t>(count) % 64));
}
int64_t shift_right(int64_t value, int64_t count) {
  return value >> (static_cast<uint64_t>(count) % 64);
}

std::optional<int64_t> decimal_to_long(Decimal value) {
  const Decimal whole = value / kDecimalOne;
  if (whole > std::numeric_limits<int64_t>::max() || whole < std::numeric_limits<int64_t>::min()) {
    return std::nullopt;
  }
  return static_cast<int64_t>(whole);
}
double decimal_to_real(Decimal value) {
  // The two parts apart keep more digits than one conversion of the scaled value.
  return static_cast<double>(value / kDecimalOne) +
         static_cast<double>(value % kDecimalOne) / static_cast<double>(kDecimalOne);
}
std::optional<Decimal> real_to_decimal(double value) {
  if (!(std::abs(value) < 1e20)) return std::nullopt;
  const double whole = std::trunc(value);
  return static_cast<Decimal>(whole) * kDecimalOne +
         static_cast<Decimal>(std::round((value - whole) * static_cast<double>(kDecimalOne)));
}
Decimal long_to_decimal(int64_t value) {
  return static_cast<Decimal>(value) * kDecimalOne;
}

std::optional<int64_t> real_to_long(double value) {
  return to_ticks(value);
}
std::optional<int32_t> long_to_int(int64_t value) {
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<int32_t>(value);
}

constexpr Udf kFunctions[] = {
    udf<add_long>("k_add"),
    udf<subtract_long>("k_subtract"),
    udf<multiply_long>("k_multiply"),
    udf<negate_long>("k_negate"),
    udf<divide_long>("k_divide"),
    udf<modulo_long>("k_modulo"),
    udf<add_real>("k_add_real"),
    udf<subtract_real>("k_subtract_real"),
    udf<multiply_real>("k_multiply_real"),
    udf<divide_real>("k_divide_real"),
    udf<modulo_real>("k_modulo_real"),
    udf<scale_ticks>("k_scale_ticks"),
    udf<divide_ticks>("k_divide_ticks"),
    udf<ratio_of_ticks>("k_ratio_of_ticks"),
    udf<add_decimal>("k_add_decimal"),
    udf<subtract_decimal>("k_subtract_decimal"),
    udf<multiply_decimal>("k_multiply_decimal"),
    udf<divide_decimal>("k_divide_decimal"),
    udf<decimal_high>("k_decimal_high"),
    udf<decimal_low>("k_decimal_low"),
    udf<join_decimal>("k_join_decimal"),
    udf<average_decimal>("k_average_decimal"),
    udf<modulo_decimal>("k_modulo_decimal"),
    udf<bin_long>("k_bin"),
    udf<bin_real>("k_bin_real"),
    udf<bin_decimal>("k_bin_decimal"),
    udf<bin_at_long>("k_bin_at"),
    udf<bin_at_real>("k_bin_at_real"),
    udf<equal_real>("k_equal_real"),
    udf<not_equal_real>("k_not_equal_real"),
    udf<less_real>("k_less_real"),
    udf<less_equal_real>("k_less_equal_real"),
    udf<shift_left>("k_shift_left"),
    udf<shift_right>("k_shift_right"),
    udf<decimal_to_long>("k_decimal_to_long"),
    udf<decimal_to_real>("k_decimal_to_real"),
    udf<real_to_decimal>("k_real_to_decimal"),
    udf<long_to_decimal>("k_long_to_decimal"),
    udf<real_to_long>("k_real_to_long"),
    udf<long_to_int>("k_long_to_int"),
};

}  // namespace

std::span<const Udf> arithmetic_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
