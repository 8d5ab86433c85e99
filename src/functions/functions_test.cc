#include <cctype>
#include <set>

#include "functions/testing/sql_fixture.h"
#include "kql/functions/functions.h"

namespace rivulet::functions {
namespace {

class Functions : public SqlFixture {};

struct Case {
  const char* sql;
  const char* expected;
};

TEST_F(Functions, Values) {
  const Case cases[] = {
      {"k_add(9223372036854775807, 1)", "-9223372036854775808"},
      {"k_divide(-7, 2)", "-3"},
      {"k_divide(7, 0)", "NULL"},
      {"k_divide((-9223372036854775808)::BIGINT, -1)", "-9223372036854775808"},
      {"k_modulo(-14, 12)", "10"},
      {"k_modulo(14, -12)", "2"},
      {"k_modulo(-14, -12)", "10"},
      {"k_divide_real(1, 0)", "inf"},
      {"k_multiply_decimal(1.5, 2.5)::DECIMAL(10,2)", "3.75"},
      {"k_divide_decimal(1, 3)", "0.333333333333333333"},
      {"k_join_decimal(k_decimal_high(-1.5)::HUGEINT, k_decimal_low(-1.5)::HUGEINT)",
       "-1.500000000000000000"},
      {"k_join_decimal(k_decimal_high(99999999999999999999)::HUGEINT * 2, "
       "k_decimal_low(99999999999999999999)::HUGEINT * 2)",
       "NULL"},
      {"k_average_decimal(k_decimal_high(-1.5)::HUGEINT, k_decimal_low(-1.5)::HUGEINT, 7)",
       "-0.214285714285714285"},
      {"k_average_decimal(k_decimal_high(99999999999999999999)::HUGEINT * 3, "
       "k_decimal_low(99999999999999999999)::HUGEINT * 3, 3)",
       "99999999999999999999.000000000000000000"},
      {"k_bin(-1, 10)", "-10"},
      {"k_bin(19, 10)", "10"},
      {"k_bin(19, 0)", "NULL"},
      {"k_bin_at(65, 25, 70)", "45"},
      {"k_bin_real(-4.5, 1)", "-5.0"},
      {"k_less_real(1, 'nan')", "false"},
      {"k_equal_real('nan', 'nan')", "false"},
      {"k_equal_real(NULL, NULL)", "NULL"},
      {"k_equal_real(NULL, 1)", "false"},
      {"k_has('North America', 'amer')", "false"},
      {"k_has('North America', 'america')", "true"},
      {"k_has('a.b-c', 'B-C')", "true"},
      {"k_has('über Straße', 'ÜBER')", "true"},
      {"k_has('überall', 'über')", "false"},
      {"k_has('x', '')", "true"},
      {"k_has_prefix('North America', 'ame')", "true"},
      {"k_has_suffix('North America', 'ICA')", "true"},
      {"k_has_cs('North America', 'america')", "false"},
      {"k_contains('Ärger', 'ärg')", "true"},
      {"k_contains('a text that is longer than sixteen bytes: NEEDLE', 'needle')", "true"},
      {"k_contains('a text that is longer than sixteen bytes: NEEDL', 'needle')", "false"},
      {"k_contains('some ``text with [brackets] here @ and there', '@ AND')", "true"},
      {"k_contains('some `text with {brackets} here and there', '@')", "false"},
      {"k_has('one twelve two twelfth three TWELVE', 'twelve')", "true"},
      {"k_has('twelvex xtwelve twelve9 and_twelve_', 'twelve')", "true"},
      {"k_has('twelvex xtwelve twelve9', 'twelve')", "false"},
      {"k_starts_with('ÄRGER', 'är')", "true"},
      {"k_starts_with('The fox', 'THE')", "true"},
      {"k_ends_with('The fox', 'FOX')", "true"},
      {"k_ends_with('fox', 'the fox')", "false"},
      {"k_equals_ci('Straße', 'STRASSE')", "false"},
      {"k_equals_ci('abc', 'ABC')", "true"},
      {"k_has_any('the quick fox', '[\"dog\",\"FOX\"]')", "true"},
      {"k_has_all('the quick fox', '[\"dog\",\"FOX\"]')", "false"},
      {"k_like('Straße 7', 'STRASSE*')", "true"},
      {"k_like_cs('abcabc', '*b*b*')", "true"},
      {"k_like_cs('abcabc', '*b*b*b*')", "false"},
      {"k_like_cs('aba', 'ab*ba')", "false"},
      {"k_like_cs('a', '*')", "true"},
      {"k_string_to_whole('1.0')", "1"},
      {"k_string_to_whole('1.5')", "NULL"},
      {"k_string_to_whole('9223372036854775807')", "9223372036854775807"},
      {"k_in_array('\"0\"', '[0]')", "false"},
      {"k_in_elements('\"0\"', '[0,\"x\"]')", "true"},
      {"k_in_elements('5', '[\"x\",\"5.0\"]')", "true"},
      {"k_in_elements('true', '[\"True\"]')", "true"},
      {"k_in_elements_ci('\"X\"', '[0,\"x\"]')", "true"},
      {"k_member('{\"a\":{\"b\":[1,2]},\"c\":null}', 'a')", "{\"b\":[1,2]}"},
      {"k_member('{\"a\":1,\"c\":null}', 'c')", "NULL"},
      {"k_member('{\"a\\\"]\":1,\"c\":2}', 'c')", "2"},
      {"k_element('[1,\"x]\",[3]]', -1)", "[3]"},
      {"k_element('[1,\"x]\",[3]]', 1)", "\"x]\""},
      {"k_element('[1]', 5)", "NULL"},
      {"k_parse_json(' { \"a\" : [ 1.0 , 2e0, \"\\u00e4\" ] } ')", "{\"a\":[1.0,2.0,\"ä\"]}"},
      {"k_parse_json('{bad')", "\"{bad\""},
      {"k_parse_json('')", "NULL"},
      {"k_parse_json('12345678901234567890')", "1.2345678901234567E+19"},
      {"k_dynamic_to_string('\"a\\\"b\"')", "a\"b"},
      {"k_dynamic_to_long('\"12\"')", "12"},
      {"k_dynamic_to_long('1.9')", "1"},
      {"k_pack_array('1', NULL, '\"x\"')", "[1,null,\"x\"]"},
      {"k_pack_bag('\"a\"', '1', '\"b\"', NULL)", "{\"a\":1,\"b\":null}"},
      {"k_range(1, 8, 3)", "[1,4,7]"},
      {"k_strlen('Straße🍒')", "7"},
      {"k_substring('Straße', 4, 1)", "ß"},
      {"k_substring('hello', -3, 2)", "ll"},
      {"k_substring('hello', 9, 2)", ""},
      {"k_indexof('abcabc', 'c', 3, -1, 1)", "5"},
      {"k_split('a_b__c', '_')", "[\"a\",\"b\",\"\",\"c\"]"},
      {"k_split('aa', '')", "[\"aa\"]"},
      {"k_reverse('aßb')", "bßa"},
      {"k_extract('(\\d+)-(\\d+)', 2, 'x12-34')", "34"},
      {"k_extract('(', 0, 'x')",
       "error: Invalid Input Error: the regular expression '(' is not valid: a '(' has no ')' (at "
       "character 2)"},
      {"k_extract_all('(\\w)(\\d)', NULL, 'a1 b2')", "[[\"a\",\"1\"],[\"b\",\"2\"]]"},
      {"k_replace_regex('Number is 1.00', 'is (\\d+)', 'was: \\1')", "Number was: 1.00"},
      {"k_trim('--', '--x--')", "x"},
      {"k_countof('aaa', 'aa')", "2"},
      {"k_countof_regex('aaa', 'aa')", "1"},
      {"k_format_datetime(k_make_datetime(2017, 1, 29, 9, 0, 5), 'yy-MM-dd [hh:mm:ss tt]')",
       "17-01-29 [09:00:05 AM]"},
      {"k_datetime_to_string(k_datetime_add('month', 1, k_make_datetime(2020, 1, 31, 0, 0, 0)))",
       "2020-02-29T00:00:00.0000000Z"},
      {"k_datetime_diff('week', k_make_datetime(2017, 10, 29, 0, 0, 0), k_make_datetime(2017, 9, "
       "30, 23, 59, 0))",
       "5"},
      {"k_weekofyear(k_make_datetime(2021, 1, 3, 0, 0, 0))", "53"},
      {"k_datetime_to_string(k_endofyear(k_make_datetime(9999, 5, 1, 0, 0, 0), 0))",
       "9999-12-31T23:59:59.9999999Z"},
      {"k_make_datetime(2021, 2, 29, 0, 0, 0)", "NULL"},
      {"k_array_sort_desc(FALSE, '[null,\"blue\",\"green\",null]')",
       "[null,null,\"green\",\"blue\"]"},
      {"k_array_sort_asc(TRUE, '[3,1,2]', '[\"c\",\"a\",\"b\"]')", "[[1,2,3],[\"a\",\"b\",\"c\"]]"},
      {"k_array_index_of('[1,2.0,2]', '2', 0, -1, 2)", "2"},
      {"k_array_slice('[1,2,3,4,5]', -3, -2)", "[3,4]"},
      {"k_array_split('[1,2,3,4,5]', '[1,3]')", "[[1],[2,3],[4,5]]"},
      {"k_array_shift_right('[1,2,3]', 1, NULL)", "[null,1,2]"},
      {"k_set_union('[1,2.0]', '[2,3]')", "[1,2.0,3]"},
      {"k_jaccard_index('[1,2,3]', '[1,2,3,4]')", "0.75"},
      {"k_bag_set_key('{\"a\":1}', '$.b.c', '2')", "{\"a\":1,\"b\":{\"c\":2}}"},
      {"k_bag_remove_keys('{\"a\":1,\"b\":{\"c\":2}}', '[\"$.b.c\"]')", "{\"a\":1,\"b\":{}}"},
      {"k_treepath('{\"a\":[{\"x\":1}]}')", "[\"['a']\",\"['a'][0]\",\"['a'][0]['x']\"]"},
      {"k_base64_decode('S3VzdG8=')", "Kusto"},
      {"k_base64_decode('U3RyaW5n0KHR0tGA0L7Rh9C60LA=')", ""},
      {"k_gunzip(k_gzip('text'))", "text"},
      {"k_gunzip('x0x0x0')", ""},
      {"k_hash('World')", "1846988464401551951"},
      {"k_sha1('World')", "70c07ec18ef89c5309bbb0937f3a6342411e1fdd"},
      {"k_domain_to_ascii('Artorījos.edu')", "xn--Artorjos-ejb.edu"},
      {"k_domain_to_unicode('xn--Ge-mia.Bulg.edu')", "Gáe.Bulg.edu"},
      {"k_parse_ipv6('::192.168.255.255/24', 128)", "0000:0000:0000:0000:0000:ffff:c0a8:ff00"},
      {"k_parse_ipv4('255.255.255.255/31', 32)", "4294967294"},
      {"k_has_any_ipv4_prefix('at 127.0.0.256 GET', '\"127.0.\"')", "false"},
      {"k_ipv4_range_to_cidr_list('1.1.128.0', '1.1.140.255')",
       "[\"1.1.128.0/21\",\"1.1.136.0/22\",\"1.1.140.0/24\"]"},
      {"k_replace_strings('This is', '[\"is\",\"This\"]', '[\"was\",\"This\"]')", "Thwas was"},
      {"k_format_bytes(20010332, 2, '')", "19.08 MB"},
      {"k_parse_command_line('a \"b c\" \\\"d', 'windows')", "[\"a\",\"b c\",\"\\\"d\"]"},
      {"round(k_beta_inv(0.1, 10, 20), 12)", "0.226415022389"},
      {"round(k_convert_volume(1.2, 'CubicMeter', 'AcreFoot'), 12)", "0.0009728568"},
      {"k_datetime_to_string(k_local_to_utc(k_make_datetime(2022, 3, 27, 2, 0, 0), "
       "'Europe/Brussels'))",
       "2022-03-27T00:00:00.0000000Z"},
      {"k_series_outliers('[30,28,5,27,31]', 'tukey', NULL, 10, 90)",
       "[0.0,0.0,-7.333333333333333,0.0,0.3333333333333333]"},
      {"k_series_fill_linear('[null,1,null,4]', NULL, TRUE, '0')", "[1,1,2,4]"},
      {"k_series_iir('[0,1,2]', '[1]', '[1,-1]')", "[0.0,1.0,3.0]"},
      {"k_hll_count(k_hll_union('{\"hll\":[1,2]}', '{\"hll\":[2,3]}'))", "3"},
      {"k_percentile_tdigest('{\"tdigest\":[[1,1],[2,2]]}', 50)", "2.0"},
  };
  for (const Case& c : cases) EXPECT_EQ(evaluate(c.sql), c.expected) << c.sql;
}

TEST_F(Functions, NullsOfColumnsAreSeen) {
  EXPECT_EQ(query("SELECT count(k_add(x, 1))::VARCHAR FROM (SELECT CASE WHEN i % 2 = 0 THEN i END "
                  "AS x FROM range(10) t(i))"),
            "5");
  EXPECT_EQ(query("SELECT count(*)::VARCHAR FROM (SELECT CASE WHEN i % 2 = 0 THEN '\"a\"' END AS x "
                  "FROM range(10) t(i)) "
                  "WHERE k_dynamic_to_string(x) = ''"),
            "5");
}

TEST_F(Functions, Aggregates) {
  EXPECT_EQ(query("SELECT k_make_set(x, 10, k_query()) FROM (VALUES ('1'), ('2'), (NULL), ('1'), "
                  "('[3,1]')) t(x)"),
            "[1,2,3]");
  EXPECT_EQ(query("SELECT k_make_set(x, 2, k_query()) FROM (VALUES ('1'), ('2'), ('3')) t(x)"),
            "[1,2]");
  EXPECT_EQ(query("SELECT k_make_set(x, 10, k_query()) FROM (VALUES ('1')) t(x) WHERE x = '2'"),
            "[]");
  EXPECT_EQ(query("SELECT k_make_bag(x, 10, k_query()) FROM (VALUES ('{\"a\":1}'), "
                  "('{\"b\":2,\"a\":1}')) t(x)"),
            "{\"a\":1,\"b\":2}");
  EXPECT_EQ(query("SELECT k_wrap(sum(x))::VARCHAR FROM (VALUES (9223372036854775807), (1)) t(x)"),
            "-9223372036854775808");
  EXPECT_EQ(query("SELECT k_percentiles_weighted(v, w, '[50,75,99.9]', k_query()) FROM (VALUES "
                  "(10, 8), (20, "
                  "6), (30, 3), (40, 1)) t(v, w)"),
            "[20.0,20.0,40.0]");
}

// Expressions of every type, as columns and as literals.
std::vector<kql::Expr> sample_arguments() {
  std::vector<kql::Expr> samples;
  const auto column = [&](ScalarType type, const char* name) {
    kql::Expr e;
    e.type = type;
    e.sql = name;
    samples.push_back(e);
  };
  column(ScalarType::kBool, "b");
  column(ScalarType::kInt, "i");
  column(ScalarType::kLong, "l");
  column(ScalarType::kReal, "r");
  column(ScalarType::kDecimal, "m");
  column(ScalarType::kDateTime, "t");
  column(ScalarType::kTimeSpan, "p");
  column(ScalarType::kGuid, "g");
  column(ScalarType::kString, "s");
  column(ScalarType::kDynamic, "d");
  samples.push_back(kql::literal_expr({ScalarType::kLong, int64_t{5}}));
  samples.push_back(kql::literal_expr({ScalarType::kString, std::string("day")}));
  samples.push_back(kql::literal_expr({ScalarType::kDynamic, std::string("[1,2]")}));
  return samples;
}

constexpr const char* kSampleTable =
    " FROM (SELECT TRUE AS b, 1::INTEGER AS i, 1::BIGINT AS l, 1::DOUBLE AS r, 1::DECIMAL(38,18) "
    "AS m, 1::BIGINT AS t, "
    "1::BIGINT AS p, '00000000-0000-0000-0000-000000000001'::UUID AS g, 's' AS s, '[1]' AS d) "
    "LIMIT 0";

// Whatever a function gives for any types of arguments is SQL that DuckDB takes.
template <typename Bind>
void check_lowerings(const Bind& check, std::string_view name, int least, int most) {
  static const std::vector<kql::Expr> samples = sample_arguments();
  const int end = most < 0 ? least + 2 : std::min(most, least + 3);
  for (int count = least; count <= end; ++count) {
    size_t combinations = 1;
    for (int i = 0; i < count; ++i) combinations *= samples.size();
    // All of them while they are few, else a stride through them.
    const size_t stride = combinations <= 40 ? 1 : combinations / 40 + 1;
    for (size_t n = 0; n < combinations; n += stride) {
      std::vector<kql::Expr> arguments;
      for (size_t rest = n, i = 0; i < static_cast<size_t>(count); ++i, rest /= samples.size()) {
        arguments.push_back(samples[rest % samples.size()]);
      }
      check(name, arguments);
    }
  }
}

kql::CallContext sample_context() {
  kql::CallContext context;
  context.now = 638'000'000'000'000'000;
  return context;
}

TEST_F(Functions, LoweringsAreValidSql) {
  std::set<std::string> failures;
  const auto check_sql = [&](std::string_view name, const std::string& sql) {
    const std::string answer = query("SELECT " + sql + kSampleTable);
    if (answer.starts_with("error: Binder") || answer.starts_with("error: Catalog") ||
        answer.starts_with("error: Parser")) {
      failures.insert(std::string(name) + ": " + sql + ": " + answer.substr(0, 200));
    }
  };
  for (const std::string_view name : kql::function_names()) {
    if (const auto* function = kql::find_scalar_function(name)) {
      check_lowerings(
          [&](std::string_view, const std::vector<kql::Expr>& arguments) {
            try {
              check_sql(name, function->bind(sample_context(), arguments).sql);
            } catch (const std::exception&) {
              // Refused: those types do not go together.
            }
          },
          name, function->min_arguments, function->max_arguments);
    }
    if (const auto* function = kql::find_aggregate_function(name)) {
      for (const char* order : {"", "l"}) {
        check_lowerings(
            [&](std::string_view, const std::vector<kql::Expr>& arguments) {
              kql::CallContext context = sample_context();
              context.order_by = order;
              try {
                check_sql(name, function->bind(context, arguments).sql);
              } catch (const std::exception&) {
              }
            },
            name, function->min_arguments, function->max_arguments);
      }
    }
    if (const auto* function = kql::find_window_function(name)) {
      check_lowerings(
          [&](std::string_view, const std::vector<kql::Expr>& arguments) {
            kql::CallContext context = sample_context();
            context.order_by = "l";
            try {
              check_sql(name, function->bind(context, arguments).sql);
            } catch (const std::exception&) {
            }
          },
          name, function->min_arguments, function->max_arguments);
    }
  }
  for (const std::string& failure : failures) ADD_FAILURE() << failure;
}

TEST_F(Functions, NamesAreDistinct) {
  std::set<std::string_view> names;
  for (const std::string_view name : function_names())
    EXPECT_TRUE(names.insert(name).second) << name;
}

}  // namespace
}  // namespace rivulet::functions
