// The series that have a label, as a sorted set of slots: one number in place, a small sorted array, or a
// compressed bitmap when there are many. 16 bytes when small. Owned by the label index, whose lock covers it.
#pragma once

#include <cstdint>
#include <memory>
#include <roaring/roaring.hh>
#include <span>
#include <variant>
#include <vector>

namespace sextant::tsdb {

// A compressed set of slots.
using Bitmap = ::Roaring;

class Postings {
 public:
  // Of slots in ascending order, each once.
  static Postings FromSorted(std::span<const uint32_t> slots);

  void Add(uint32_t slot);
  void Remove(uint32_t slot);
  uint32_t size() const;
  bool empty() const { return std::holds_alternative<std::monostate>(form_); }

  // Adds all of them to a bitmap.
  void UnionInto(Bitmap& out) const;
  Bitmap ToBitmap() const;

  // Heap memory behind this object, about.
  uint64_t SizeBytes() const;

 private:
  using Array = std::vector<uint32_t>;
  static constexpr uint32_t kMaxArray = 64;

  std::variant<std::monostate, uint32_t, std::unique_ptr<Array>, std::unique_ptr<Bitmap>> form_;
};

static_assert(sizeof(Postings) == 16);

}  // namespace sextant::tsdb
