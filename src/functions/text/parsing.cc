#include <algorithm>
#include <charconv>
#include <cmath>
#include <pugixml.hpp>
#include <unordered_map>

#include "functions/families.h"
#include "functions/json/json.h"
#include "functions/utf8.h"
#include "types/text.h"

// Text in the formats of others: URLs, paths, versions, CSV, XML, command lines, sizes.
namespace rivulet::functions {

namespace {

std::string percent_decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr ==
            text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
    }
  }
  return to_valid_utf8(out);
}

// "a=1&b=2" as a bag; of a name that comes again the last value.
std::string query_parameters(std::string_view query) {
  JsonObject out;
  JsonNames names;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    const std::string name = percent_decoded(part.substr(0, std::min(equals, part.size())), true);
    names.add(name);
    out.add_string(name, equals == std::string_view::npos
                             ? std::string()
                             : percent_decoded(part.substr(equals + 1), true));
  }
  std::string bag = out.finish().text;
  return names.may_repeat() ? read_json(bag).value_or(bag) : bag;
}

Json parse_urlquery(std::string_view query) {
  if (query.starts_with('?')) query.remove_prefix(1);
  JsonObject out;
  out.add("Query Parameters", query_parameters(query));
  return out.finish();
}

Json parse_url(std::string_view url) {
  std::string_view scheme, host, port, path, user, password, query, fragment;
  std::string_view rest = url;
  if (const size_t hash = rest.find('#'); hash != std::string_view::npos) {
    fragment = rest.substr(hash + 1);
    rest = rest.substr(0, hash);
  }
  if (const size_t mark = rest.find('?'); mark != std::string_view::npos) {
    query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  if (const size_t end = rest.find("://"); end != std::string_view::npos) {
    scheme = rest.substr(0, end);
    rest = rest.substr(end + 3);
    const size_t slash = rest.find('/');
    std::string_view authority = rest.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
      user = authority.substr(0, at);
      authority = authority.substr(at + 1);
      if (const size_t colon = user.find(':'); colon != std::string_view::npos) {
        password = user.substr(colon + 1);
        user = user.substr(0, colon);
      }
    }
    const size_t colon = authority.rfind(':');
    const size_t bracket = authority.rfind(']');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
      port = authority.substr(colon + 1);
      authority = authority.substr(0, colon);
    }
    host = authority;
  } else {
    path = rest;
  }
  JsonObject out;
  out.add_string("Scheme", scheme);
  out.add_string("Host", host);
  out.add_string("Port", port);
  out.add_string("Path", path);
  out.add_string("Username", user);
  out.add_string("Password", password);
  out.add("Query Parameters", query_parameters(query));
  out.add_string("Fragment", fragment);
  return out.finish();
}

Json parse_path(std::string_view text) {
  std::string_view scheme, root, directory, directory_name, file, extension, stream;
  std::string_view rest = text;
  if (const size_t end = rest.find("://"); end != std::string_view::npos) {
    scheme = rest.substr(0, end);
    rest = rest.substr(end + 3);
  }
  // "file.txt:some.exe": a stream follows a colon that is no drive's.
  const size_t slash = rest.find_last_of("/\\");
  std::string_view name = slash == std::string_view::npos ? rest : rest.substr(slash + 1);
  directory = slash == std::string_view::npos ? std::string_view() : rest.substr(0, slash);
  if (const size_t colon = name.find(':');
      colon != std::string_view::npos && !(slash == std::string_view::npos && colon == 1)) {
    stream = name.substr(colon + 1);
    name = name.substr(0, colon);
  }
  file = name;
  const size_t drive = rest.starts_with("\\\\?\\") ? 4 : 0;
  if (rest.size() > drive + 1 && rest[drive + 1] == ':') root = rest.substr(drive, 2);
  if (const size_t last = directory.find_last_of("/\\"); last != std::string_view::npos) {
    directory_name = directory.substr(last + 1);
  } else {
    directory_name = directory;
  }
  if (const size_t dot = file.rfind('.'); dot != std::string_view::npos)
    extension = file.substr(dot + 1);
  JsonObject out;
  out.add_string("Scheme", scheme);
  out.add_string("RootPath", root);
  out.add_string("DirectoryPath", directory);
  out.add_string("DirectoryName", directory_name);
  out.add_string("Filename", file);
  out.add_string("Extension", extension);
  out.add_string("AlternateDataStreamName", stream);
  return out.finish();
}

