#include "ingest/ingest.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "common/testing/error_text.h"
#include "ingest/mappings/mapping.h"
#include "types/json.h"
#include "types/text.h"

namespace rivulet::ingest {
namespace {

// A table from "a:long, b:string".
catalog::Table make_table(std::string_view columns) {
  catalog::Table table;
  table.id = 7;
  table.name = "T";
  while (!columns.empty()) {
    size_t colon = columns.find(':');
    size_t comma = columns.find(", ");
    std::string_view type = columns.substr(colon + 1, comma - colon - 1);
    uint32_t id = table.next_column_id++;
    table.columns.edit().push_back(
        {id, std::string(columns.substr(0, colon)), *parse_scalar_type(type), ""});
    columns.remove_prefix(comma == std::string_view::npos ? columns.size() : comma + 2);
  }
  return table;
}

// The rows as JSON, a row a line, in the table's order; columns that are not there are "-".
std::string text_of(const store::Append& append, const catalog::Table& table) {
  std::string out;
  for (size_t row = 0; row < append.rows->row_count(); ++row) {
    if (row > 0) out += '\n';
    for (size_t c = 0; c < table.columns.size(); ++c) {
      if (c > 0) out += ' ';
      bool is_there = false;
      for (size_t i = 0; i < append.column_ids.size(); ++i) {
        if (append.column_ids[i] != table.columns[c].id) continue;
        EXPECT_EQ(append.rows->column(i).size(), append.rows->row_count());
        append_cell_json(out, append.rows->column(i).view(), row);
        is_there = true;
      }
      if (!is_there) out += '-';
    }
  }
  return out;
}

// The rows, or "<kind>: <message>".
std::string parse_text(std::string_view format, std::string_view columns, std::string_view body,
                       std::string_view mapping = {}, bool ignore_first_record = false) {
  catalog::Table table = make_table(columns);
  ParseOptions options;
  options.format = parse_format(format);
  options.mapping_text = mapping;
  options.ignore_first_record = ignore_first_record;
  options.source_location = "blob";
  try {
    return text_of(parse(body, table, options), table);
  } catch (const Error& error) {
    EXPECT_TRUE(error.is_permanent());
    return error_text(error);
  }
}

struct Case {
  const char* format;
  const char* columns;
  std::string_view body;
  std::string_view expected;
};

class Delimited : public testing::TestWithParam<Case> {};

TEST_P(Delimited, Parses) {
  const Case& c = GetParam();
  EXPECT_EQ(parse_text(c.format, c.columns, c.body), c.expected) << c.format << ": " << c.body;
}

INSTANTIATE_TEST_SUITE_P(
    Documented, Delimited,
    testing::Values(
        Case{"csv", "a:long, b:string", "1,x\n2,y\n", "1 \"x\"\n2 \"y\""},
        Case{"csv", "a:long, b:string", "1,x\n2,y", "1 \"x\"\n2 \"y\""},
        Case{"csv", "a:long, b:string", "1,x\r\n2,y\r\n", "1 \"x\"\n2 \"y\""},
        Case{"csv", "a:long, b:string",
             "\xEF\xBB\xBF"
             "1,x",
             "1 \"x\""},
        Case{"csv", "a:long, b:string", "1,x,more,fields", "1 \"x\""},
        Case{"csv", "a:long, b:string, c:real", "1\n2,y\n3,z,0.5",
             "1 \"\" null\n2 \"y\" null\n3 \"z\" 0.5"},
        Case{"csv", "a:long, b:string", "1,\"a,b\"\n", "1 \"a,b\""},
        Case{"csv", "a:long, b:string", "1,\"a\nb\"\r\n2,c", "1 \"a\\nb\"\n2 \"c\""},
        Case{"csv", "a:long, b:string", "1,\"a\"\"b\"\"\"", "1 \"a\\\"b\\\"\""},
        Case{"csv", "a:long, b:string", "1,\"\"\n", "1 \"\""},
        Case{"csv", "a:long, b:string", "1,\"a\"rest\n", "1 \"arest\""},
        Case{"csv", "a:long, b:string", "1,a\"b\n2,\"c\"", "1 \"a\\\"b\"\n2 \"c\""},
        Case{"csv", "a:long, b:string", "1, \"a\"\n", "1 \" \\\"a\\\"\""},
        Case{"csv", "a:long, b:string", "\"1\",x\r\n\r\n\n2,y\n\n", "1 \"x\"\n2 \"y\""},
        Case{"csv", "a:string, b:string", ",\n,", "\"\" \"\"\n\"\" \"\""},
        Case{"csv", "a:string",
             "a\xFF"
             "b",
             "\"a\xEF\xBF\xBD"
             "b\""},
        Case{"csv", "a:long, b:int", "x,1.5\n99999999999,99999999999\n3.0,2e2",
             "null null\n99999999999 null\n3 200"},
        Case{"csv", "a:bool, b:datetime, c:timespan, d:guid, e:decimal",
             "true,2020-01-02,1.00:00:01,74be27de1e4e49d9b579fe0b331d3642,1.50\n"
             "1,2020-01-02T03:04:05.5+01:00,90s,x,x\nx,x,x,,",
             "true \"2020-01-02T00:00:00Z\" \"1.00:00:01\" "
             "\"74be27de-1e4e-49d9-b579-fe0b331d3642\" \"1.5\"\n"
             "true \"2020-01-02T02:04:05.5Z\" \"00:01:30\" null null\nnull null null null null"},
        Case{"csv", "a:dynamic",
             "\"{\"\"b\"\": 1, \"\"a\"\": [1.00, 2]}\"\nplain\n12\nnull\n\"\"\n\"[1\"\n",
             "{\"b\":1,\"a\":[1.00,2]}\n\"plain\"\n12\nnull\nnull\n\"[1\""},
        Case{"tsv", "a:long, b:string", "1\ta,b\n2\t\"c\td\"", "1 \"a,b\"\n2 \"c\\td\""},
        Case{"psv", "a:long, b:string", "1|x\n2|\"a|b\"", "1 \"x\"\n2 \"a|b\""},
        Case{"scsv", "a:long, b:string", "1;x,y", "1 \"x,y\""},
        Case{"sohsv", "a:long, b:string", "1\x01x\n2\x01y", "1 \"x\"\n2 \"y\""},
        Case{"tsve", "a:long, b:string", "1\ta\\tb\\nc\\\\\n2\t\\\td\n",
             "1 \"a\\tb\\nc\\\\\"\n2 \"\\td\""},
        Case{"tsve", "a:long, b:string", "1\t\"x\n2\ty\\\nz\r\n\n3\t",
             "1 \"\\\"x\"\n2 \"y\\nz\"\n3 \"\""},
        Case{"txt", "a:string, b:long", "x,y\n\n\"z\r\n", "\"x,y\" null\n\"\\\"z\" null"},
        Case{"raw", "a:string", "x\ny\n", "\"x\\ny\\n\""}));

TEST(Delimited, Errors) {
  EXPECT_EQ(parse_text("csv", "a:long", "").substr(0, 11), "no records:");
  EXPECT_EQ(parse_text("csv", "a:long", "\n\r\n").substr(0, 11), "no records:");
  EXPECT_EQ(parse_text("csv", "a:long, b:string", "1,x\n2,\"y\n3,z\n"),
            "missing quote: Invalid CSV format. Closing quote is missing: the quote is "
            "opened in record 2, at byte 6 of the input.");
  EXPECT_EQ(parse_text("csv", "a:string", "\"").substr(0, 14), "missing quote:");
  EXPECT_EQ(parse_text("csv", "a:string", "\"\"\"").substr(0, 14), "missing quote:");
  EXPECT_EQ(parse_text("csv", "a:string",
                       "\xFF\xFE"
                       "a")
                .substr(0, 20),
            "unexpected character");
  EXPECT_EQ(parse_text("raw", "a:string", "").substr(0, 11), "no records:");
  EXPECT_THROW(parse_format("avro"), Error);
}

TEST(Delimited, IgnoresTheFirstRecord) {
  EXPECT_EQ(parse_text("csv", "a:long", "\"a\nheader\"\n1\n2", {}, true), "1\n2");
  EXPECT_EQ(parse_text("csv", "a:long", "a", {}, true), "");
  EXPECT_EQ(parse_text("json", "a:long", "{\"a\":1}\n{\"a\":2}", {}, true), "2");
}

TEST(Delimited, LongFieldsOverManyBlocks) {
  std::string body, expected;
  for (size_t size = 0; size < 300; ++size) {
    std::string text(size, 'x');
    body += fmt::format("{},\"{}\"\",{}\"\n", size, text, text);
    if (size > 0) expected += '\n';
    expected += fmt::format("{} \"{}\\\",{}\"", size, text, text);
  }
  EXPECT_EQ(parse_text("csv", "a:long, b:string", body), expected);
}

TEST(CsvMapping, MapsByOrdinal) {
  constexpr auto kMapping = R"([
    {"Name":"b","DataType":"string","Ordinal":"1","ConstValue":null},
    {"column":"a","datatype":"long","Properties":{"Ordinal":3}},
    {"Column":"c","Properties":{"ConstValue":"2021-01-01T10:32:00"}},
    {"columnName":"d","properties":{"ordinal":"1"}},
    {"Column":"line","Properties":{"Transform":"SourceLineNumber"}},
    {"Column":"source","Properties":{"transform":"SourceLocation"}},
  ])";
  EXPECT_EQ(
      parse_text("csv",
                 "a:long, b:string, c:datetime, d:string, line:long, source:string, other:int",
                 "w,x,y,1\n0,\n", kMapping),
      "1 \"x\" \"2021-01-01T10:32:00Z\" \"x\" 1 \"blob\" -\n"
      "null \"\" \"2021-01-01T10:32:00Z\" \"\" 2 \"blob\" -");
}

