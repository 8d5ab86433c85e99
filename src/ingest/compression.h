#pragma once

#include <cstddef>
#include <functional>
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
// deflate if the hint is kDeflate, else the body as it is. Throws payload_too_large as soon as the output
// would pass `output_limit` bytes, and BadRequest_InvalidArchive for a body that is damaged or a zip
// archive. Never takes much more memory than the output limit: `reserve` is told, before the memory is
// taken, how many bytes the output may have from then on, and may throw. Thread-safe.
std::string decompress(std::string_view body, ContentEncoding hint, size_t output_limit,
                       const std::function<void(size_t)>& reserve = {});

}  // namespace rivulet::ingest