// The value of up to four parts of up to eight digits each: they are the digits of one number.
std::optional<Huge> parse_version(std::string_view text) {
  __int128 value = 0;
  int parts = 0;
  while (true) {
    const size_t end = std::min(text.find('.'), text.size());
    const std::string_view part = text.substr(0, end);
    uint32_t number = 0;
    if (part.empty() || part.size() > 8 || parts == 4) return std::nullopt;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc() || stop != part.data() + part.size()) return std::nullopt;
    value = value * 100'000'000 + number;
    ++parts;
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  for (; parts < 4; ++parts) value *= 100'000'000;
  return Huge{value};
}

// The first record of CSV.
Json parse_csv(std::string_view text) {
  JsonArray out;
  std::string field;
  size_t at = 0;
  while (true) {
    field.clear();
    if (at < text.size() && text[at] == '"') {
      ++at;
      while (at < text.size()) {
        if (text[at] == '"') {
          if (at + 1 < text.size() && text[at + 1] == '"') {
            ++at;
          } else {
            ++at;
            break;
          }
        }
        field += text[at++];
      }
    }
    while (at < text.size() && text[at] != ',' && text[at] != '\n' && text[at] != '\r')
      field += text[at++];
    out.add_string(field);
    if (at >= text.size() || text[at] != ',') break;
    ++at;
  }
  return out.finish();
}

// As Windows splits a command line: blanks part, quotes join, a backslash before a quote escapes it.
std::optional<Json> parse_command_line(std::string_view text, std::string_view parser) {
  if (parser != "windows" && parser != "Windows") return std::nullopt;
  JsonArray out;
  size_t at = 0;
  while (true) {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
    if (at >= text.size()) break;
    std::string argument;
    bool quoted = false;
    while (at < text.size() && (quoted || (text[at] != ' ' && text[at] != '\t'))) {
      size_t slashes = 0;
      while (at < text.size() && text[at] == '\\') {
        ++slashes;
        ++at;
      }
      if (at < text.size() && text[at] == '"') {
        argument.append(slashes / 2, '\\');
        if (slashes % 2 == 1) {
          argument += '"';
        } else if (quoted && at + 1 < text.size() && text[at + 1] == '"') {
          argument += '"';
          ++at;
        } else {
          quoted = !quoted;
        }
        ++at;
      } else {
        argument.append(slashes, '\\');
        if (slashes == 0) argument += text[at++];
      }
    }
    out.add_string(argument);
  }
  return out.finish();
}

