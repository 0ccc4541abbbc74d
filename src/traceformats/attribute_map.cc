#include "traceformats/attribute_map.h"

#include <algorithm>

namespace sextant::traceformats {

using otlp::AnyValue;
using otlp::KeyValue;

const KeyValue* AttributeMap::FindItem(std::string_view key) const {
  if (!index_.empty()) {
    auto found = index_.find(key);
    return found == index_.end() ? nullptr : &items_[found->second];
  }
  auto found = std::ranges::find(items_, key, &KeyValue::key);
  return found == items_.end() ? nullptr : &*found;
}

void AttributeMap::Put(std::string_view key, const AnyValue& value) {
  if (index_.empty() && items_.size() > kMaxUnindexed) {
    for (size_t i = 0; i < items_.size(); ++i) index_.emplace(items_[i].key, i);
  }
  if (const KeyValue* found = FindItem(key); found != nullptr) {
    items_[static_cast<size_t>(found - items_.data())].value = value;
    return;
  }
  if (!index_.empty()) index_.emplace(key, items_.size());
  items_.push_back({key, value});
}

const AnyValue* AttributeMap::Find(std::string_view key) const {
  const KeyValue* found = FindItem(key);
  return found == nullptr ? nullptr : &found->value;
}

void AttributeMap::Remove(std::string_view key) {
  const KeyValue* found = FindItem(key);
  if (found == nullptr) return;
  items_.erase(items_.begin() + (found - items_.data()));
  index_.clear();
}

void AttributeMap::Clear() {
  items_.clear();
  index_.clear();
}

}  // namespace sextant::traceformats
