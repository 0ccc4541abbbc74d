// Attributes under construction, each key once: as the collector's pcommon.Map behaves. Private to this
// module.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <string_view>
#include <vector>

#include "otlp/attributes.h"

namespace sextant::traceformats {

class AttributeMap {
 public:
  // Puts the value in place of the key's, or at the end.
  void Put(std::string_view key, const otlp::AnyValue& value);
  void PutText(std::string_view key, std::string_view text) { Put(key, otlp::AnyValue::Text(text)); }
  // Null when there is no such key; valid until something is put or removed.
  const otlp::AnyValue* Find(std::string_view key) const;
  void Remove(std::string_view key);
  void Clear();
  otlp::Attributes CopyTo(otlp::Memory& memory) const { return memory.CopyList<otlp::KeyValue>(items_); }

 private:
  // Fewer are looked through, which is quicker than hashing.
  static constexpr size_t kMaxUnindexed = 32;

  const otlp::KeyValue* FindItem(std::string_view key) const;

  std::vector<otlp::KeyValue> items_;
  absl::flat_hash_map<std::string_view, size_t> index_;  // of all items, or empty
};

// The text of a value, "" when it is none.
inline std::string_view TextOf(const otlp::AnyValue* value) {
  return value != nullptr && value->is_text() ? value->text : std::string_view();
}

}  // namespace sextant::traceformats
