#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rivulet {

// Objects and arrays inside each other. What nests deeper is no JSON, wherever it comes from, so that whoever walks
// over a value may recurse.
constexpr int kMaxJsonDepth = 512;

// Where and why a text is no JSON: `why` reads like "a string does not end".
struct JsonFault {
  std::string_view why;
  size_t offset = 0;  // in bytes
};

// One JSON value of the input, by the place of its text. Everything inside it has been checked.
struct JsonValue {
  enum class Kind { kNull, kBool, kNumber, kString, kObject, kArray };
  Kind kind = Kind::kNull;
  // The text of the value; of a string, without its quotes.
  std::string_view text;
  // False for a string with a backslash in it, and for an object or array with blanks between its tokens, with
  // escapes in a name, or perhaps with a name that an object has twice: append_json_value makes of it what is kept.
  bool is_plain = true;
};

// Tells whether one of the names that it is given comes twice. By a hash of 64 bits: it may say so, very rarely,
// though all are different.
class JsonNames {
 public:
  // A name as the text stands, with its escapes undone.
  void add(std::string_view name);
  bool may_repeat();

 private:
  static constexpr size_t kFew = 16;
  size_t few_ = 0;
  uint64_t seen_bits_ = 0;  // of hashes, so that most names need not be compared
  bool repeats_ = false;
  std::array<uint64_t, kFew> first_;  // the first few_
  std::vector<uint64_t> more_;
};

// Reads JSON from a text, one token or value at a time, and checks all that it passes: everything that comes from a
// client or from a file is read by it. It copies nothing and builds nothing: ingestion needs a few values of each
// record, and the text of the rest as it stands. At the first fault it stops: it is then at the end of the text, what
// it returns from there on is empty, and fault() tells. Not thread-safe.
class JsonReader {
 public:
  enum class Strings {
    kStrict,
    kWithLineBreaks,  // line breaks and tabs may stand in a string as they are
  };
  explicit JsonReader(std::string_view text, Strings strings = Strings::kStrict)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), strings_(strings) {}

  // Skips blanks; true at the end of the text.
  bool at_end();
  // Skips blanks; the next character, or 0 at the end.
  char peek();
  // Skips blanks, and the character if it is next.
  bool take(char c);
  // A fault where it is not next.
  void expect(char c);
  const char* position() const { return at_; }

  // The next value, passed over as a whole.
  JsonValue value();
  // The same for a value that nobody wants: only checked.
  void skip();
  // The name of a property (without quotes, still escaped unless `is_plain`) and the colon after it.
  std::string_view property_name(bool& is_plain);
  // The start of an object or array of which the caller reads the parts: counts its depth.
  void enter(char open);
  void leave() { --depth_; }
  // Whether something was passed that makes a value not plain, since it was last set to false.
  bool is_altered() const { return is_altered_; }
  void set_altered(bool altered) { is_altered_ = altered; }

  void fail(std::string_view why);
  const std::optional<JsonFault>& fault() const { return fault_; }

 private:
  void skip_blanks();
  template <bool kWatchNames>
  void skip_value();
  template <bool kWatchNames>
  void skip_object();
  template <bool kWatchNames>
  void skip_array();
  // From the opening quote to after the closing one; the text between them.
  std::string_view string(bool& is_plain);
  bool escape();
  void number();
  void word(std::string_view expected);

  const char* begin_;
  const char* at_;
  const char* end_;
  Strings strings_;
  int depth_ = 0;
  bool is_altered_ = false;
  std::string name_scratch_;
  std::optional<JsonFault> fault_;
};

}  // namespace rivulet
