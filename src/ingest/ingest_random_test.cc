// Inputs that no one would write by hand: nothing may crash, and where there is a second opinion it must
// be the same.
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "common/error.h"
#include "common/testing/error_text.h"
#include "ingest/ingest.h"
#include "types/text.h"

namespace rivulet::ingest {
namespace {

catalog::Table every_type() {
  catalog::Table table;
  table.id = 1;
  for (int i = 1; i <= 10; ++i) {
    auto type = static_cast<ScalarType>(i);
    table.columns.edit().push_back(
        {static_cast<uint32_t>(i), std::string(1, static_cast<char>('a' + i - 1)), type, ""});
  }
  return table;
}

// Text of pieces that mean something to the parsers.
std::string random_text(std::mt19937& random, size_t pieces) {
  static const char* const kPieces[] = {",",
                                        "\n",
                                        "\"",
                                        "\"\"",
                                        "\\",
                                        "\t",
                                        "|",
                                        ";",
                                        "\r\n",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        ":",
                                        "{\"a\":1}",
                                        "\"a\":",
                                        "\"c\":",
                                        "\"j\":",
                                        "null",
                                        "true",
                                        "-1",
                                        "0.5",
                                        "1e9",
                                        "2020-01-01",
                                        "01:00:00",
                                        "x",
                                        "\xC3\xA9",
                                        "\xFF",
                                        "\xE2\x82",
                                        "\\u0041",
                                        "\\ud800",
                                        " ",
                                        "a long text that does not fit into a cell",
                                        "74be27de1e4e49d9b579fe0b331d3642"};
  std::string text;
  for (size_t i = 0; i < pieces; ++i) text += kPieces[random() % std::size(kPieces)];
  return text;
}

TEST(RandomInput, NeverCrashes) {
  std::mt19937 random(42);
  catalog::Table table = every_type();
  constexpr auto kJsonMapping = R"([
    {"column":"a","path":"$.a"},{"column":"c","path":"$.a[0]"},{"column":"i","path":"$"},
    {"column":"j","Properties":{"path":"$.j","transform":"DropMappedFields"}},
    {"column":"f","Properties":{"path":"$.c","transform":"DateTimeFromUnixSeconds"}},
    {"column":"d","path":"$.j.a"}])";
  int accepted = 0;
  for (int i = 0; i < 40'000; ++i) {
    ParseOptions options;
    options.format = static_cast<Format>(i % 10);
    bool is_json = mapping_kind(options.format) == "json";
    std::string body = random_text(random, random() % 24);
    if (is_json && random() % 2 == 0) body.insert(0, "{\"a\":").append("}");
    if (is_json && random() % 2 == 0) options.mapping_text = kJsonMapping;
    options.ignore_first_record = random() % 4 == 0;
    try {
      store::Append append = parse(body, table, options);
      ++accepted;
      std::string out;
      for (size_t c = 0; c < append.rows->column_count(); ++c) {
        const Column& column = append.rows->column(c);
        ASSERT_EQ(column.size(), append.rows->row_count()) << body;
        for (size_t row = 0; row < column.size(); ++row) {
          out.clear();
          append_cell_json(out, column.view(), row);
          ASSERT_TRUE(is_valid_utf8(out)) << body;
          std::string compact;
          ASSERT_TRUE(append_compact_json(compact, out)) << body << " gave " << out;
          ASSERT_EQ(compact, out) << body;
        }
      }
    } catch (const Error&) {
    }
  }
  EXPECT_GT(accepted, 1'000);
}

// Rows as text, a line each.
std::vector<std::string> lines(const store::Append& append) {
  std::vector<std::string> out(append.rows->row_count());
  for (size_t c = 0; c < append.rows->column_count(); ++c) {
    const Column& column = append.rows->column(c);
    EXPECT_EQ(column.size(), out.size());
    for (size_t row = 0; row < out.size(); ++row) {
      append_cell_json(out[row], column.view(), row);
      out[row] += column.view().is_null(row) ? "?;" : ";";
    }
  }
  return out;
}

// Bodies that are parsed into one batch give what each gives alone, and those that are refused nothing.
TEST(RandomInput, ABatchOfBodiesIsEachOfThem) {
  std::mt19937 random(45);
  catalog::Table table = every_type();
  constexpr auto kJsonMapping = R"([
    {"column":"b","ConstValue":"17"},{"column":"a","path":"$.a"},{"column":"c","path":"$.a[0]"},
    {"column":"h","transform":"SourceLocation"},{"column":"d","transform":"SourceLineNumber"},
    {"column":"j","Properties":{"path":"$.j","transform":"DropMappedFields"}}])";
  constexpr auto kCsvMapping = R"([
    {"column":"c","transform":"SourceLineNumber"},{"column":"a","Ordinal":2},{"column":"i","Ordinal":0},
    {"column":"h","ConstValue":"a text that does not fit into a cell"},{"column":"j","Ordinal":0}])";
  size_t accepted = 0, refused = 0;
  for (int round = 0; round < 2'000; ++round) {
    ParseOptions options;
    options.format = static_cast<Format>(round % 10);
    options.source_location = "somewhere far away";
    options.ignore_first_record = random() % 4 == 0;
    bool is_json = mapping_kind(options.format) == "json";
    std::string_view mapping_text = is_json ? kJsonMapping : kCsvMapping;
    if (random() % 2 == 0) mapping_text = "";
    auto mapping = compile_mapping(options.format, mapping_text, table);
    BatchParser parser(*mapping, options);
    std::vector<std::string> expected;
    for (unsigned bodies = random() % 40; bodies > 0; --bodies) {
      std::string body = random_text(random, random() % (is_json ? 4 : 24));
      if (is_json) body.insert(0, "{\"a\":[1,").append(random() % 4 == 0 ? "" : "2]}{\"c\":7}");
      if (is_json && random() % 2 == 0) body = "{\"j\":{\"x\":" + body + "},\"d\":\"7\"}\n{}";
      if (random() % 16 == 0) body.insert(0, random() % 4 == 0 ? "\xFF\xFE" : "\xEF\xBB\xBF");
      std::string error, expected_error;
      std::vector<std::string> rows;
      try {
        rows = lines(parse(body, *mapping, options));
      } catch (const Error& refusal) {
        expected_error = error_text(refusal);
      }
      try {
        ASSERT_EQ(parser.add(body), rows.size());
        if (random() % 8 == 0) {
          parser.undo();
          rows.clear();
        }
      } catch (const Error& refusal) {
        error = error_text(refusal);
      }
      ASSERT_EQ(error, expected_error) << body;
      ++(error.empty() ? accepted : refused);
      expected.insert(expected.end(), rows.begin(), rows.end());
      ASSERT_EQ(parser.row_count(), expected.size());
    }
    ASSERT_EQ(lines(parser.finish()), expected) << round;
  }
  EXPECT_GT(accepted, 5'000u);
  EXPECT_GT(refused, 5'000u);
}

// What one parser takes for a JSON record, the other does too.
TEST(RandomInput, JsonAgreesWithSimdjson) {
  std::mt19937 random(43);
  catalog::Table table = every_type();
  ParseOptions options;
  options.format = Format::kMultiJson;
  simdjson::dom::parser parser;
  static const char* const kValues[] = {
      "1",    "-0",   "0.5e-3", "1e5",     "\"x\"",  "\"\\u00e9\\n\"",
      "null", "true", "[]",     "{}",      "[1, 2]", "{\"b\": [ {} ]}",
      "01",   "1.",   "tru",    "\"",      "[1,]",   "{\"a\"}",
      "+1",   "--1",  "1e",     "\"\\q\"", "{,}",    "[[[]]"};
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string json = "{";
    for (unsigned n = random() % 4; n > 0; --n) {
      json +=
          std::string(random() % 2, ' ') + "\"" + static_cast<char>('a' + random() % 12) + "\":";
      json += kValues[random() % std::size(kValues)];
      if (n > 1 || random() % 20 == 0) json += ",";
    }
    json += random() % 30 == 0 ? "" : "}";
    bool is_valid = true;
    try {
      parse(json, table, options);
      ++accepted;
    } catch (const Error&) {
      is_valid = false;
    }
    bool expected = parser.parse(json).error() == simdjson::SUCCESS;
    ASSERT_EQ(is_valid, expected) << json;
  }
  EXPECT_GT(accepted, 1'000);
}

// Any text written as CSV reads back as itself.
TEST(RandomInput, CsvRoundTrips) {
  std::mt19937 random(44);
  catalog::Table table;
  table.columns = {{1, "a", ScalarType::kString, ""}, {2, "b", ScalarType::kString, ""}};
  for (int i = 0; i < 2'000; ++i) {
    std::string body;
    std::vector<std::string> texts;
    for (unsigned row = 1 + random() % 5; row > 0; --row) {
      for (int c = 0; c < 2; ++c) {
        std::string text;
        append_valid_utf8(text, random_text(random, random() % 8));
        body += c == 0 ? "" : ",";
        append_csv_field(body, text);
        texts.push_back(std::move(text));
      }
      body += random() % 2 == 0 ? "\n" : "\r\n";
    }
    if (random() % 3 == 0) {
      body.pop_back();
      if (body.back() == '\r') body.pop_back();
    }
    store::Append append = parse(body, table, {});
    ASSERT_EQ(append.rows->row_count() * 2, texts.size()) << body;
    for (size_t t = 0; t < texts.size(); ++t) {
      ASSERT_EQ(append.rows->column(t % 2).view().text(t / 2), texts[t]) << body;
    }
  }
}

}  // namespace
}  // namespace rivulet::ingest
