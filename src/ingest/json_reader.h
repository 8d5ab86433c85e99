#pragma once

#include <cstddef>
#include <string_view>

namespace rivulet::ingest {

// One JSON value of the input, by the place of its text. Everything inside it has been checked.
struct JsonValue {
  enum class Kind { kNull, kBool, kNumber, kString, kObject, kArray };
  Kind kind = Kind::kNull;
  // The text of the value; of a string, without its quotes.
  std::string_view text;
  // A string with a backslash in it; an object or array with blanks between its tokens.
  bool is_plain = true;
};

// Reads JSON from a text, one token or value at a time, and checks all that it passes. It copies nothing
// and builds nothing: ingestion needs a few values of each record, and the text of the rest as it stands.
// Any fault throws an Error that names its place. Not thread-safe.
class JsonReader {
 public:
  // `origin` is the offset of `text` in the whole input, for messages.
  explicit JsonReader(std::string_view text, size_t origin = 0)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), origin_(origin) {}

  // Skips blanks; true at the end of the text.
  bool at_end();
  // Skips blanks; the next character, or 0 at the end.
  char peek();
  // Skips blanks, and the character if it is next.
  bool take(char c);
  void expect(char c);
  const char* position() const { return at_; }

  // The next value, passed over as a whole.
  JsonValue value();
  // The name of a property (without quotes, still escaped unless `is_plain`) and the colon after it.
  std::string_view property_name(bool& is_plain);
  // The start of an object or array of which the caller reads the parts: counts its depth.
  void enter(char open);
  void leave() { --depth_; }
  // Whether blanks were passed since it was last set to false.
  bool passed_blanks() const { return passed_blanks_; }
  void set_passed_blanks(bool passed) { passed_blanks_ = passed; }

  void set_record(size_t number) { record_ = number; }
  [[noreturn]] void fail(std::string_view why) const;

 private:
  static constexpr int kMaxDepth = 512;

  void skip_blanks();
  void skip_value();
  void skip_container(char close, bool has_names);
  // From the opening quote to after the closing one; the text between them.
  std::string_view string(bool& is_plain);
  void escape();
  void number();
  void word(std::string_view expected);

  const char* begin_;
  const char* at_;
  const char* end_;
  size_t origin_;
  size_t record_ = 0;
  int depth_ = 0;
  bool passed_blanks_ = false;
};

}  // namespace rivulet::ingest