struct InvalidMapping {
  const char* kind;
  const char* text;
  const char* part_of_message;
};

TEST(Mapping, InvalidOnesSayWhy) {
  const InvalidMapping cases[] = {
      {"json", "", "empty"},
      {"json", "{}", "no JSON array"},
      {"json", "[]", "no elements"},
      {"json", "[1]", "element 0 is no object"},
      {"json", R"([{"column":"a","path":"$.a"},{"path":"$"}])", "element 1 names no column"},
      {"json", R"([{"column":"a"}])", "element 0 (column 'a') has neither a path nor a constant"},
      {"json", R"([{"column":"a","path":"$.a[x]"}])", "path '$.a[x]'"},
      {"json", R"([{"column":"a","path":"$..a"}])", "a name is missing"},
      {"json", R"([{"column":"a","path":"$.*"}])", "wildcards"},
      {"json", R"([{"column":"a","path":"$.['a"}])", "does not end"},
      {"json", R"([{"column":"a","path":"$.a","transform":"Magic"}])", "'Magic'"},
      {"json", R"([{"column":"a","path":"$.a","ordinal":1}])", "ordinal"},
      {"json", R"([{"column":"a","path":"$.a"},{"column":"a","path":"$.b"}])", "mapped twice"},
      {"json", R"([{"column":"missing","path":"$.a"}])", "no column 'missing'"},
      {"json", R"([{"column":"a","path":"$.a","datatype":"string"}])",
       "has the type long, not string"},
      {"csv", R"([{"column":"a","ordinal":-1}])", "'-1'"},
      {"csv", R"([{"column":"a","ordinal":999999999}])", "too large"},
      {"csv", R"([{"column":"a","path":"$.a"}])", "path"},
      {"csv", R"([{"column":"a","Properties":{"Ordinal":0,"ConstValue":"x"}}])", "both"},
      {"csv",
       R"([{"column":"a","Properties":{"Ordinal":0,"Transform":"DateTimeFromUnixSeconds"}}])",
       "DateTimeFromUnixSeconds"},
      {"avro", "[]", "'avro'"},
  };
  catalog::Table table = make_table("a:long");
  for (const InvalidMapping& c : cases) {
    try {
      validate_mapping(c.kind, c.text, &table);
      ADD_FAILURE() << c.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidMapping);
      EXPECT_NE(error.message().find(c.part_of_message), std::string::npos) << error.message();
    }
  }
  EXPECT_NO_THROW(
      validate_mapping("json", R"([{"column":"new","path":"$.a","datatype":"int"}])", &table));
  EXPECT_NO_THROW(validate_mapping("json", R"([{"column":"x","path":"$.a"}])", nullptr));
  EXPECT_EQ(parse_text("csv", "a:long", "1", R"([{"column":"b","ordinal":0,"datatype":"int"}])")
                .substr(0, 20),
            "inconsistent mapping");
}

TEST(Json, IdentityByExactName) {
  EXPECT_EQ(
      parse_text("json", "a:long, b:string", "{\"b\":\"x\",\"a\":1}\n{\"A\":2}\r\n\n{\"a\":3}"),
      "1 \"x\"\nnull \"\"\n3 \"\"");
  EXPECT_EQ(parse_text("singlejson", "a:long", "{\n\"a\"\n:\n1}"), "1");
  EXPECT_EQ(parse_text("multijson", "a:long", " [ {\"a\":1} ,\n{\"a\":2}] {\"a\":3}{\"a\":4}\n"),
            "1\n2\n3\n4");
  EXPECT_EQ(parse_text("json", "a:long", "{\"a\":1,\"a\":2}\n{\"a\":1,\"a\":null}"), "2\nnull");
  EXPECT_EQ(parse_text("json", "a\xC3\xA9:long", "{\"a\\u00e9\":1}"), "1");
}

TEST(Json, Conversions) {
  struct {
    const char* type;
    const char* json;
    const char* expected;
  } const cases[] = {
      {"string", "\"a\\u00e9\\n\\\"\"", "\"a\xC3\xA9\\n\\\"\""},
      {"string", "1.50", "\"1.50\""},
      {"string", "true", "\"true\""},
      {"string", "null", "\"\""},
      {"string", "{ \"a\" : [ 1 ] }", "\"{\\\"a\\\":[1]}\""},
      {"bool", "true", "true"},
      {"bool", "0", "false"},
      {"bool", "\"TRUE\"", "true"},
      {"bool", "[]", "null"},
      {"int", "7", "7"},
      {"int", "7.0", "7"},
      {"int", "7.5", "null"},
      {"int", "\"7\"", "7"},
      {"int", "\"x\"", "null"},
      {"int", "true", "1"},
      {"int", "3000000000", "null"},
      {"long", "-9223372036854775808", "-9223372036854775808"},
      {"real", "1e400", "\"Infinity\""},
      {"real", "\"NaN\"", "\"NaN\""},
      {"real", "2", "2.0"},
      {"decimal", "0.1000000000000000055", "\"0.100000000000000006\""},
      {"datetime", "\"2020-01-01T00:00:00Z\"", "\"2020-01-01T00:00:00Z\""},
      {"datetime", "5", "null"},
      {"datetime", "true", "null"},
      {"timespan", "\"01:00:00\"", "\"01:00:00\""},
      {"guid", "\"74BE27DE-1E4E-49D9-B579-FE0B331D3642\"",
       "\"74be27de-1e4e-49d9-b579-fe0b331d3642\""},
      {"dynamic", "{\"z\": 1.0, \"a\": {\"b\": [ ]}}", "{\"z\":1.0,\"a\":{\"b\":[]}}"},
      {"dynamic", "\"text\"", "\"text\""},
      {"dynamic", "\"17\"", "\"17\""},
      {"dynamic", "\"{\\\"a\\\": 1}\"", "{\"a\":1}"},
      {"dynamic", "\"{no json\"", "\"{no json\""},
      {"dynamic", "1e5", "1e5"},
      {"dynamic", "false", "false"},
      {"dynamic", "null", "null"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(parse_text("json", std::string("a:") + c.type, std::string("{\"a\":") + c.json + "}"),
              c.expected)
        << c.type << " " << c.json;
  }
}

TEST(Json, MappingPaths) {
  constexpr auto kMapping = R"json([
    {"column":"a","path":"$.x.y"},
    {"column":"b","Properties":{"Path":"$['a b']['c.d']"}},
    {"Column":"c","Properties":{"path":"$.['it\'s']"}},
    {"column":"d","Properties":{"Path":"$.list[1].v"}},
    {"column":"e","Properties":{"Path":"$"}},
    {"column":"f","Properties":{"Path":"$.@timestamp","Transform":"None"}},
    {"column":"g","Properties":{"ConstValue":5}},
    {"column":"h","path":"constant"},
    {"column":"i","Properties":{"Path":"$.x"}},
    {"column":"j","Properties":{"Path":"$.x.y","Transform":"GetPathElement"}},
    {"column":"k","Properties":{"Path":"$.x.y","Transform":"GetPathElement(-1)"
}
},
    {"column":"l","Properties":{"Transform":"SourceLineNumber"}},
    {"column":"m","Properties":{"Path":"$.list[1]",},},
  ])json";
  EXPECT_EQ(
      parse_text(
          "json",
          "a:long, b:string, c:long, d:long, e:dynamic, f:datetime, g:int, h:string, i:dynamic, "
          "j:string, k:string, l:long, m:dynamic",
          "{\"x\":{\"y\": 1},\"a b\":{\"c.d\":\"q\"},\"it's\":3,\"list\":[{\"v\":4},{\"v\":5}],"
          "\"@timestamp\":\"2020-01-01\"}\n{ \"x\":{\"y\":2},\"list\":[]}",
          kMapping),
      "1 \"q\" 3 5 "
      "{\"x\":{\"y\":1},\"a "
      "b\":{\"c.d\":\"q\"},\"it's\":3,\"list\":[{\"v\":4},{\"v\":5}],\"@timestamp\":\"2020-01-01\"}"
      " "
      "\"2020-01-01T00:00:00Z\" 5 \"constant\" {\"y\":1} \"y\" \"x\" 1 {\"v\":5}\n"
      "2 \"\" null null {\"x\":{\"y\":2},\"list\":[]} null 5 \"constant\" {\"y\":2} \"y\" \"x\" 2 "
      "null");
}

