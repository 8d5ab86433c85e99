#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace rivulet::ingest {

// What the Content-Encoding of a request says of its body. It is a hint only: client libraries label
// bodies as gzip that are not, and compressed blobs arrive without any label.
enum class ContentEncoding { kIdentity, kGzip, kDeflate };

// True when the body begins as gzip does (1f 8b).
bool is_gzip(std::string_view body);
// True when the body begins as a zip archive does: decompress() refuses it by name.
bool is_zip(std::string_view body);

// The body without its compression: gzip (of one or several members) whatever the hint says, zlib or raw
// deflate if the hint is kDeflate, else the body as it is. Nothing when that has more than `output_limit`
// bytes. Throws BadRequest_InvalidArchive for a body that is damaged or a zip archive. The work and the
// memory grow with the body and its output only, and the memory never passes the output limit: `reserve`
// is told, before the memory is taken, how many bytes the output may have from then on, and may throw.
// Thread-safe.
std::optional<std::string> decompress(std::string_view body, ContentEncoding hint,
                                      size_t output_limit,
                                      const std::function<void(size_t)>& reserve = {});

}  // namespace rivulet::ingest
