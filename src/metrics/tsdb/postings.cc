#include "metrics/tsdb/postings.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace sextant::tsdb {
namespace {

static_assert(std::endian::native == std::endian::little);

// Up to here always an array, from there on always a bitmap. Between them an array as long as the slots lie
// so far apart that a bitmap would be made of many almost empty parts.
constexpr uint32_t kMinBitmap = 64;
constexpr uint32_t kMaxArray = 4096;
constexpr uint32_t kSparse = 2048;  // one slot in so many

bool IsBitmapBetter(std::span<const uint32_t> slots) {
  if (slots.size() <= kMinBitmap) return false;
  if (slots.size() > kMaxArray) return true;
  return (slots.back() - slots.front()) / slots.size() < kSparse;
}

}  // namespace

void Postings::Clear() {
  if (form() == kArray) std::free(array());
  if (form() == kBitmap) delete &bitmap();
  word_ = 0;
}

void Postings::SetArray(std::span<const uint32_t> slots, uint32_t capacity) {
  auto* made = static_cast<uint32_t*>(std::malloc((kArrayHead + capacity) * sizeof(uint32_t)));
  if (made == nullptr) throw std::bad_alloc();
  made[0] = static_cast<uint32_t>(slots.size());
  made[1] = capacity;
  std::memcpy(made + kArrayHead, slots.data(), slots.size_bytes());
  Clear();
  word_ = reinterpret_cast<uint64_t>(made) | kArray;
}

// `slots` may be those of the present array.
void Postings::SetSlots(std::span<const uint32_t> slots) {
  if (slots.size() <= 1) {
    uint64_t word = slots.empty() ? 0 : uint64_t{slots.front()} << 32 | kSingle;
    Clear();
    word_ = word;
  } else if (IsBitmapBetter(slots)) {
    auto* made = new Bitmap(slots.size(), slots.data());
    Clear();
    word_ = reinterpret_cast<uint64_t>(made) | kBitmap;
  } else {
    // A power of two with the two numbers in front and the allocator's own eight bytes.
    SetArray(slots, static_cast<uint32_t>(std::bit_ceil(slots.size() + 4) - 4));
  }
}

Postings Postings::FromSorted(std::span<const uint32_t> slots) {
  Postings postings;
  postings.SetSlots(slots);
  return postings;
}

Postings Postings::FromRuns(std::span<const SlotRun> runs, std::vector<uint32_t>& scratch) {
  uint64_t slots = 0;
  for (SlotRun run : runs) slots += run.end - run.begin;
  constexpr uint64_t kLongRun = 16;
  if (slots > kMaxArray && slots / runs.size() >= kLongRun) {
    auto made = std::make_unique<Bitmap>();
    for (SlotRun run : runs) made->addRange(run.begin, run.end);
    Postings postings;
    postings.word_ = reinterpret_cast<uint64_t>(made.release()) | kBitmap;
    return postings;
  }
  scratch.resize(slots);
  uint32_t* at = scratch.data();
  for (SlotRun run : runs) {
    for (uint32_t slot = run.begin; slot < run.end; ++slot) *at++ = slot;
  }
  return FromSorted(scratch);
}

Postings Postings::Stored(const char* stored) {
  Postings postings;
  if (CountOfStored(stored) > 0) postings.word_ = reinterpret_cast<uint64_t>(stored) << kFormBits | kStored;
  return postings;
}

Postings Postings::Thawed() const {
  std::vector<SlotRun> runs;
  ReadStoredPostings(stored_bytes(), runs);
  if (runs.empty()) return {};
  std::vector<uint32_t> scratch;
  return FromRuns(runs, scratch);
}

void Postings::Thaw() {
  if (form() == kStored) *this = Thawed();
}

std::span<const uint32_t> Postings::few() const {
  if (form() == kSingle) return {single(), 1};
  if (form() == kArray) return {array() + kArrayHead, array()[0]};
  return {};
}

