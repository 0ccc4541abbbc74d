#include "pipeline/delivery/stored_queue.h"

#include <charconv>

#include "pipeline/telemetry_codec.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;

std::string KeyOf(uint64_t number) { return fmt::format("{:016x}", number); }

uint64_t NumberOf(const std::optional<std::string>& text) {
  uint64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace

Result<std::unique_ptr<StoredQueue>> StoredQueue::Open(const ExtensionHost& extensions,
                                                       std::string_view storage, const ComponentId& exporter,
                                                       Signal signal) {
  SEXTANT_ASSIGN(Storage * found, FindStorage(extensions, storage));
  SEXTANT_ASSIGN(auto client, found->Open(ComponentKind::kExporter, exporter, SignalName(signal)));
  return std::unique_ptr<StoredQueue>(new StoredQueue(std::move(client), signal));
}

Result<StoredQueue::Left> StoredQueue::Load() {
  std::lock_guard lock(mutex_);
  Left left;
  SEXTANT_ASSIGN(std::optional<std::string> first, client_->Get("first"));
  SEXTANT_ASSIGN(std::optional<std::string> next, client_->Get("next"));
  next_ = NumberOf(next);
  for (uint64_t number = NumberOf(first); number < next_; ++number) {
    SEXTANT_ASSIGN(std::optional<std::string> bytes, client_->Get(KeyOf(number)));
    if (!bytes) continue;
    Result<Telemetry> batch =
        DecodeBatch(signal_, OtlpEncoding::kProtobuf, std::make_shared<const std::string>(std::move(*bytes)));
    if (!batch) {
      ++left.unreadable;
      SEXTANT_TRY(client_->Delete(KeyOf(number)));
      continue;
    }
    in_use_.insert(number);
    left.batches.emplace_back(number, std::move(*batch));
  }
  return left;
}

Result<uint64_t> StoredQueue::Put(const Telemetry& batch) {
  std::string bytes = EncodeBatch(batch, OtlpEncoding::kProtobuf);
  std::lock_guard lock(mutex_);
  std::vector<StorageOperation> operations;
  operations.push_back(StorageOperation::Set(KeyOf(next_), std::move(bytes)));
  operations.push_back(StorageOperation::Set("next", std::to_string(next_ + 1)));
  SEXTANT_TRY(client_->Batch(operations));
  in_use_.insert(next_);
  return next_++;
}

Status StoredQueue::Remove(std::span<const uint64_t> numbers) {
  std::lock_guard lock(mutex_);
  std::vector<StorageOperation> operations;
  for (uint64_t number : numbers) {
    in_use_.erase(number);
    operations.push_back(StorageOperation::Delete(KeyOf(number)));
  }
  operations.push_back(
      StorageOperation::Set("first", std::to_string(in_use_.empty() ? next_ : *in_use_.begin())));
  return client_->Batch(operations);
}

}  // namespace sextant::pipeline
