#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/file_system.h"

// Objects: immutable pieces of bytes with a name, which is a path of parts between slashes. docs/objects.md tells what
// is kept so, and who removes what.
namespace rivulet::objects {

enum class ObjectFailure {
  kNotFound,     // there is none of the name
  kExists,       // there is one of the name already
  kThrottled,    // it may be asked again, later
  kUnavailable,  // the store is away, full or broken: errno says which, where it is known
};

// What an object store answers when it does not do what it was asked.
class ObjectError : public IoError {
 public:
  ObjectError(ObjectFailure failure, const std::filesystem::path& location,
              std::string_view operation, int error_number)
      : IoError(location, operation, error_number), failure_(failure) {}
  ObjectFailure failure() const { return failure_; }

 private:
  ObjectFailure failure_;
};

struct ObjectInfo {
  std::string name;
  uint64_t bytes = 0;
  Ticks modified = 0;  // when it was put, by the store's clock
};

// A local file that is to become an object. Used by one thread. The file goes with it.
class StagedObject {
 public:
  virtual ~StagedObject() = default;
  StagedObject(const StagedObject&) = delete;
  StagedObject& operator=(const StagedObject&) = delete;

  // Where it is to be written. Nothing is there yet, but for the folder. Its file name begins with the object's.
  virtual const std::filesystem::path& path() const = 0;
  // Opens the file: to create it, or what somebody else made of the path.
  virtual std::unique_ptr<File> open(FileSystem::Mode mode) = 0;

  // Makes what the file holds the object: the whole of it or nothing is there. When it returns, the object is durable.
  // Throws ObjectError; kExists leaves what is there as it is. After any other the object may be there, now
  // or after a power loss: it must not be counted on, and its name not be used again.
  virtual void put() = 0;
  // The same, but a power loss may take the object away, or parts of it: for what can be done without.
  virtual void put_unsynced() = 0;

 protected:
  StagedObject() = default;
};

// A file of this machine with the content of an object, under the object's file name. It stays while this is held.
using LocalCopy = std::shared_ptr<const std::filesystem::path>;

// Where objects are. Everything but remove_unfinished() may be called by any thread. Failures are ObjectErrors.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  virtual std::unique_ptr<StagedObject> stage(std::string_view name) = 0;

  // For reading ranges of it; throws kNotFound. What read() throws later is an IoError.
  virtual std::unique_ptr<const File> open(std::string_view name) const = 0;
  virtual std::optional<ObjectInfo> head(std::string_view name) const = 0;
  // All whose name begins so, in no order.
  virtual void list(std::string_view prefix,
                    const std::function<void(const ObjectInfo&)>& visit) const = 0;
  // None of the name is no error.
  virtual void remove(std::string_view name) = 0;

  // May throw kNotFound, or leave it to whoever opens the path to find that nothing is there. The object must not be
  // removed meanwhile.
  virtual LocalCopy local_copy(std::string_view name) const = 0;
  // Bytes that may still be put.
  virtual uint64_t free_bytes() const = 0;

  // What messages call the object.
  virtual std::string location(std::string_view name) const = 0;

  // Removes what an earlier process staged below the prefix, a folder, and did not put, and makes durable what it put.
  // By the one who may write, before anything is staged there.
  virtual void remove_unfinished(std::string_view prefix) = 0;
};

// Removes an object that nobody needs; if that fails, says so in the log and leaves it.
void remove_quietly(ObjectStore& objects, std::string_view name);

}  // namespace rivulet::objects
