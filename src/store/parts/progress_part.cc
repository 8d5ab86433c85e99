#include "store/parts/progress_part.h"

#include <fmt/format.h>

#include <stdexcept>

#include "common/error.h"

namespace rivulet::store {

void ProgressPart::encode(const Transaction& transaction, BodyWriter& body) const {
  for (std::span<const Progress> left = transaction.progress; !left.empty();) {
    put_kind(body.bytes(), kProgress);
    left = left.subspan(encode_progress(body.bytes(), left));
    body.end_item();
  }
}

void ProgressPart::check(const Turn& turn) {
  checked_.clear();
  for (const Progress& progress : turn.transaction.progress) {
    if (progress.partition < 0 || progress.position < 0) {
      throw internal_error("A partition or a position of a stream is negative");
    }
    std::optional<int64_t> current = checked_.find(progress);
    if (!current) current = staged_.find(progress);
    if (!current) current = published_.find(progress);
    if (current.value_or(-1) != progress.expected || !catalog_.has_checked_owner(progress.owner)) {
      throw ProgressOutdated();
    }
    checked_.set(progress);
  }
}

void ProgressPart::stage(const Turn& turn, std::string& /*record*/) {
  if (!turn.transaction.progress.empty()) staged_.set_all(checked_);
}

void ProgressPart::apply(ItemKind /*kind*/, ByteReader& item, const RecordPlace& /*place*/) {
  set(decode_progress(item));
}

void ProgressPart::set(const std::vector<Progress>& list) {
  for (const Progress& progress : list) {
    if (!catalog_.has_owner(progress.owner)) {
      throw std::runtime_error(
          fmt::format("data connection {} does not exist", to_string(progress.owner)));
    }
    moved_.set(progress);
  }
}

void ProgressPart::drop_owner(const Guid& owner) {
  moved_.drop(owner);
  dropped_.push_back(owner);
}

bool ProgressPart::publish() {
  for (const Guid& owner : dropped_) published_.drop(owner);
  published_.set_all(moved_);
  moved_.clear();
  dropped_.clear();
  return false;
}

Part::Save ProgressPart::freeze(Sequence /*sequence*/) const {
  return [list = published_.all()](rowstore::BlockFileWriter& file) {
    BlockGatherer blocks(file, rowstore::BlockKind::kProgress);
    for (std::span<const Progress> left = list; !left.empty();) {
      left = left.subspan(encode_progress(blocks.content(), left));
      blocks.end_item();
    }
    blocks.flush();
  };
}

void ProgressPart::load(rowstore::BlockKind /*kind*/, std::string_view content) {
  ByteReader reader(content);
  while (!reader.at_end()) set(decode_progress(reader));
}

}  // namespace rivulet::store
