#pragma once

#include <cstddef>
#include <string>

namespace rivulet::server {

// Where a response writer puts an answer, piece by piece: it appends to text() and calls pass_on()
// between rows. Only one thread at a time may use it.
class BodySink {
 public:
  static constexpr size_t kPieceSize = 64 << 10;

  virtual ~BodySink() = default;

  std::string& text() { return text_; }
  // False while nothing has left: the answer can still be given up for an error.
  virtual bool is_started() const { return false; }
  // Lets text() leave when there is enough of it. May wait for a slow client; throws `cancelled` when
  // the client has gone.
  void pass_on() {
    if (text_.size() >= kPieceSize) take(text_);
  }

 protected:
  // Empties `text` once it is worth it.
  virtual void take(std::string& text) = 0;

  std::string text_;
};

// Keeps the whole answer in text().
class StringSink : public BodySink {
 protected:
  void take(std::string&) override {}
};

}  // namespace rivulet::server
