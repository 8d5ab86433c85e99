#include "types/text.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace rivulet {
namespace {

std::string datetime_text(std::string_view text) {
  auto ticks = parse_datetime(text);
  if (!ticks) return "none";
  std::string out;
  append_datetime(out, *ticks, /*trim=*/true);
  return out;
}

TEST(DateTimeText, DocumentedForms) {
  struct Case {
    const char* text;
    const char* expected;
  };
  const Case cases[] = {
      {"2014-05-25T08:20:03.123456Z", "2014-05-25T08:20:03.123456Z"},
      {"2014-05-25T08:20:03.123456", "2014-05-25T08:20:03.123456Z"},
      {"2014-05-25T08:20", "2014-05-25T08:20:00Z"},
      {"2014-11-08 15:55:55.123456Z", "2014-11-08T15:55:55.123456Z"},
      {"2014-11-08 15:55:55", "2014-11-08T15:55:55Z"},
      {"2014-11-08 15:55", "2014-11-08T15:55:00Z"},
      {"2014-11-08", "2014-11-08T00:00:00Z"},
      {"Sat, 8 Nov 14 15:05:02 GMT", "2014-11-08T15:05:02Z"},
      {"Sat, 8 Nov 14 15:05:02", "2014-11-08T15:05:02Z"},
      {"Sat, 8 Nov 14 15:05", "2014-11-08T15:05:00Z"},
      {"Sat, 8 Nov 14 15:05 GMT", "2014-11-08T15:05:00Z"},
      {"8 Nov 14 15:05:02 GMT", "2014-11-08T15:05:02Z"},
      {"8 Nov 14 15:05:02", "2014-11-08T15:05:02Z"},
      {"8 Nov 14 15:05", "2014-11-08T15:05:00Z"},
      {"8 Nov 14 15:05 GMT", "2014-11-08T15:05:00Z"},
      {"Saturday, 08-Nov-14 15:05:02 GMT", "2014-11-08T15:05:02Z"},
      {"Saturday, 08-Nov-14 15:05:02", "2014-11-08T15:05:02Z"},
      {"Saturday, 08-Nov-14 15:05 GMT", "2014-11-08T15:05:00Z"},
      {"Saturday, 08-Nov-14 15:05", "2014-11-08T15:05:00Z"},
      {"08-Nov-14 15:05:02 GMT", "2014-11-08T15:05:02Z"},
      {"08-Nov-14 15:05", "2014-11-08T15:05:00Z"},
      {"2014-11-08 15:05:25 GMT", "2014-11-08T15:05:25Z"},
      {"2014-11-08 15:05 GMT", "2014-11-08T15:05:00Z"},
      {"2014-11-08T15:05:25 GMT", "2014-11-08T15:05:25Z"},
      {"2014-11-08T15:05 GMT", "2014-11-08T15:05:00Z"},
      {"2014-11-8", "2014-11-08T00:00:00Z"},
      {"2016-06-15T10:20Z", "2016-06-15T10:20:00Z"},
      {"2016-06-15T10:20:30+02:00", "2016-06-15T08:20:30Z"},
      {"2016-06-15T10:20:30.5-0330", "2016-06-15T13:50:30.5Z"},
      {"2016-06-15 10:20:30 +02", "2016-06-15T08:20:30Z"},
      {"2016-06-15T10:20:30.123456789Z", "2016-06-15T10:20:30.1234567Z"},
      {"1/31/2017 10:00:00 AM", "2017-01-31T10:00:00Z"},
      {"1/31/2017 12:00:00 AM", "2017-01-31T00:00:00Z"},
      {"01/31/2017 12:30 pm", "2017-01-31T12:30:00Z"},
      {"1/31/2017", "2017-01-31T00:00:00Z"},
      {"Nov 8, 2014 3:05 PM", "2014-11-08T15:05:00Z"},
      {"  2014-11-08  ", "2014-11-08T00:00:00Z"},
      {"2014", "2014-01-01T00:00:00Z"},
      {"2014-11", "2014-11-01T00:00:00Z"},
      {"2014/11/08 15:05:25", "2014-11-08T15:05:25Z"},
      {"2016-02-29", "2016-02-29T00:00:00Z"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
      {"9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z"},
      {"8 Nov 75 15:05", "1975-11-08T15:05:00Z"},
      {"Sat, 08 Nov 2014 15:05:02 EST", "2014-11-08T20:05:02Z"},
  };
  for (const Case& c : cases) EXPECT_EQ(datetime_text(c.text), c.expected) << c.text;
}

TEST(DateTimeText, RefusesWhatIsNoDateTime) {
  for (const char* text : {"",
                           " ",
                           "x",
                           "2014-13-01",
                           "2014-02-29",
                           "2014-11-31",
                           "2014-11-08T24:00",
                           "2014-11-08T10",
                           "2014-11-08T10:60",
                           "2014-11-08Tx",
                           "2014-11-08 10:00 XYZ",
                           "0000-01-01",
                           "14-11-08",
                           "1/31",
                           "2014-11-08T10:00:00.Z",
                           "2014-11-08T10:00:00ZZ",
                           "9999-12-31T23:59:59-01:00",
                           "0001-01-01T00:00:00+01:00",
                           "1e5",
                           "-2014-01-01",
                           "2014-11-08T13:00 PM"}) {
    EXPECT_EQ(datetime_text(text), "none") << text;
  }
}

TEST(DateTimeText, SevenDigitsUnlessTrimmed) {
  std::string out;
  append_datetime(out, *parse_datetime("2020-03-04T14:05:01.31"));
  EXPECT_EQ(out, "2020-03-04T14:05:01.3100000Z");
  out.clear();
  append_datetime(out, 0);
  EXPECT_EQ(out, "0001-01-01T00:00:00.0000000Z");
}

TEST(DateTimeText, EveryDayRoundTrips) {
  for (int64_t day = 0; day <= kMaxDateTimeTicks / kTicksPerDay; day += 13) {
    std::string out;
    append_datetime(out, day * kTicksPerDay);
    ASSERT_EQ(parse_datetime(out), day * kTicksPerDay) << out;
  }
}

std::string timespan_text(std::string_view text) {
  auto ticks = parse_timespan(text);
  if (!ticks) return "none";
  std::string out;
  append_timespan(out, *ticks);
  return out;
}

TEST(TimeSpanText, Forms) {
  struct Case {
    const char* text;
    const char* expected;
  };
  const Case cases[] = {
      {"2d", "2.00:00:00"},
      {"1.5h", "01:30:00"},
      {"30m", "00:30:00"},
      {"10s", "00:00:10"},
      {"0.1s", "00:00:00.1000000"},
      {"100ms", "00:00:00.1000000"},
      {"10us", "00:00:00.0000100"},
      {"10microsecond", "00:00:00.0000100"},
      {"1tick", "00:00:00.0000001"},
      {"15 seconds", "00:00:15"},
      {"2", "2.00:00:00"},
      {"-1h", "-01:00:00"},
      {"0.12:34:56.7", "12:34:56.7000000"},
      {"-1.02:03:04.0000005", "-1.02:03:04.0000005"},
      {"01:23:45.6789", "01:23:45.6789000"},
      {"1:02", "01:02:00"},
      {"00:00:00", "00:00:00"},
      {"24:00:00", "none"},
      {"1:60", "none"},
      {"1 fortnight", "none"},
      {"", "none"},
      {"d", "none"},
      {"99999999999d", "none"},
      {"1:2:3:4", "none"},
  };
  for (const Case& c : cases) EXPECT_EQ(timespan_text(c.text), c.expected) << c.text;
  std::string out;
  append_timespan(out, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(out, "-10675199.02:48:05.4775808");
  EXPECT_EQ(parse_timespan(out), std::numeric_limits<int64_t>::min());
}

TEST(NumberText, Integers) {
  EXPECT_EQ(parse_int("42"), 42);
  EXPECT_EQ(parse_int(" -42 "), -42);
  EXPECT_EQ(parse_int("+42"), 42);
  EXPECT_EQ(parse_int("0x1F"), 31);
  EXPECT_EQ(parse_int("2147483647"), 2147483647);
  EXPECT_FALSE(parse_int("2147483648"));
  EXPECT_EQ(parse_long("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(parse_long("0xffffffffffffffff"), -1);
  for (const char* text :
       {"", " ", "+", "-", "+-1", "--1", "1.5", "1x", "0x", "9223372036854775808"}) {
    EXPECT_FALSE(parse_long(text)) << text;
  }
}

TEST(NumberText, Bools) {
  EXPECT_EQ(parse_bool("TRUE"), true);
  EXPECT_EQ(parse_bool("false"), false);
  EXPECT_EQ(parse_bool("0"), false);
  EXPECT_EQ(parse_bool("17"), true);
  EXPECT_FALSE(parse_bool("yes"));
  EXPECT_FALSE(parse_bool(""));
}

TEST(NumberText, Reals) {
  EXPECT_EQ(parse_real("1.5"), 1.5);
  EXPECT_EQ(parse_real(" +1e3 "), 1000.0);
  EXPECT_TRUE(std::isnan(*parse_real("NaN")));
  EXPECT_EQ(parse_real("-inf"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_real("+inf"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_real("Infinity"), std::numeric_limits<double>::infinity());
  for (const char* text : {"", "x", "1.5x", "+-1", "1,5", "nan(1)"})
    EXPECT_FALSE(parse_real(text)) << text;

  struct Case {
    double value;
    const char* expected;
  };
  const Case cases[] = {
      {1, "1.0"},           {-2.5, "-2.5"},        {0, "0.0"},
      {0.1, "0.1"},         {100, "100.0"},        {1e14, "100000000000000.0"},
      {1e15, "1E+15"},      {1.5e20, "1.5E+20"},   {0.0001, "0.0001"},
      {0.00001, "1E-05"},   {1e100, "1E+100"},     {1.0 / 3, "0.3333333333333333"},
      {123.456, "123.456"}, {std::nan(""), "NaN"}, {-INFINITY, "-Infinity"}};
  for (const Case& c : cases) {
    std::string out;
    append_real(out, c.value);
    EXPECT_EQ(out, c.expected);
  }
}

TEST(NumberText, Decimals) {
  auto round_trip = [](std::string_view text) {
    auto value = parse_decimal(text);
    if (!value) return std::string("none");
    std::string out;
    append_decimal(out, *value);
    return out;
  };
  EXPECT_EQ(round_trip("2.00000000000001"), "2.00000000000001");
  EXPECT_EQ(round_trip("-0.5"), "-0.5");
  EXPECT_EQ(round_trip("1e3"), "1000");
  EXPECT_EQ(round_trip("1.50"), "1.5");
  EXPECT_EQ(round_trip("12345678901234567890.123456789012345678"),
            "12345678901234567890.123456789012345678");
  EXPECT_EQ(round_trip("99999999999999999999"), "99999999999999999999");
  EXPECT_EQ(round_trip("100000000000000000000"), "none");
  EXPECT_EQ(round_trip("0.0000000000000000015"), "0.000000000000000002");
  EXPECT_EQ(round_trip("0.00000000000000000000000000000000000000000000001"), "0");
  EXPECT_EQ(round_trip("1e-30"), "0");
  EXPECT_EQ(round_trip("0e999"), "0");
  EXPECT_EQ(round_trip("."), "none");
  EXPECT_EQ(round_trip("1.2.3"), "none");
  EXPECT_EQ(round_trip(""), "none");
}

TEST(JsonText, Strings) {
  std::string out;
  append_json_string(out, "a\"b\\c\n\x01\xC3\xA9\xFFz");
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\n\\u0001\xC3\xA9\xEF\xBF\xBDz\"");
  std::string content;
  EXPECT_TRUE(append_json_string_content(content, R"(a\"\u00e9\ud83d\ude00\ud800x\/)"));
  EXPECT_EQ(content, "a\"\xC3\xA9\xF0\x9F\x98\x80\xEF\xBF\xBDx/");
  content.clear();
  EXPECT_TRUE(append_json_string_content(content, R"(\b\f\n\r\t\\\udc00\ud800\u0041)"));
  EXPECT_EQ(content,
            "\b\f\n\r\t\\\xEF\xBF\xBD\xEF\xBF\xBD"
            "A");
  for (const char* inside : {"\\", "\\x", "\\u", "\\u12", "\\u12g4", "\\u+123", "\\u-001"}) {
    EXPECT_FALSE(append_json_string_content(content, inside)) << inside;
  }
}

TEST(JsonText, Compact) {
  auto compact = [](std::string_view json) {
    std::string out = ">";
    return append_compact_json(out, json) ? out : out + "none";
  };
  EXPECT_EQ(compact(" { \"b\" : [ 1.00 , 2e5 , null ] , \"a\" : \"x y\\u0041\" } "),
            ">{\"b\":[1.00,2e5,null],\"a\":\"x y\\u0041\"}");
  EXPECT_EQ(compact("[]"), ">[]");
  EXPECT_EQ(compact("{ }"), ">{}");
  EXPECT_EQ(compact("-0.5"), ">-0.5");
  EXPECT_EQ(compact("\"a\xFF\""), ">\"a\xEF\xBF\xBD\"");
  for (const char* json : {"", " ", "{", "[1,]", "{\"a\":}", "{a:1}", "01", "1.", "-", "tru", "\"a",
                           "\"\\x\"", "\"\\u12\"", "[1 2]", "1 2", "\"a\nb\"", "nullx"}) {
    EXPECT_EQ(compact(json), ">none") << json;
  }
  EXPECT_EQ(compact(std::string(5000, '[')), ">none");
}

TEST(CsvText, QuotesOnlyWhereNeeded) {
  std::string out;
  append_csv_field(out, "plain text");
  out += ',';
  append_csv_field(out, "a,\"b\"");
  EXPECT_EQ(out, "plain text,\"a,\"\"b\"\"\"");
}

TEST(CellText, EveryType) {
  auto check = [](Column column, const char* text, const char* json) {
    std::string out;
    append_cell_text(out, column.view(), 0);
    EXPECT_EQ(out, text);
    out.clear();
    append_cell_json(out, column.view(), 0);
    EXPECT_EQ(out, json);
  };
  auto fixed = [](ScalarType type, auto cell) {
    Column column(type);
    column.append(cell);
    return column;
  };
  auto text = [](ScalarType type, std::string_view cell) {
    Column column(type);
    column.append_text(cell);
    return column;
  };
  auto null = [](ScalarType type) {
    Column column(type);
    column.append_null();
    return column;
  };
  check(fixed(ScalarType::kBool, uint8_t{1}), "true", "true");
  check(fixed(ScalarType::kInt, int32_t{-5}), "-5", "-5");
  check(fixed(ScalarType::kLong, int64_t{5}), "5", "5");
  check(fixed(ScalarType::kReal, 1.0), "1.0", "1.0");
  check(fixed(ScalarType::kReal, double{INFINITY}), "Infinity", "\"Infinity\"");
  check(fixed(ScalarType::kDecimal, *parse_decimal("1.5")), "1.5", "\"1.5\"");
  check(fixed(ScalarType::kDateTime, *parse_datetime("2020-01-01")), "2020-01-01T00:00:00.0000000Z",
        "\"2020-01-01T00:00:00Z\"");
  check(fixed(ScalarType::kTimeSpan, kTicksPerDay), "1.00:00:00", "\"1.00:00:00\"");
  check(fixed(ScalarType::kGuid, GuidCell::from(Guid{1, 2})),
        "00000000-0000-0001-0000-000000000002", "\"00000000-0000-0001-0000-000000000002\"");
  check(text(ScalarType::kString, "a\"b"), "a\"b", "\"a\\\"b\"");
  check(text(ScalarType::kDynamic, "{\"a\":1}"), "{\"a\":1}", "{\"a\":1}");
  check(text(ScalarType::kDynamic, "\"a\\nb\""), "a\nb", "\"a\\nb\"");
  check(null(ScalarType::kInt), "", "null");
  check(null(ScalarType::kDynamic), "", "null");
  check(null(ScalarType::kString), "", "\"\"");
}

}  // namespace
}  // namespace rivulet
