#include "sources/secrets.h"

#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include "common/error.h"

namespace rivulet::sources {
namespace {

constexpr std::string_view kVariable = "env:";
constexpr std::string_view kFile = "file:";
constexpr std::string_view kVariablePrefix = "RIVULET_SECRET_";

std::string read_variable(std::string_view name) {
  if (!name.starts_with(kVariablePrefix)) {
    throw bad_request(fmt::format(
        "The reference 'env:{}' names an environment variable that data connections may "
        "not read: its name must begin with {}",
        name, kVariablePrefix));
  }
  const char* value = std::getenv(std::string(name).c_str());
  if (value == nullptr || *value == '\0') {
    throw bad_request(fmt::format(
        "The environment of the server has no variable {}, or an empty one, which a data "
        "connection refers to as 'env:{}'",
        name, name));
  }
  return value;
}

}  // namespace

bool Secrets::is_reference(std::string_view text) {
  return text.starts_with(kVariable) || text.starts_with(kFile);
}

std::string Secrets::resolve(std::string_view text) const {
  if (text.starts_with(kVariable)) return read_variable(text.substr(kVariable.size()));
  if (text.starts_with(kFile)) return read_file(text.substr(kFile.size()));
  return std::string(text);
}

std::string Secrets::read_file(std::string_view name) const {
  auto refuse = [&](std::string_view why) {
    return bad_request(fmt::format("The reference 'file:{}' of a data connection {}", name, why));
  };
  if (folder_.empty()) {
    throw refuse("needs the server's setting 'secrets', a folder, which is not set");
  }
  if (name.empty() || name == "." || name == ".." ||
      name.find_first_of(std::string_view("/\0", 2)) != std::string_view::npos) {
    throw refuse("must be the plain name of a file in the folder of the setting 'secrets'");
  }
  std::filesystem::path path = folder_ / name;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw refuse("names no file in the folder of the setting 'secrets'");
  }
  std::ifstream in(path, std::ios::binary);
  std::string content(kMaxBytes + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!in.is_open() || in.bad()) throw refuse("names a file that the server cannot read");
  content.resize(static_cast<size_t>(in.gcount()));
  if (content.size() > kMaxBytes) {
    throw refuse(fmt::format("names a file of more than {} KiB", kMaxBytes >> 10));
  }
  if (content.ends_with('\n')) content.pop_back();
  if (content.ends_with('\r')) content.pop_back();
  if (content.empty()) throw refuse("names an empty file");
  return content;
}

}  // namespace rivulet::sources