constexpr size_t kMaxXmlBytes = 1'048'576;
constexpr int kMaxXmlDepth = 100;

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string_view without_blanks_around(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// Members of an object in the order their names first come, each with its values.
class XmlMembers {
 public:
  void add(std::string name, std::string json) {
    count_work(kJsonStepWork);
    const auto [place, is_new] = places_.try_emplace(name, members_.size());
    if (is_new) members_.emplace_back(std::move(name), std::vector<std::string>());
    members_[place->second].second.push_back(std::move(json));
  }
  bool is_empty() const { return members_.empty(); }

  // A name that came several times has an array.
  std::string finish() const {
    JsonObject out;
    for (const auto& [name, values] : members_) {
      if (values.size() == 1) {
        out.add(name, values[0]);
        continue;
      }
      JsonArray array;
      for (const std::string& value : values) array.add(value);
      out.add(name, array.finish().text);
    }
    return out.finish().text;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> members_;
  std::unordered_map<std::string, size_t> places_;
};

// The JSON of an element: attributes as "@name", its text as "#text", before the elements in it; a text alone stands for
// the element. Nothing where it nests too deep.
std::optional<std::string> xml_element(const pugi::xml_node& element, int depth) {
  if (depth > kMaxXmlDepth) return std::nullopt;
  std::string text;
  for (const pugi::xml_node& child : element.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
      text += child.value();
    }
  }
  const std::string_view content = without_blanks_around(text);
  XmlMembers members;
  for (const pugi::xml_attribute& attribute : element.attributes()) {
    members.add(std::string("@") + attribute.name(), json_text(attribute.value()));
  }
  const bool has_elements = std::ranges::any_of(
      element.children(), [](const auto& child) { return child.type() == pugi::node_element; });
  if (members.is_empty() && !has_elements) return content.empty() ? "null" : json_text(content);
  if (!content.empty()) members.add("#text", json_text(content));
  for (const pugi::xml_node& child : element.children()) {
    if (child.type() != pugi::node_element) continue;
    auto json = xml_element(child, depth + 1);
    if (!json) return std::nullopt;
    members.add(child.name(), *std::move(json));
  }
  return members.finish();
}

// {"root": value}, or nothing for what is no XML.
std::optional<Json> parse_xml(std::string_view text) {
  if (text.size() > kMaxXmlBytes) return std::nullopt;
  pugi::xml_document document;
  const unsigned options = pugi::parse_cdata | pugi::parse_escapes | pugi::parse_eol |
                           pugi::parse_ws_pcdata | pugi::parse_fragment;
  if (!document.load_buffer(text.data(), text.size(), options, pugi::encoding_utf8)) {
    return std::nullopt;
  }
  count_work(text.size());
  pugi::xml_node root;
  for (const pugi::xml_node& child : document.children()) {
    const bool is_blank =
        child.type() == pugi::node_pcdata && without_blanks_around(child.value()).empty();
    if (is_blank) continue;
    if (child.type() != pugi::node_element || root) return std::nullopt;
    root = child;
  }
  if (!root) return std::nullopt;
  const auto value = xml_element(root, 0);
  if (!value) return std::nullopt;
  JsonObject out;
  out.add(root.name(), *value);
  return out.finish();
}

std::string format_bytes(double size, int64_t precision, std::string_view unit) {
  static constexpr std::string_view kUnits[] = {"Bytes", "KB", "MB", "GB", "TB", "PB", "EB"};
  size_t index = 0;
  if (!unit.empty()) {
    const auto found = std::find(std::begin(kUnits), std::end(kUnits), unit);
    if (found == std::end(kUnits)) return {};
    index = found - std::begin(kUnits);
    for (size_t i = 0; i < index; ++i) size /= 1024;
  } else {
    while (std::abs(size) >= 1024 && index + 1 < std::size(kUnits)) {
      size /= 1024;
      ++index;
    }
  }
  const double scale = std::pow(10.0, static_cast<double>(std::clamp<int64_t>(precision, 0, 15)));
  char digits[400];
  const auto end = std::to_chars(digits, digits + sizeof(digits), std::round(size * scale) / scale,
                                 std::chars_format::fixed)
                       .ptr;
  std::string out(digits, end);
  return out + " " + std::string(kUnits[index]);
}

constexpr Udf kFunctions[] = {
    udf<parse_url>("k_parse_url"),   udf<parse_urlquery>("k_parse_urlquery"),
    udf<parse_path>("k_parse_path"), udf<parse_version>("k_parse_version"),
    udf<parse_csv>("k_parse_csv"),   udf<parse_command_line>("k_parse_command_line"),
    udf<parse_xml>("k_parse_xml"),   udf<format_bytes>("k_format_bytes"),
};

}  // namespace

std::span<const Udf> parsing_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
