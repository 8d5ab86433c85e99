#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace rivulet::sources {

// Looks up secrets that a data connection refers to instead of containing them: "env:NAME" is a variable of
// the server's environment, "file:NAME" a file in the folder of the setting `secrets`. Whoever may send
// commands can name any reference, so only variables that begin with RIVULET_SECRET_ and only files that lie
// directly in that folder are read. Thread-safe.
class Secrets {
 public:
  static constexpr size_t kMaxBytes = 64 << 10;

  // Without a folder there are no files.
  explicit Secrets(std::filesystem::path folder = {}) : folder_(std::move(folder)) {}

  static bool is_reference(std::string_view text);
  // What the reference stands for, as it is now; a file without the line break at its end. Any other text
  // stands for itself. Throws bad_request, which repeats the reference and never a secret.
  std::string resolve(std::string_view text) const;

 private:
  std::string read_file(std::string_view name) const;

  std::filesystem::path folder_;
};

}  // namespace rivulet::sources
