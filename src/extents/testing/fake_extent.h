#pragma once

#include <filesystem>
#include <memory>
#include <utility>

#include "extents/extent.h"

namespace rivulet::extents::testing {

// An extent that no ExtentFiles has made, with a file that is whole, or with none.
class FakeExtent final : public ExtentView {
 public:
  explicit FakeExtent(ExtentDescription description = {}, std::filesystem::path path = {})
      : ExtentView(std::move(description)),
        path_(std::make_shared<const std::filesystem::path>(std::move(path))) {}

  void verify(std::span<const uint32_t>) const override {}
  void verify() const override {}
  void verify_again(std::span<const uint32_t>) const override {}
  objects::LocalCopy local_copy() const override { return path_; }
  std::shared_ptr<const ExtentTerms> terms() const override { return nullptr; }

 private:
  objects::LocalCopy path_;
};

}  // namespace rivulet::extents::testing
