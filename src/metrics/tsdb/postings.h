// The series that have a label, as a sorted set of slots: one number in place, a sorted array, or a
// compressed bitmap when there are many. 8 bytes when small. Owned by the label index, whose lock covers it.
#pragma once

#include <cstdint>
#include <roaring/roaring.hh>
#include <span>
#include <utility>
#include <vector>

namespace sextant::tsdb {

// A compressed set of slots.
using Bitmap = ::Roaring;

// Slots that follow each other: from `begin` to before `end`.
struct SlotRun {
  uint32_t begin = 0;
  uint32_t end = 0;
};

class Postings {
 public:
  Postings() = default;
  Postings(Postings&& other) noexcept : word_(std::exchange(other.word_, 0)) {}
  Postings& operator=(Postings&& other) noexcept {
    std::swap(word_, other.word_);
    return *this;
  }
  ~Postings() { Clear(); }
  // Of slots in ascending order, each once.
  static Postings FromSorted(std::span<const uint32_t> slots);
  // The same of runs, none of which is empty. `scratch` is memory to be used again.
  static Postings FromRuns(std::span<const SlotRun> runs, std::vector<uint32_t>& scratch);

  void Add(uint32_t slot);
  void Remove(uint32_t slot);
  uint32_t size() const;
  bool empty() const { return word_ == 0; }

  // Whether any of them is in a bitmap.
  bool Intersects(const Bitmap& slots) const;
  // How many of them are in a bitmap.
  uint64_t CountIn(const Bitmap& slots) const;
  // Adds all of them to a bitmap, takes them out of it, leaves only them in it.
  void UnionInto(Bitmap& out) const;
  void SubtractFrom(Bitmap& out) const;
  void IntersectWith(Bitmap& out) const;
  Bitmap ToBitmap() const;
  // The slots, when there are too few for a bitmap; else nothing.
  std::span<const uint32_t> few() const;

  // Heap memory behind this object, about.
  uint64_t SizeBytes() const;

 private:
  // The lowest two bits of the word tell the form; 0 is the empty set. An array begins with its size and its
  // capacity.
  enum Form : uint64_t { kNone = 0, kSingle = 1, kArray = 2, kBitmap = 3 };
  static constexpr uint32_t kArrayHead = 2;

  Form form() const { return static_cast<Form>(word_ & 3); }
  uint32_t* array() const { return reinterpret_cast<uint32_t*>(word_ & ~uint64_t{3}); }
  Bitmap& bitmap() const { return *reinterpret_cast<Bitmap*>(word_ & ~uint64_t{3}); }
  // The slot of kSingle, in the upper half of the word.
  const uint32_t* single() const { return reinterpret_cast<const uint32_t*>(&word_) + 1; }
  void SetArray(std::span<const uint32_t> slots, uint32_t capacity);
  void SetSlots(std::span<const uint32_t> slots);
  void Clear();

  uint64_t word_ = 0;
};

static_assert(sizeof(Postings) == 8);

}  // namespace sextant::tsdb