TEST(Json, Transforms) {
  struct {
    const char* type;
    const char* transform;
    const char* json;
    const char* expected;
  } const cases[] = {
      {"datetime", "DateTimeFromUnixSeconds", "1546300800", "\"2019-01-01T00:00:00Z\""},
      {"datetime", "DateTimeFromUnixSeconds", "1546300800.25", "\"2019-01-01T00:00:00.25Z\""},
      {"datetime", "DateTimeFromUnixSeconds", "\"1546300800\"", "\"2019-01-01T00:00:00Z\""},
      {"datetime", "datetimefromunixmilliseconds", "1546300800001", "\"2019-01-01T00:00:00.001Z\""},
      {"datetime", "DateTimeFromUnixMicroseconds", "1546300800000001",
       "\"2019-01-01T00:00:00.000001Z\""},
      {"datetime", "DateTimeFromUnixNanoseconds", "1546300800000000199",
       "\"2019-01-01T00:00:00.0000001Z\""},
      {"datetime", "DateTimeFromUnixNanoseconds", "-1", "\"1969-12-31T23:59:59.9999999Z\""},
      {"datetime", "DateTimeFromUnixSeconds", "1e300", "null"},
      {"datetime", "DateTimeFromUnixSeconds", "{}", "null"},
      {"string", "DateTimeFromUnixSeconds", "0", "\"1970-01-01T00:00:00.0000000Z\""},
      {"dynamic", "PropertyBagArrayToDictionary",
       "[{\"n1\":\"v1\"}, {\"n2\" : [1, 2]},{\"n1\":3},4]", "{\"n1\":3,\"n2\":[1,2]}"},
      {"dynamic", "PropertyBagArrayToDictionary", "[]", "{}"},
      {"dynamic", "PropertyBagArrayToDictionary", "{}", "null"},
      {"string", "BytesAsBase64", "[227,131,34,92,28,91,65,72,134,138,9,133,51,45,104,52]",
       "\"44MiXBxbQUiGigmFMy1oNA==\""},
      {"string", "BytesAsBase64", "[1,256]", "\"\""},
      {"dynamic", "BytesAsBase64", "[0]", "\"AA==\""},
  };
  for (const auto& c : cases) {
    std::string mapping =
        std::string(R"([{"column":"a","Properties":{"Path":"$.x","Transform":")") + c.transform +
        "\"}}]";
    EXPECT_EQ(parse_text("json", std::string("a:") + c.type, std::string("{\"x\":") + c.json + "}",
                         mapping),
              c.expected)
        << c.transform << " " << c.json;
  }
}

