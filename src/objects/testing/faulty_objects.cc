#include "objects/testing/faulty_objects.h"

#include <cerrno>
#include <filesystem>
#include <utility>

namespace rivulet::objects::testing {
namespace {

int error_number_of(ObjectFailure failure) {
  switch (failure) {
    case ObjectFailure::kNotFound:
      return ENOENT;
    case ObjectFailure::kExists:
      return EEXIST;
    case ObjectFailure::kThrottled:
      return EAGAIN;
    case ObjectFailure::kUnavailable:
      break;
  }
  return EIO;
}

}  // namespace

class FaultyObjects::Staged final : public StagedObject {
 public:
  Staged(const FaultyObjects& objects, std::string name, std::unique_ptr<StagedObject> staged)
      : objects_(objects), name_(std::move(name)), staged_(std::move(staged)) {}

  const std::filesystem::path& path() const override { return staged_->path(); }
  std::unique_ptr<File> open(FileSystem::Mode mode) override { return staged_->open(mode); }
  void put() override {
    put_by([this] { staged_->put(); });
  }
  void put_unsynced() override {
    put_by([this] { staged_->put_unsynced(); });
  }

 private:
  void put_by(auto&& put) {
    auto failure = objects_.failure(Operation::kPut, name_);
    if (!failure || failure->failure() == ObjectFailure::kUnavailable) put();
    if (failure) throw ObjectError(*failure);
  }

  const FaultyObjects& objects_;
  const std::string name_;
  const std::unique_ptr<StagedObject> staged_;
};

void FaultyObjects::set_hook(Hook hook) {
  std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

std::optional<ObjectError> FaultyObjects::failure(Operation operation,
                                                  std::string_view name) const {
  std::lock_guard lock(mutex_);
  if (!hook_) return std::nullopt;
  std::optional<ObjectFailure> failure = hook_(operation, name);
  if (!failure) return std::nullopt;
  return ObjectError(*failure, location(name), "use", error_number_of(*failure));
}

void FaultyObjects::check(Operation operation, std::string_view name) const {
  if (auto error = failure(operation, name)) throw ObjectError(*error);
}

std::unique_ptr<StagedObject> FaultyObjects::stage(std::string_view name) {
  check(Operation::kStage, name);
  return std::make_unique<Staged>(*this, std::string(name), objects_->stage(name));
}

std::unique_ptr<const File> FaultyObjects::open(std::string_view name) const {
  check(Operation::kOpen, name);
  return objects_->open(name);
}

std::optional<ObjectInfo> FaultyObjects::head(std::string_view name) const {
  check(Operation::kHead, name);
  return objects_->head(name);
}

void FaultyObjects::list(std::string_view prefix,
                         const std::function<void(const ObjectInfo&)>& visit) const {
  check(Operation::kList, prefix);
  objects_->list(prefix, visit);
}

void FaultyObjects::remove(std::string_view name) {
  check(Operation::kRemove, name);
  objects_->remove(name);
}

LocalCopy FaultyObjects::local_copy(std::string_view name) const {
  check(Operation::kCopy, name);
  std::filesystem::path folder;
  {
    std::lock_guard lock(mutex_);
    folder = copies_.path() / std::to_string(++copied_);
  }
  std::filesystem::create_directories(folder);
  std::filesystem::path path = folder / std::filesystem::path(name).filename();
  LocalCopy source = objects_->local_copy(name);
  std::filesystem::copy_file(*source, path);
  return {new std::filesystem::path(path), [folder](const std::filesystem::path* copy) {
            std::filesystem::remove_all(folder);
            delete copy;
          }};
}

}  // namespace rivulet::objects::testing
