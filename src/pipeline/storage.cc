#include "pipeline/storage.h"

namespace sextant::pipeline {

core::Result<std::optional<std::string>> StorageClient::Get(std::string key) {
  std::vector<StorageOperation> operations = {StorageOperation::Get(std::move(key))};
  SEXTANT_TRY(Batch(operations));
  return std::move(operations.front().value);
}

core::Status StorageClient::Set(std::string key, std::string value) {
  std::vector<StorageOperation> operations = {StorageOperation::Set(std::move(key), std::move(value))};
  return Batch(operations);
}

core::Status StorageClient::Delete(std::string key) {
  std::vector<StorageOperation> operations = {StorageOperation::Delete(std::move(key))};
  return Batch(operations);
}

core::Result<Storage*> FindStorage(const ExtensionHost& extensions, std::string_view id) {
  Extension* extension = extensions.FindExtension(id);
  if (extension == nullptr) {
    return core::Fail(core::Code::kInvalidArgument, "no storage client extension found: \"{}\"", id);
  }
  auto* storage = dynamic_cast<Storage*>(extension);
  if (storage == nullptr) {
    return core::Fail(core::Code::kInvalidArgument, "requested extension \"{}\" is not a storage extension",
                      id);
  }
  return storage;
}

}  // namespace sextant::pipeline
