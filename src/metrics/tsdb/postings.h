// The series that have a label, as a sorted set of slots: one number in place, a sorted array, or a
// compressed bitmap when there are many; after a restart, what an image has of it, until it is changed. 8
// bytes when small. Owned by the label index, whose lock covers it.
#pragma once

#include <cstdint>
#include <roaring/roaring.hh>
#include <span>
#include <utility>
#include <vector>

#include "metrics/tsdb/postings_codec.h"

namespace sextant::tsdb {

// A compressed set of slots.
using Bitmap = ::Roaring;

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
  // Of what an image holds (postings_codec.h), which must be there until Thaw.
  static Postings Stored(const char* stored);
  // What it was made of, if it is still that; else null.
  const char* stored() const { return form() == kStored ? stored_bytes() : nullptr; }
  void Thaw();

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
  // The slots, when they lie here and are too few for a bitmap; else nothing.
  std::span<const uint32_t> few() const;

  // Heap memory behind this object, about.
  uint64_t SizeBytes() const;

 private:
  // The lowest three bits of the word tell the form; 0 is the empty set. An array begins with its size and
  // its capacity. What is stored may lie at any address: it is shifted.
  enum Form : uint64_t { kNone = 0, kSingle = 1, kArray = 2, kBitmap = 3, kStored = 4 };
  static constexpr uint64_t kFormMask = 7;
  static constexpr unsigned kFormBits = 3;
  static constexpr uint32_t kArrayHead = 2;

  Form form() const { return static_cast<Form>(word_ & kFormMask); }
  uint32_t* array() const { return reinterpret_cast<uint32_t*>(word_ & ~kFormMask); }
  Bitmap& bitmap() const { return *reinterpret_cast<Bitmap*>(word_ & ~kFormMask); }
  const char* stored_bytes() const { return reinterpret_cast<const char*>(word_ >> kFormBits); }
  // The slot of kSingle, in the upper half of the word.
  const uint32_t* single() const { return reinterpret_cast<const uint32_t*>(&word_) + 1; }
  void SetArray(std::span<const uint32_t> slots, uint32_t capacity);
  void SetSlots(std::span<const uint32_t> slots);
  void Clear();
  Postings Thawed() const;

  uint64_t word_ = 0;
};

static_assert(sizeof(Postings) == 8);

}  // namespace sextant::tsdb
