#include "query/functions/fold.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/stringpiece.h>
#include <algorithm>

namespace rivulet::query {

std::string_view Folder::operator()(std::string_view text) {
  if (is_made_ && text == text_) return folded_;
  text_ = text;
  is_made_ = true;
  folded_.resize(text.size());
  bool is_ascii = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = text[i];
    is_ascii &= c < 0x80;
    folded_[i] = static_cast<char>(c + ((c >= 'A' && c <= 'Z') ? 'a' - 'A' : 0));
  }
  if (is_ascii) return folded_;
  folded_.clear();
  UErrorCode status = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&folded_, static_cast<int32_t>(text.size()));
  icu::CaseMap::utf8Fold(0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink,
                         nullptr, status);
  if (U_FAILURE(status)) folded_ = text;
  return folded_;
}

}  // namespace rivulet::query