TEST(Json, DropMappedFields) {
  constexpr auto kMapping = R"([
    { "Column": "Time", "Properties": { "Path": "$.Time" } },
    { "Column": "EventName", "Properties": { "Path": "$.Props.EventName" } },
    { "Column": "Props", "Properties": { "Path": "$.Props", "Transform":"DropMappedFields" } },
    { "Column": "Rest", "Properties": { "Path": "$", "Transform":"DropMappedFields" } },
  ])";
  EXPECT_EQ(parse_text("multijson", "Time:datetime, EventName:string, Props:dynamic, Rest:dynamic",
                       R"({ "Time": "2012-01-15T10:45", "Props": { "EventName": "CustomEvent",
                            "Revenue": 0.456 }, "x" : [ 1 ] })",
                       kMapping),
            "\"2012-01-15T10:45:00Z\" \"CustomEvent\" {\"Revenue\":0.456} {\"x\":[1]}");
}

// A name that comes twice in an object has one value, whoever asks for it: the last.
TEST(Json, RepeatedNames) {
  constexpr auto kMapping = R"([
    {"column":"k","path":"$.o.k"}, {"column":"first","path":"$.l[0].v"}, {"column":"o","path":"$.o"},
    {"column":"text","path":"$.o2"}, {"column":"all","path":"$"},
    {"column":"rest","Properties":{"Path":"$","Transform":"DropMappedFields"}},
    {"column":"bag","Properties":{"Path":"$.bags","Transform":"PropertyBagArrayToDictionary"}}
  ])";
  constexpr auto kColumns =
      "k:long, first:long, o:dynamic, text:string, all:dynamic, rest:dynamic, bag:dynamic";
  auto parse_with = [&](std::string_view record) {
    return parse_text("json", kColumns, record, kMapping);
  };
  EXPECT_EQ(parse_with(R"({"o":{"k":1,"k":2}})"), R"(2 null {"k":2} "" {"o":{"k":2}} {} null)");
  // What the first one gave is undone, in what is below it too.
  EXPECT_EQ(parse_with(R"({"o":{"k":1},"o":{"x":2}})"),
            R"(null null {"x":2} "" {"o":{"x":2}} {} null)");
  EXPECT_EQ(parse_with(R"({"l":[{"v":1}],"x":1,"l":[],"x":2})"),
            R"(null null null "" {"l":[],"x":2} {"l":[],"x":2} null)");
  EXPECT_EQ(parse_with(R"({"l":[{"v":1}],"l":[{"v":2,"v":3}]})"),
            R"(null 3 null "" {"l":[{"v":3}]} {"l":[{"v":3}]} null)");
  EXPECT_EQ(
      parse_with(R"({"o2":{"a":[1,{"b":1,"b":2}]},"\u006f":{"\u006b":5}})"),
      R"(5 null {"k":5} "{\"a\":[1,{\"b\":2}]}" {"o2":{"a":[1,{"b":2}]},"o":{"k":5}} {} null)");
  EXPECT_EQ(parse_with(R"({"bags":[{"n":1},{"m":{"a":1,"a":2}},{"n":3}]})"),
            R"(null null null "" {"bags":[{"n":1},{"m":{"a":2}},{"n":3}]} {} {"n":3,"m":{"a":2}})");
  // The next record begins anew.
  EXPECT_EQ(
      parse_text("multijson", "a:long, b:dynamic", R"([{"a":1,"a":2},{"b":{"a":1}},{"a":3}])"),
      "2 null\nnull {\"a\":1}\n3 null");
  // As in the fields of other formats.
  EXPECT_EQ(parse_text("csv", "d:dynamic", R"("{""k"":1,""k"":2}")"), R"({"k":2})");
  EXPECT_EQ(parse_text("json", "d:dynamic", R"({"d":"{\"k\":1,\"k\":2}"})"), R"({"k":2})");
}

TEST(Json, NestingHasALimit) {
  auto nested = [](int depth) {
    return "{\"d\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  for (const char* format : {"json", "multijson"}) {
    for (const char* columns : {"d:dynamic", "other:long"}) {
      EXPECT_EQ(parse_text(format, columns, nested(kMaxJsonDepth)).find("BadRequest"),
                std::string::npos);
      for (int depth : {kMaxJsonDepth + 1, 1'000'000}) {
        EXPECT_NE(parse_text(format, columns, nested(depth)).find("the nesting is too deep"),
                  std::string::npos);
      }
    }
  }
  EXPECT_EQ(
      parse_text("json", "d:dynamic", nested(kMaxJsonDepth), R"([{"column":"d","path":"$"}])"),
      nested(kMaxJsonDepth));
  // A field of another format that is no JSON is a string.
  std::string deep(100'000, '[');
  EXPECT_EQ(parse_text("csv", "d:dynamic", deep), '"' + deep + '"');
  EXPECT_NE(parse_text("json", "d:dynamic", "{}", deep).find("invalid mapping: "),
            std::string::npos);
}

// Work grows with what is sent: none of these compares each with each.
TEST(Json, ManyNamesAndElements) {
  constexpr int kCount = 50'000;
  std::string bags = "[", dictionary = "{", unknown = "{", mapping = "[";
  for (int i = 0; i < kCount; ++i) {
    std::string comma = i == 0 ? "" : ",";
    bags += fmt::format("{}{{\"n{}\":{}}}", comma, i, i);
    dictionary += fmt::format("{}\"n{}\":{}", comma, i, i);
    unknown += fmt::format("{}\"u{}\":{}", comma, i, i);
    mapping += fmt::format(R"({}{{"column":"c{}","datatype":"long","path":"$.l[{}]"}})", comma, i,
                           kCount - i);
  }
  EXPECT_EQ(
      parse_text(
          "json", "a:dynamic", "{\"a\":" + bags + "]}",
          R"([{"column":"a","Properties":{"Path":"$.a","Transform":"PropertyBagArrayToDictionary"}}])"),
      dictionary + "}");
  EXPECT_EQ(parse_mapping("json", mapping + "]").size(), size_t{kCount});
  std::string columns = "a0:long";
  for (int i = 1; i < 1000; ++i) columns += fmt::format(", a{}:long", i);
  EXPECT_EQ(parse_text("json", columns, unknown + "}").substr(0, 14), "null null null");
}

TEST(Json, ErrorsNameRecordAndByte) {
  struct {
    const char* format;
    const char* body;
    const char* part_of_message;
  } const cases[] = {
      {"json", "{\"a\":1}\n{\"a\":}\n", "record 2, at byte 13 of the input: a value was expected"},
      {"json", "{\"a\":1} {\"a\":2}", "a line must hold one record only"},
      {"json", "{\"a\":1", "'}' was expected"},
      {"json", "[{\"a\":1}]", "must be an object"},
      {"json", "{\"b\":01}", "number is not valid"},
      {"json", "{\"b\":\"\\x\"}", "escape"},
      {"json", "{\"b\":\"\t\"}", "control character"},
      {"json", "{b:1}", "property name in double quotes"},
      {"json", "{\"a\":\"x}", "string does not end"},
      {"multijson", "[{\"a\":1},]", "must be an object"},
      {"multijson", "[{\"a\":1}", "']' was expected"},
      {"multijson", "5", "must be an object"},
  };
  for (const auto& c : cases) {
    std::string message = parse_text(c.format, "a:long", c.body);
    EXPECT_EQ(message.substr(0, 21), "unexpected character:");
    EXPECT_NE(message.find(c.part_of_message), std::string::npos) << message;
  }
  EXPECT_EQ(parse_text("multijson", "a:long", " [ ] ").substr(0, 11), "no records:");
}

TEST(Parse, TellsWhatTheRowsTake) {
  std::string columns = "c0:string";
  for (int i = 1; i < 100; ++i) columns += fmt::format(", c{}:string", i);
  catalog::Table table = make_table(columns);
  for (auto [format, record] : {std::pair("csv", "x\n"), {"tsve", "x\n"}, {"json", "{}\n"}}) {
    std::string body;
    for (int i = 0; i < 10'000; ++i) body += record;
    size_t most = 0;
    ParseOptions options;
    options.format = parse_format(format);
    options.watch_memory = [&](size_t bytes) {
      most = std::max(most, bytes);
      if (bytes > 4'000'000) throw throttled("too much");
    };
    EXPECT_THROW(parse(body, table, options), Error) << format;
    EXPECT_LT(most, 10'000'000u) << format;
  }
}

}  // namespace
}  // namespace rivulet::ingest
