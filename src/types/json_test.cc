#include "types/json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "types/text.h"

namespace rivulet {
namespace {

std::string read(std::string_view text, JsonSpelling spelling = JsonSpelling::kAsWritten) {
  std::string out = ">";
  auto fault = read_json(out, text, spelling);
  EXPECT_TRUE(!fault || out == ">") << "nothing is appended where it is no JSON";
  return fault ? std::string(fault->why) + " at " + std::to_string(fault->offset) : out.substr(1);
}

std::string nested(int depth, std::string_view open, std::string_view inside,
                   std::string_view close) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += open;
  text += inside;
  for (int i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(Json, FaultsAreTold) {
  EXPECT_EQ(read(""), "the input ends too early at 0");
  EXPECT_EQ(read("[1,]"), "a value was expected at 3");
  EXPECT_EQ(read("{\"a\" 1}"), "':' was expected at 5");
  EXPECT_EQ(read("{a:1}"), "a property name in double quotes was expected at 1");
  EXPECT_EQ(read("[1}"), "']' was expected at 2");
  EXPECT_EQ(read("{\"a\":1]"), "'}' was expected at 6");
  EXPECT_EQ(read("\"a"), "a string does not end at 2");
  EXPECT_EQ(read("\"a\nb\""), "a control character stands in a string at 2");
  EXPECT_EQ(read("\"\\x\""), "an escape in a string is not valid at 1");
  EXPECT_EQ(read("01"), "a number is not valid at 2");
  EXPECT_EQ(read("1 2"), "only one value was expected at 2");
  EXPECT_EQ(read("[\"\xff\",]"), "a value was expected at 7");  // of the text as it is read: U+FFFD
}

// One limit for arrays and objects alike, and no text that ends the process.
TEST(Json, NestingHasALimit) {
  for (auto [open, close] :
       {std::pair("[", "]"), std::pair("{\"a\":", "}"), std::pair("[{\"a\":", "}]")}) {
    int per_level = std::string_view(open).starts_with("[{") ? 2 : 1;
    std::string deepest = nested(kMaxJsonDepth / per_level, open, "0", close);
    EXPECT_EQ(read(deepest), deepest);
    EXPECT_EQ(read(deepest, JsonSpelling::kNormalized), deepest);
    for (int depth : {kMaxJsonDepth / per_level + 1, 1'000'000}) {
      for (bool ends : {false, true}) {
        std::string text = nested(depth, open, "0", ends ? close : "");
        std::string fault = read(text);
        EXPECT_EQ(fault.substr(0, 23), "the nesting is too deep") << open;
        EXPECT_EQ(read(text, JsonSpelling::kNormalized), fault);
        EXPECT_EQ(read(standard_json(text)), fault);
      }
    }
  }
  // Beside each other there may be any number.
  std::string many = "[";
  for (int i = 0; i < 2000; ++i) many += "[[]],{\"a\":{}},";
  EXPECT_EQ(read(many + "1]"), many + "1]");
}

TEST(Json, OfANameThatComesTwiceTheLastValueIsLeft) {
  for (JsonSpelling spelling : {JsonSpelling::kAsWritten, JsonSpelling::kNormalized}) {
    auto text = [&](std::string_view json) { return read(json, spelling); };
    EXPECT_EQ(text(R"({"k":1,"k":2})"), R"({"k":2})");
    EXPECT_EQ(text(R"( { "k" : 1 , "a" : 0 , "k" : 2 } )"), R"({"k":2,"a":0})");
    EXPECT_EQ(text(R"({"k":1,"k":2,"a":0,"k":3,"a":1})"), R"({"k":3,"a":1})");
    // Whatever escapes spell it.
    EXPECT_EQ(text(R"({"k":1,"\u006b":2})"), R"({"k":2})");
    EXPECT_EQ(text(R"({"\u006B":1,"k":2,"\u000a":3,"\n":4})"), R"({"k":2,"\n":4})");
    EXPECT_EQ(text(R"({"\/":1})"), R"({"/":1})");
    // At every depth, in what is dropped too.
    EXPECT_EQ(text(R"([{"o":{"a":1,"a":2},"o":{"b":3,"b":{"c":4,"c":5}}}])"),
              R"([{"o":{"b":{"c":5}}}])");
    EXPECT_EQ(text(R"({"a":{"x":1,"x":2},"b":[{"y":1,"y":2}],"a":{"z":1,"z":2}})"),
              R"({"a":{"z":2},"b":[{"y":2}]})");
    // The same name in different objects is no repeat, nor one that only looks like it.
    EXPECT_EQ(text(R"([{"a":1},{"a":2},{"a":{"a":3}},{"A":4,"a":5,"a ":6}])"),
              R"([{"a":1},{"a":2},{"a":{"a":3}},{"A":4,"a":5,"a ":6}])");
  }
  // Values keep their spelling where they are wanted as written.
  EXPECT_EQ(read(R"({"k":1,"k":[1.50,"\u0041"]})"), R"({"k":[1.50,"\u0041"]})");
  EXPECT_EQ(read(R"({"k":1,"k":[1.50,"\u0041"]})", JsonSpelling::kNormalized),
            R"({"k":[1.5,"A"]})");
}

// What repeats at every level is copied once, not once for each level.
TEST(Json, RepeatsInsideRepeats) {
  std::string inside(1 << 16, 'x');
  std::string json = '"' + inside + '"', expected = json;
  for (int i = 1; i < kMaxJsonDepth; ++i) {
    json = R"({"a":[1],"b":2,"a":)" + json + R"(,"b":3})";
    expected = R"({"a":)" + expected + R"(,"b":3})";
  }
  EXPECT_TRUE(read(json) == expected);  // too long to show
}

// Names of all lengths, few and many, against a plain account of what must be left.
TEST(Json, RepeatedNamesAtRandom) {
  std::mt19937 random(17);
  for (int round = 0; round < 2000; ++round) {
    size_t count = random() % 60;
    size_t different = 1 + random() % 80;
    std::string json = "{";
    std::vector<std::pair<std::string, int>> members;
    for (size_t i = 0; i < count; ++i) {
      size_t which = random() % different;
      std::string name(which % 21, static_cast<char>('a' + which % 26));
      name += std::to_string(which);
      if (i > 0) json += ',';
      json += '"' + name + "\":" + std::to_string(i);
      auto known = std::ranges::find(members, name, &std::pair<std::string, int>::first);
      if (known == members.end()) known = members.insert(known, {name, 0});
      known->second = static_cast<int>(i);
    }
    json += '}';
    std::string expected = "{";
    for (const auto& [name, value] : members) {
      if (expected.size() > 1) expected += ',';
      expected += '"' + name + "\":" + std::to_string(value);
    }
    expected += '}';
    ASSERT_EQ(read(json), expected);
    ASSERT_EQ(read(json, JsonSpelling::kNormalized), expected);
  }
}

TEST(Json, Normalized) {
  auto text = [](std::string_view json) { return read(json, JsonSpelling::kNormalized); };
  EXPECT_EQ(text(" [ 1.00 , 2e5 , -7, 9223372036854775807, 9223372036854775808, true, null ] "),
            "[1.0,200000.0,-7,9223372036854775807,9.223372036854776E+18,true,null]");
  EXPECT_EQ(text("\"a\\u0041\\/\nb\t\""), R"("aA/\nb\t")");
  EXPECT_EQ(text("1e999"), "\"Infinity\"");
  EXPECT_EQ(text("\"\x01\""), "a control character stands in a string at 1");
}

TEST(Json, StandardFromWhatDotNetReads) {
  auto text = [](std::string_view json) { return read(standard_json(json)); };
  EXPECT_EQ(text("[1, 2, ] // the end"), "[1,2]");
  EXPECT_EQ(text("/* a */ {\"a\": 'b'}"), "{\"a\":\"b\"}");
  EXPECT_EQ(text(R"({'a"b': 'it\'s', "c": "'", 'd': ',]', 'e\"': ''})"),
            R"({"a\"b":"it's","c":"'","d":",]","e\"":""})");
  EXPECT_EQ(text("['a]").substr(0, 12), "a string doe");
  EXPECT_EQ(text("/* a */ {\"a\": /*,*/ 1,\n}\n"), "{\"a\":1}");
  EXPECT_EQ(text(R"(["it\'s", "a\\", "//", "/*", "\"", ",]"])"),
            R"(["it's","a\\","//","/*","\"",",]"])");
  for (const char* json :
       {"[,]", "{,}", "[1,,]", "{\"a\":,}", "[1 /* ]", ",", "1,", "[\"a]", "["}) {
    std::string out;
    EXPECT_TRUE(read_json(out, standard_json(json))) << json;
  }
  EXPECT_EQ(text("[1]//"), "[1]");
  // Many commas, or beginnings of comments, take no longer than anything else.
  EXPECT_EQ(text(std::string(1 << 20, ',')), "a value was expected at 0");
  EXPECT_EQ(text('[' + std::string(1 << 20, '/')), "the input ends too early at 1048577");
}

TEST(Json, ValuesInPlace) {
  std::string_view object = R"({"a":1,"b\"":[true,"x\\",null,{"c":2.5}],"d":"e"})";
  EXPECT_EQ(json_member(object, "a"), "1");
  EXPECT_EQ(json_member(object, "b\""), R"([true,"x\\",null,{"c":2.5}])");
  EXPECT_EQ(json_member(object, "c"), "");
  EXPECT_EQ(json_element(json_member(object, "b\""), 1), R"("x\\")");
  EXPECT_EQ(json_element(json_member(object, "b\""), -1), R"({"c":2.5})");
  EXPECT_EQ(json_text(json_member(object, "d")), "e");
  EXPECT_EQ(json_text("null"), "");
  EXPECT_EQ(json_kind(""), JsonKind::kNull);
  EXPECT_TRUE(is_json_number("2.5") && is_json_number("-1") && !is_json_number("\"1\""));
  EXPECT_EQ(json_strings(R"(["a","b\n"])"), (std::vector<std::string>{"a", "b\n"}));
  EXPECT_EQ(json_strings("[]"), std::vector<std::string>());
  EXPECT_FALSE(json_strings(R"(["a",1])"));
  EXPECT_FALSE(json_strings(R"({"a":1})"));
  EXPECT_FALSE(read_json("[1"));
  EXPECT_EQ(read_json("[ 1 ]"), "[1]");
}

}  // namespace
}  // namespace rivulet
