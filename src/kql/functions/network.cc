#include "kql/functions/library.h"

// IPv4 and IPv6 addresses.
namespace rivulet::kql {

namespace {

constexpr ScalarFunction kFunctions[] = {
    simple<"ipv4_compare", "L:SS?L=32::BIGINT;", "k_ipv4_compare($)">(),
    simple<"ipv4_is_match", "B:SS?L=32::BIGINT;", "k_ipv4_is_match($)">(),
    simple<"ipv4_is_in_range", "B:SS", "k_ipv4_is_in_range($)">(),
    simple<"ipv4_is_in_any_range", "B:SD*", "k_ipv4_is_in_any_range($)">(),
    simple<"ipv4_is_private", "B:S", "k_ipv4_is_private($)">(),
    simple<"ipv4_netmask_suffix", "L:S", "k_ipv4_netmask_suffix($)">(),
    simple<"ipv4_range_to_cidr_list", "D:SS", "k_ipv4_range_to_cidr_list($)">(),
    simple<"parse_ipv4", "L:S", "k_parse_ipv4($, 32::BIGINT)">(),
    simple<"parse_ipv4_mask", "L:SL", "k_parse_ipv4($)">(),
    simple<"format_ipv4", "S:D?L=32::BIGINT;", "k_format_ipv4($)">(),
    simple<"format_ipv4_mask", "S:D?L=32::BIGINT;", "k_format_ipv4_mask($)">(),
    simple<"ipv6_compare", "L:SS?L=128::BIGINT;", "k_ipv6_compare($)">(),
    simple<"ipv6_is_match", "B:SS?L=128::BIGINT;", "k_ipv6_is_match($)">(),
    simple<"ipv6_is_in_range", "B:SS", "k_ipv6_is_in_range($)">(),
    simple<"ipv6_is_in_any_range", "B:SD*", "k_ipv6_is_in_any_range($)">(),
    simple<"parse_ipv6", "S:S", "k_parse_ipv6($, 128::BIGINT)">(),
    simple<"parse_ipv6_mask", "S:SL", "k_parse_ipv6($)">(),
    simple<"has_ipv4", "B:SD", "k_has_any_ipv4($)">(),
    simple<"has_any_ipv4", "B:SD*", "k_has_any_ipv4($)">(),
    simple<"has_ipv4_prefix", "B:SD", "k_has_any_ipv4_prefix($)">(),
    simple<"has_any_ipv4_prefix", "B:SD*", "k_has_any_ipv4_prefix($)">(),
};

}  // namespace

std::span<const ScalarFunction> network_functions() {
  return kFunctions;
}

}  // namespace rivulet::kql
