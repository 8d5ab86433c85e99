#include "extents/term_filter.h"

#include <spdlog/spdlog.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <stdexcept>
#include <utility>

#include "common/binary.h"
#include "extents/extent.h"

namespace rivulet::extents {
namespace {

constexpr std::string_view kMagic("RVLTTRM\0", 8);
constexpr uint8_t kVersion = 1;
constexpr size_t kBitsPerTerm = 12;
constexpr int kProbes = 6;
constexpr size_t kMinWords = 4;
// Terms that begin alike are one.
constexpr size_t kMaxTermBytes = 64;
constexpr size_t kEntryBytes = 200;

bool is_term_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Calls `visit` with the hash of each term, never 0, until that returns false.
template <typename Visit>
void for_each_term(std::string_view text, Visit&& visit) {
  char lower[kMaxTermBytes];
  for (size_t at = 0; at < text.size(); ++at) {
    if (!is_term_byte(text[at])) continue;
    size_t length = 0;
    for (; at < text.size() && is_term_byte(text[at]); ++at) {
      char c = text[at];
      if (length < kMaxTermBytes) {
        lower[length++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
      }
    }
    if (!visit(XXH3_64bits(lower, length) | 1)) return;
  }
}

// Calls `visit` with each bit that a term sets.
template <typename Visit>
bool every_bit(uint64_t hash, size_t words, Visit&& visit) {
  uint64_t step = std::rotl(hash, 32) | 1;
  for (int probe = 0; probe < kProbes; ++probe, hash += step) {
    uint64_t bit = ((hash >> 32) * (words * 64)) >> 32;
    if (!visit(bit / 64, uint64_t{1} << (bit % 64))) return false;
  }
  return true;
}

}  // namespace

void TermGatherer::add(std::string_view text) {
  if (is_full_) return;
  for_each_term(text, [this](uint64_t hash) {
    insert(hash);
    return !is_full_;
  });
}

void TermGatherer::insert(uint64_t hash) {
  if (count_ * 2 >= slots_.size()) {
    std::vector<uint64_t> old = std::exchange(slots_, {});
    slots_.resize(std::max<size_t>(64, old.size() * 4));
    count_ = 0;
    for (uint64_t kept : old) {
      if (kept != 0) insert(kept);
    }
  }
  size_t mask = slots_.size() - 1;
  for (size_t slot = (hash >> 8) & mask;; slot = (slot + 1) & mask) {
    if (slots_[slot] == hash) return;
    if (slots_[slot] != 0) continue;
    slots_[slot] = hash;
    is_full_ = ++count_ > kMaxTerms;
    return;
  }
}

std::vector<uint64_t> TermGatherer::finish() const {
  if (is_full_) return {};
  std::vector<uint64_t> bits(std::max(kMinWords, count_ * kBitsPerTerm / 64));
  for (uint64_t hash : slots_) {
    if (hash == 0) continue;
    every_bit(hash, bits.size(), [&](size_t word, uint64_t bit) {
      bits[word] |= bit;
      return true;
    });
  }
  return bits;
}

size_t ExtentTerms::memory_bytes() const {
  size_t bytes = 0;
  for (const auto& [id, bits] : columns_) bytes += bits.size() * sizeof(uint64_t) + 64;
  return bytes;
}

bool ExtentTerms::may_hold(uint32_t column_id, std::string_view text) const {
  auto found = columns_.find(column_id);
  if (found == columns_.end()) return true;
  const std::vector<uint64_t>& bits = found->second;
  bool has_all = true;
  for_each_term(text, [&](uint64_t hash) {
    has_all = every_bit(hash, bits.size(),
                        [&](size_t word, uint64_t bit) { return (bits[word] & bit) != 0; });
    return has_all;
  });
  return has_all;
}

std::string ExtentTerms::encode() const {
  std::string out(kMagic);
  ByteWriter writer(out);
  writer.byte(kVersion);
  writer.varint(columns_.size());
  for (const auto& [id, bits] : columns_) {
    writer.varint(id);
    writer.string({reinterpret_cast<const char*>(bits.data()), bits.size() * sizeof(uint64_t)});
  }
  writer.fixed(static_cast<uint64_t>(XXH3_64bits(out.data(), out.size())));
  return out;
}

std::shared_ptr<const ExtentTerms> ExtentTerms::decode(std::string_view bytes) {
  constexpr size_t kSumBytes = sizeof(uint64_t);
  if (bytes.size() < kMagic.size() + kSumBytes || !bytes.starts_with(kMagic)) return nullptr;
  std::string_view content = bytes.substr(0, bytes.size() - kSumBytes);
  ByteReader sum(bytes.substr(content.size()));
  if (sum.fixed<uint64_t>() != XXH3_64bits(content.data(), content.size())) return nullptr;
  ByteReader reader(content.substr(kMagic.size()));
  if (reader.byte() != kVersion) return nullptr;
  auto terms = std::make_shared<ExtentTerms>();
  try {
    for (uint64_t columns = reader.varint(); columns > 0; --columns) {
      auto id = static_cast<uint32_t>(reader.varint());
      std::string_view cells = reader.string();
      std::vector<uint64_t> bits(cells.size() / sizeof(uint64_t));
      if (bits.empty()) return nullptr;
      std::memcpy(bits.data(), cells.data(), bits.size() * sizeof(uint64_t));
      terms->add(id, std::move(bits));
    }
  } catch (const std::runtime_error&) {
    return nullptr;
  }
  return terms;
}

bool has_terms(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_term_byte);
}

std::shared_ptr<const ExtentTerms> TermCache::find(const Guid& extent) {
  {
    std::lock_guard lock(mutex_);
    if (auto found = by_extent_.find(extent); found != by_extent_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->terms;
    }
  }
  Entry entry{extent, nullptr, kEntryBytes};
  try {
    auto file = objects_.open(terms_name(extent));
    std::string bytes(file->size(), '\0');
    bytes.resize(file->read(0, std::as_writable_bytes(std::span(bytes))));
    entry.terms = ExtentTerms::decode(bytes);
    if (entry.terms) entry.bytes += entry.terms->memory_bytes();
  } catch (const IoError& error) {
    auto* failure = dynamic_cast<const objects::ObjectError*>(&error);
    if (failure == nullptr || failure->failure() != objects::ObjectFailure::kNotFound) {
      spdlog::warn("The terms of an extent could not be read, and its file is: {}", error.what());
    }
  }
  std::lock_guard lock(mutex_);
  auto [place, is_new] = by_extent_.try_emplace(extent, entries_.end());
  if (!is_new) return entry.terms;  // another thread read it meanwhile
  auto terms = entry.terms;
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  place->second = entries_.begin();
  while (bytes_ > limit_bytes_) {
    bytes_ -= entries_.back().bytes;
    by_extent_.erase(entries_.back().extent);
    entries_.pop_back();
  }
  return terms;
}

}  // namespace rivulet::extents
