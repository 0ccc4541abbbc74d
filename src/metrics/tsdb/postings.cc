#include "metrics/tsdb/postings.h"

#include <algorithm>

namespace sextant::tsdb {

Postings Postings::FromSorted(std::span<const uint32_t> slots) {
  Postings postings;
  if (slots.empty()) return postings;
  if (slots.size() == 1) {
    postings.form_ = slots.front();
  } else if (slots.size() <= kMaxArray) {
    postings.form_ = std::make_unique<Array>(slots.begin(), slots.end());
  } else {
    postings.form_ = std::make_unique<Bitmap>(slots.size(), slots.data());
  }
  return postings;
}

void Postings::Add(uint32_t slot) {
  if (empty()) {
    form_ = slot;
  } else if (const uint32_t* single = std::get_if<uint32_t>(&form_)) {
    if (*single == slot) return;
    auto array = std::make_unique<Array>();
    array->reserve(2);
    array->push_back(std::min(*single, slot));
    array->push_back(std::max(*single, slot));
    form_ = std::move(array);
  } else if (auto* held = std::get_if<std::unique_ptr<Array>>(&form_)) {
    Array& array = **held;
    auto at = std::lower_bound(array.begin(), array.end(), slot);
    if (at != array.end() && *at == slot) return;
    array.insert(at, slot);
    if (array.size() > kMaxArray) {
      form_ = std::make_unique<Bitmap>(array.size(), array.data());
    }
  } else {
    std::get<std::unique_ptr<Bitmap>>(form_)->add(slot);
  }
}

void Postings::Remove(uint32_t slot) {
  if (const uint32_t* single = std::get_if<uint32_t>(&form_)) {
    if (*single == slot) form_ = std::monostate();
  } else if (auto* held = std::get_if<std::unique_ptr<Array>>(&form_)) {
    Array& array = **held;
    auto at = std::lower_bound(array.begin(), array.end(), slot);
    if (at == array.end() || *at != slot) return;
    array.erase(at);
    if (array.size() == 1) form_ = uint32_t{array.front()};
  } else if (auto* bits = std::get_if<std::unique_ptr<Bitmap>>(&form_)) {
    (*bits)->remove(slot);
    uint64_t left = (*bits)->cardinality();
    if (left > kMaxArray / 2) return;
    auto array = std::make_unique<Array>(left);
    (*bits)->toUint32Array(array->data());
    form_ = std::move(array);
  }
}

uint32_t Postings::size() const {
  if (empty()) return 0;
  if (std::holds_alternative<uint32_t>(form_)) return 1;
  if (auto* array = std::get_if<std::unique_ptr<Array>>(&form_))
    return static_cast<uint32_t>((*array)->size());
  return static_cast<uint32_t>(std::get<std::unique_ptr<Bitmap>>(form_)->cardinality());
}

void Postings::UnionInto(Bitmap& out) const {
  if (const uint32_t* single = std::get_if<uint32_t>(&form_)) {
    out.add(*single);
  } else if (auto* array = std::get_if<std::unique_ptr<Array>>(&form_)) {
    out.addMany((*array)->size(), (*array)->data());
  } else if (auto* bits = std::get_if<std::unique_ptr<Bitmap>>(&form_)) {
    out |= **bits;
  }
}

Bitmap Postings::ToBitmap() const {
  if (auto* bits = std::get_if<std::unique_ptr<Bitmap>>(&form_)) return **bits;
  Bitmap out;
  UnionInto(out);
  return out;
}

uint64_t Postings::SizeBytes() const {
  if (auto* array = std::get_if<std::unique_ptr<Array>>(&form_)) {
    return sizeof(Array) + (*array)->capacity() * sizeof(uint32_t);
  }
  if (auto* bits = std::get_if<std::unique_ptr<Bitmap>>(&form_)) {
    return sizeof(Bitmap) + (*bits)->getSizeInBytes(false);
  }
  return 0;
}

}  // namespace sextant::tsdb
