#include "kql/functions/library.h"

// Encodings, hashes, and text in the formats of others.
namespace rivulet::kql {

std::string hash_sql(const Expr& value) {
  switch (value.type) {
    case ScalarType::kInt:
      return call_sql("k_hash_int", {value.sql});
    case ScalarType::kBool:
      return call_sql("k_hash_long", {convert(value, ScalarType::kLong).sql});
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      return call_sql("k_hash_long", {value.sql});
    case ScalarType::kReal:
      return call_sql("k_hash_real", {value.sql});
    case ScalarType::kGuid:
      return call_sql("k_hash_guid", {value.sql});
    default:
      return call_sql("k_hash", {convert(value, ScalarType::kString).sql});
  }
}

namespace {

// hash(value[, mod]): xxHash64 of the value's bytes.
template <FixedString kName>
Expr bind_hash(const CallContext&, Arguments arguments) {
  const std::string hash = hash_sql(arguments[0]);
  if (arguments.size() == 1) return make_expr(ScalarType::kLong, hash, arguments);
  const auto modulus = convert_argument(arguments[1], ScalarType::kLong);
  if (!modulus) argument_error(kName.view(), 1, "a whole number");
  return make_expr(ScalarType::kLong, call_sql("k_modulo", {hash, modulus->sql}), arguments);
}

template <FixedString kFunction>
Expr bind_digest(const CallContext&, Arguments arguments) {
  return make_expr(ScalarType::kString,
                   call_sql(kFunction.view(), {convert(arguments[0], ScalarType::kString).sql}),
                   arguments);
}

Expr bind_tohex(const CallContext&, Arguments arguments) {
  if (arguments[0].type == ScalarType::kInt) {
    return bind_signature("tohex", "S:I?L=0::BIGINT;", "k_tohex_int($)", arguments);
  }
  return bind_signature("tohex", "S:L?L=0::BIGINT;", "k_tohex($)", arguments);
}

constexpr ScalarFunction kFunctions[] = {
    simple<"base64_encode_tostring", "S:S", "k_base64_encode($)">(),
    simple<"base64_encodestring", "S:S", "k_base64_encode($)">(),
    simple<"base64_decode_tostring", "S:S", "k_base64_decode($)">(),
    simple<"base64_decodestring", "S:S", "k_base64_decode($)">(),
    simple<"base64_decode_toarray", "D:S", "k_base64_to_array($)">(),
    simple<"base64_encode_fromarray", "S:D", "k_base64_from_array($)">(),
    simple<"base64_encode_fromguid", "S:G", "k_base64_from_guid($)">(),
    simple<"base64_decode_toguid", "G:S", "k_base64_to_guid($)">(),
    simple<"url_encode", "S:S", "k_url_encode($)">(),
    simple<"url_encode_component", "S:S", "k_url_encode_component($)">(),
    simple<"url_decode", "S:S", "k_url_decode($)">(),
    simple<"gzip_compress_to_base64_string", "S:S", "k_gzip($)">(),
    simple<"gzip_decompress_from_base64_string", "S:S", "k_gunzip($)">(),
    simple<"zlib_compress_to_base64_string", "S:S", "k_zlib($)">(),
    simple<"zlib_decompress_from_base64_string", "S:S", "k_unzlib($)">(),
    simple<"punycode_from_string", "S:S", "k_punycode_encode($)">(),
    simple<"punycode_to_string", "S:S", "k_punycode_decode($)">(),
    simple<"punycode_domain_from_string", "S:S", "k_domain_to_unicode($)">(),
    simple<"punycode_domain_to_string", "S:S", "k_domain_to_ascii($)">(),
    {"hash", 1, 2, bind_hash<"hash">},
    {"hash_xxhash64", 1, 2, bind_hash<"hash_xxhash64">},
    {"hash_md5", 1, 1, bind_digest<"k_md5">},
    {"hash_sha1", 1, 1, bind_digest<"k_sha1">},
    {"hash_sha256", 1, 1, bind_digest<"k_sha256">},
    {"tohex", 1, 2, bind_tohex},
    simple<"parse_url", "D:S", "k_parse_url($)">(),
    simple<"parseurl", "D:S", "k_parse_url($)">(),
    simple<"parse_urlquery", "D:S", "k_parse_urlquery($)">(),
    simple<"parseurlquery", "D:S", "k_parse_urlquery($)">(),
    simple<"parse_path", "D:S", "k_parse_path($)">(),
    // Up to 32 digits, of which a decimal column holds 20 before its point: compared, sorted and grouped as they are,
    // and a failed cast to the column's type anywhere else.
    simple<"parse_version", "M:S", "k_parse_version($)::DECIMAL(38,0)">(),
    simple<"parse_csv", "D:S", "k_parse_csv($)">(),
    simple<"parsecsv", "D:S", "k_parse_csv($)">(),
    simple<"parse_command_line", "D:AS", "k_parse_command_line($)">(),
    simple<"parse_xml", "D:S", "k_parse_xml($)">(),
    simple<"format_bytes", "S:R?L=0::BIGINT;S='';", "k_format_bytes($)">(),
};

}  // namespace

std::span<const ScalarFunction> encoding_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
