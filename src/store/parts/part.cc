#include "store/parts/part.h"

#include <fmt/format.h>

#include "common/error.h"

namespace rivulet::store {
namespace {

// A block is written when it has this size.
constexpr size_t kBlockBytes = 256 << 10;

}  // namespace

void BodyWriter::end_item() const {
  if (bytes_.size() <= limit_) return;
  throw payload_too_large(fmt::format(
      "The request takes more than {} MiB of the log. Send it in parts.", limit_ >> 20));
}

void BlockGatherer::end_item() {
  if (content_.size() >= kBlockBytes) flush();
}

void BlockGatherer::flush() {
  if (!content_.empty()) file_.put(kind_, 0, content_);
  content_.clear();
}

}  // namespace rivulet::store
