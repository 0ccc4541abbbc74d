// What decoding may still make of a message, so that a small message does not become a large one in memory.
// Private to this module.
#pragma once

#include <vector>

#include "core/result.h"

namespace sextant::otlp {

class DecodeBudget {
 public:
  explicit DecodeBudget(size_t message_bytes, size_t factor)
      : left_bytes_(message_bytes * factor + kSlackBytes) {}

  // Whether there was so much left.
  bool TryTake(size_t bytes) {
    if (bytes > left_bytes_) return false;
    left_bytes_ -= bytes;
    return true;
  }
  core::Status Take(size_t bytes) {
    if (TryTake(bytes)) return {};
    return core::Fail(core::Code::kResourceExhausted, "the message takes too much memory for its size");
  }

  // A new element at the end of `items`.
  template <typename T>
  core::Result<T*> Add(std::vector<T>& items) {
    SEXTANT_TRY(Take(sizeof(T)));
    return &items.emplace_back();
  }

 private:
  static constexpr size_t kSlackBytes = 64 << 10;
  size_t left_bytes_;
};

}  // namespace sextant::otlp