void Postings::Add(uint32_t slot) {
  Thaw();
  if (form() == kBitmap) {
    bitmap().add(slot);
    return;
  }
  std::span<const uint32_t> held = few();
  size_t place = static_cast<size_t>(std::lower_bound(held.begin(), held.end(), slot) - held.begin());
  if (place < held.size() && held[place] == slot) return;
  if (form() == kArray && held.size() < array()[1]) {
    uint32_t* at = array() + kArrayHead + place;
    std::memmove(at + 1, at, (held.size() - place) * sizeof(uint32_t));
    *at = slot;
    ++array()[0];
    return;
  }
  std::vector<uint32_t> grown;
  grown.reserve(held.size() + 1);
  grown.insert(grown.end(), held.begin(), held.begin() + static_cast<ptrdiff_t>(place));
  grown.push_back(slot);
  grown.insert(grown.end(), held.begin() + static_cast<ptrdiff_t>(place), held.end());
  SetSlots(grown);
}

void Postings::Remove(uint32_t slot) {
  Thaw();
  if (form() == kBitmap) {
    bitmap().remove(slot);
    uint64_t left = bitmap().cardinality();
    if (left > kMinBitmap / 2) return;
    std::vector<uint32_t> slots(left);
    bitmap().toUint32Array(slots.data());
    SetSlots(slots);
    return;
  }
  std::span<const uint32_t> held = few();
  size_t place = static_cast<size_t>(std::lower_bound(held.begin(), held.end(), slot) - held.begin());
  if (place == held.size() || held[place] != slot) return;
  if (held.size() <= 2) {
    uint32_t other = held[held.size() - 1 - place];
    SetSlots(held.size() == 2 ? std::span<const uint32_t>(&other, 1) : std::span<const uint32_t>());
    return;
  }
  uint32_t* at = array() + kArrayHead + place;
  std::memmove(at, at + 1, (held.size() - place - 1) * sizeof(uint32_t));
  --array()[0];
}

uint32_t Postings::size() const {
  if (form() == kStored) return CountOfStored(stored_bytes());
  return form() == kBitmap ? static_cast<uint32_t>(bitmap().cardinality())
                           : static_cast<uint32_t>(few().size());
}

bool Postings::Intersects(const Bitmap& slots) const {
  if (form() == kStored) return Thawed().Intersects(slots);
  if (form() == kBitmap) return bitmap().intersect(slots);
  std::span<const uint32_t> held = few();
  return std::any_of(held.begin(), held.end(), [&](uint32_t slot) { return slots.contains(slot); });
}

uint64_t Postings::CountIn(const Bitmap& slots) const {
  if (form() == kStored) return Thawed().CountIn(slots);
  if (form() == kBitmap) return bitmap().and_cardinality(slots);
  std::span<const uint32_t> held = few();
  return static_cast<uint64_t>(
      std::count_if(held.begin(), held.end(), [&](uint32_t slot) { return slots.contains(slot); }));
}

void Postings::UnionInto(Bitmap& out) const {
  if (form() == kStored) return Thawed().UnionInto(out);
  if (form() == kBitmap) {
    out |= bitmap();
  } else {
    out.addMany(few().size(), few().data());
  }
}

void Postings::SubtractFrom(Bitmap& out) const {
  if (form() == kStored) return Thawed().SubtractFrom(out);
  if (form() == kBitmap) {
    out -= bitmap();
  } else {
    for (uint32_t slot : few()) out.remove(slot);
  }
}

void Postings::IntersectWith(Bitmap& out) const {
  if (form() == kStored) return Thawed().IntersectWith(out);
  if (form() == kBitmap) {
    out &= bitmap();
    return;
  }
  std::vector<uint32_t> common;
  for (uint32_t slot : few()) {
    if (out.contains(slot)) common.push_back(slot);
  }
  out = Bitmap(common.size(), common.data());
}

Bitmap Postings::ToBitmap() const {
  if (form() == kStored) return Thawed().ToBitmap();
  if (form() == kBitmap) return bitmap();
  Bitmap out;
  UnionInto(out);
  return out;
}

uint64_t Postings::SizeBytes() const {
  constexpr uint64_t kAllocatorBytes = 8;
  if (form() == kArray) return (kArrayHead + array()[1]) * sizeof(uint32_t) + kAllocatorBytes;
  if (form() == kBitmap) return sizeof(Bitmap) + bitmap().getSizeInBytes(false);
  return 0;
}

}  // namespace sextant::tsdb
